"""Columns that are erased: which can be, and the levels of new rows."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import MetadataEraser
from sklearn_wsca._erasure.columns import read_candidates, read_levels
from sklearn_wsca.datasets import make_shortcut
from tests.erasure.studies import study
from tests.reference import make_study

X, TABLE = make_study(0, 90, 6, shared=1.5)


def erase(columns=("site",), table=TABLE, **parameters):
    settings = {"target": "disease", "method": "quadratic"} | parameters
    return MetadataEraser(list(columns), **settings).fit(X, table)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"columns": ["site", "sex"]}, r"one column, and there are 2: 'site', 'sex'"),
        ({"columns": ["age"]}, r"'age' is continuous.*kinds=\{'age': 'categorical'\}"),
        ({"method": "cubic"}, "'method' parameter"),
    ],
)
def test_what_a_quadratic_erasure_cannot_do(parameters, message):
    with pytest.raises(ValueError, match=message):
        erase(**parameters)


def test_codes_that_are_called_levels():
    table = TABLE.assign(site=pd.factorize(TABLE["site"])[0] + 7)
    coded = erase(table=table, kinds={"site": "categorical"})
    found = coded.transform(X, metadata=table)
    np.testing.assert_allclose(found, erase().transform(X, metadata=TABLE))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "metadata: a quadratic erasure needs the level of every row"),
        (TABLE[:80], "metadata has 80 rows and X has 90"),
        (TABLE.rename(columns={"site": "Site"}), "no column 'site'.*mean 'Site'"),
        (
            TABLE.assign(site=TABLE["site"].where(np.arange(90) != 4)),
            r"missing, or was not seen by fit, in 1 of 90 rows \(first row 4: nan\)",
        ),
        (
            TABLE.assign(site=TABLE["site"].replace("Cork", "Dublin")),
            "not seen by fit, in .* 'Dublin'",
        ),
    ],
)
def test_levels_that_are_not_known(metadata, message):
    with pytest.raises(ValueError, match=message):
        erase().transform(X, metadata=metadata)


def test_forms_of_metadata(make_frame):
    eraser = erase()
    expected = eraser.transform(X, metadata=TABLE)
    frame = make_frame({"site": TABLE["site"].tolist()})
    for metadata in (TABLE["site"], TABLE["site"].to_numpy(), frame):
        np.testing.assert_array_equal(eraser.transform(X, metadata), expected)
    codes = read_levels(
        TABLE["site"].to_numpy(), X, 90, "site", ("Cork", "Bergen", "Aarhus")
    )
    assert codes[:3].tolist() == [
        ["Cork", "Bergen", "Aarhus"].index(name) for name in TABLE["site"][:3]
    ]


def test_names_of_rows_and_patients_are_no_targets():
    table = TABLE[["disease", "age"]].assign(
        patient=[f"p{i // 2}" for i in range(90)],
        image=[f"i{i}" for i in range(90)],
        constant=1,
    )
    found = read_candidates(table, list(table), {})
    assert [column.name for column in found] == ["disease", "age"]


def test_columns_that_cannot_be_erased():
    X, table, _ = study(0, (60, 6))
    table = table[["site"]].assign(
        scanner="A", patient=[f"p{i}" for i in range(60)], empty=None
    )
    with pytest.warns(UserWarning, match="are not erased.*'scanner': constant"):
        eraser = MetadataEraser().fit(X, table)
    assert eraser.columns_ == ["site"]
    assert list(eraser.dropped_columns_) == ["scanner", "patient", "empty"]
    assert "identifier-like" in eraser.dropped_columns_["patient"]
    assert "observed in 0 of 60 rows" in eraser.dropped_columns_["empty"]
    expected = MetadataEraser(["site"]).fit_transform(X, table)
    np.testing.assert_array_equal(eraser.transform(X), expected)


def test_what_the_target_determines():
    X, table, _ = study(0, (60, 6))
    table["copy"] = table["stage"].str.lower()
    with pytest.warns(UserWarning, match="not erased"):
        eraser = MetadataEraser(["site", "copy"], target="stage").fit(X, table)
    assert eraser.dropped_columns_ == {
        "copy": "does not vary at fixed target 'stage': that determines it, or no "
        "rows have both"
    }


def test_a_number_that_varies_by_rounding_is_not_erased():
    X = 40.0 + 3.0 * np.random.default_rng(0).normal(size=(60, 4))
    y = pd.DataFrame({"site": np.arange(60) % 2, "dose": 1e6 + 1e-9 * np.arange(60)})
    assert y["dose"].nunique() > 20
    eraser = MetadataEraser()
    with pytest.warns(
        UserWarning, match="'dose': constant: it varies by rounding only"
    ):
        eraser.fit(X, y)
    assert list(eraser.dropped_columns_) == ["dose"]


def with_persons():
    """Embeddings and a table with a number for every patient of three images."""
    study = make_shortcut(300, 16, encoding=2.0, random_state=0)
    patient = np.random.default_rng(0).permutation(1000)[np.repeat(np.arange(100), 3)]
    return study.data, study.metadata[["scanner", "age"]].assign(patient_id=patient)


def test_numbers_of_patients_are_erased_only_if_they_are_asked_for():
    X, table = with_persons()
    with pytest.warns(
        UserWarning, match=r"^y: some columns are not erased.*patient_id"
    ):
        eraser = MetadataEraser().fit(X, table)
    assert eraser.columns_ == ["scanner", "age"]
    assert list(eraser.dropped_columns_) == ["patient_id"]
    assert "its name is that of patients" in eraser.dropped_columns_["patient_id"]
    expected = MetadataEraser(["scanner", "age"]).fit(X, table)
    np.testing.assert_allclose(eraser.transform(X), expected.transform(X))


@pytest.mark.parametrize(
    "asked",
    [{"columns": ["patient_id"]}, {"kinds": {"patient_id": "continuous"}}],
    ids=["columns", "kinds"],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_numbers_of_patients_can_be_asked_for(asked):
    X, table = with_persons()
    eraser = MetadataEraser(**asked).fit(X, table)
    assert "patient_id" in eraser.columns_ and not eraser.dropped_columns_
