"""Columns that are erased: which can be, and the levels of new rows."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import MetadataEraser
from sklearn_wsca._erasure.columns import read_candidates, read_levels
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
