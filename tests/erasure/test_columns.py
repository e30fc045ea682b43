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


@pytest.mark.parametrize(("n", "d"), [(300, 10), (60, 120)])
@pytest.mark.parametrize("column", ["site", "age"])
def test_columns_that_the_embeddings_do_not_show(n, d, column):
    """p-values of 60 unrelated columns; and of one that moves the embeddings."""
    said = 0
    for seed in range(60):
        X, table = make_study(seed, n, d, shared=0.0)
        eraser = MetadataEraser([column], target="disease").fit(X, table)
        said += any("beyond chance" in note for note in eraser.notes_)
    assert 52 <= said <= 60
    X, table = make_study(0, n, d, shared=3.0)
    eraser = MetadataEraser([column], target="disease").fit(X, table)
    assert not any("beyond chance" in note for note in eraser.notes_)


def draw_levels(seed, n=800):
    """Scanners A and C alike, B with a direction of its own along little variance."""
    rng = np.random.default_rng(seed)
    target, scanner = rng.integers(0, 2, n), rng.integers(0, 3, n)
    X = rng.standard_normal((n, 8)) * np.geomspace(3.0, 0.3, 8)
    X[:, 0] += 2 * target
    X[:, 7] += 0.3 * (scanner == 1)
    names = np.array(["A", "B", "C"])[scanner]
    return X, pd.DataFrame({"scanner": names, "disease": target})


@pytest.mark.parametrize("target", [None, "disease"])
def test_levels_that_the_embeddings_do_not_tell_are_named(target):
    alike = 0
    for seed in range(20):
        X, table = draw_levels(seed)
        eraser = MetadataEraser(["scanner"], target=target).fit(X, table)
        alike += any("do not tell 'A' from 'C' beyond" in x for x in eraser.notes_)
        assert not any("'B'" in note for note in eraser.notes_)
    assert alike >= 16


def test_levels_are_not_compared_where_it_says_nothing():
    X, table = draw_levels(0)
    merged = table.assign(scanner=table["scanner"].replace("C", "A"))
    assert MetadataEraser(["scanner"], target="disease").fit(X, merged).notes_ == []
    quadratic = MetadataEraser(["scanner"], target="disease", method="quadratic")
    assert quadratic.fit(X, table).notes_ == []
    # One sentence says that nothing is seen of the whole column.
    hidden = table.assign(scanner=np.random.default_rng(1).permutation(table.scanner))
    (note,) = MetadataEraser(["scanner"], target="disease").fit(X, hidden).notes_
    assert "do not show it" in note


def test_a_pair_of_levels_without_known_target_is_not_compared():
    X, table = draw_levels(0)
    table["disease"] = table["disease"].astype(float)
    table.loc[table["scanner"] != "B", "disease"] = np.nan
    table.loc[[0, 1, 2], ["scanner", "disease"]] = [["A", 0.0], ["A", 1.0], ["B", 0.0]]
    eraser = MetadataEraser(["scanner"], target="disease").fit(X, table)
    assert not any("'C'" in note for note in eraser.notes_)
