"""Metadata tables, names and groups of the matrix of input."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from tests.input_cases import (
    AGE,
    DAYS,
    DISEASE,
    SITE,
    TABLE,
    N,
    as_objects,
    decimals,
    needs,
    refused,
    same_as_plain,
    with_gaps,
)


def named(*names):
    """The table with other names of its columns."""
    index = pd.Index(names, tupleize_cols=False)
    return TABLE.set_axis(index, axis=1)


NO_TABLE = "{kind} is no table that can be read; pass a pandas or polars DataFrame"
SAME_TABLES = {
    "polars": (lambda: needs("polars").DataFrame(TABLE.to_dict("list")), lambda: TABLE),
    "pyarrow": (lambda: needs("pyarrow").table(TABLE.to_dict("list")), lambda: TABLE),
    "index of two levels": (
        lambda: TABLE.set_axis(pd.MultiIndex.from_product([range(6), range(10)])),
        lambda: TABLE,
    ),
    "repeated index": (lambda: TABLE.set_axis(np.zeros(N)), lambda: TABLE),
}
REFUSED_TABLES = {
    "lazy polars": (
        lambda: needs("polars").DataFrame(TABLE.to_dict("list")).lazy(),
        r"the metadata table is lazy; pass y\.collect\(\)",
    ),
    "dict": (lambda: TABLE.to_dict("list"), NO_TABLE.format(kind="dict")),
    "list of dicts": (lambda: TABLE.to_dict("records"), NO_TABLE.format(kind="list")),
    "records": (
        lambda: TABLE.to_records(index=False),
        NO_TABLE.format(kind="recarray"),
    ),
    "name of a file": (lambda: "meta.csv", NO_TABLE.format(kind="str")),
    "a number": (lambda: 3, NO_TABLE.format(kind="int")),
    "generator": (lambda: (row for row in SITE), NO_TABLE.format(kind="generator")),
    "None": (lambda: None, "^This .* requires y to be passed.*metadata table as y"),
    "repeated names": (
        lambda: named("disease", "disease"),
        ".*several columns named 'disease'; rename",
    ),
    "names 1 and True": (
        lambda: TABLE.assign(more=AGE).set_axis(["disease", 1, True], axis=1),
        ".*several columns named .*; rename",
    ),
    "names of two levels": (
        lambda: TABLE.set_axis(pd.MultiIndex.from_product([["a"], ["b", "c"]]), axis=1),
        "the metadata columns have 2 header levels; flatten",
    ),
    "no columns": (lambda: TABLE[[]], ".*no column; pass at least one"),
    "59 rows": (
        lambda: TABLE[:-1],
        "^X has 60 rows and y has 59 rows.*Row i of y must describe row i of X",
    ),
    "three dimensions": (lambda: np.zeros((N, 2, 2)), "Found array with dim 3"),
    "sparse matrix": (
        lambda: sparse.csr_matrix(AGE[:, None]),
        r"Sparse data was passed.*y\.toarray\(\)",
    ),
    "complex array": (lambda: AGE + 1j, "Complex data not supported; pass real"),
}
NOTHING_LEFT = {
    "only the target": (
        lambda: TABLE[["disease"]],
        "there is no column besides the target 'disease'; pass metadata columns",
    ),
    "constant and row number": (
        lambda: TABLE.assign(site="north", id=np.arange(N)),
        r"all columns are left out, nothing to analyse\. "
        r"'site': constant.*'id': identifier-like",
    ),
}
TABLES = [
    *same_as_plain("table", SAME_TABLES),
    *refused("table", REFUSED_TABLES),
    *refused("table", NOTHING_LEFT, "fit"),
]
UNHASHABLE = r"^{}: \['site'\] is no name of a column; pass a flat list"
NO_COLUMN = r"^{}: there is no column 'sit' .*did you mean 'site'\?.*'disease'"
TWICE = r"^{}: a name occurs more than once in \['site', 'site'\]"
REFUSED_NAMES = {
    "unknown column": ({"columns": ["sit"]}, NO_COLUMN.format("columns")),
    "unknown target": ({"target": "sit"}, NO_COLUMN.format("target")),
    "unknown groups": ({"groups": "sit"}, NO_COLUMN.format("groups")),
    "unknown confounder": ({"confounders": ["sit"]}, NO_COLUMN.format("confounders")),
    "unknown head": ({"heads": {"sit": "ridge"}}, NO_COLUMN.format("heads")),
    "nested columns": ({"columns": [["site"]]}, UNHASHABLE.format("columns")),
    "nested confounders": (
        {"confounders": [["site"]]},
        UNHASHABLE.format("confounders"),
    ),
    "no columns": ({"columns": []}, "^columns: the list is empty; name at least one"),
    "columns as a word": (
        {"columns": "site"},
        r"^columns='site' is text and no list of names; pass columns=\['site'\]\.",
    ),
    "confounders as a word": (
        {"confounders": "site"},
        r"^confounders='site' is text and no list.*pass confounders=\['site'\]\.",
    ),
    "None among columns": (
        {"columns": ["site", None]},
        "^columns: there is no column None",
    ),
    "target among columns": (
        {"columns": ["disease"]},
        "^columns: the target 'disease' is among them.*leave it out",
    ),
    "groups as target": (
        {"groups": "disease"},
        "^groups: 'disease' is target too.*column of their own",
    ),
    "groups among columns": (
        {"groups": "site", "columns": ["site"]},
        "^columns: 'site' is among them; it names the groups",
    ),
    "column twice": ({"columns": ["site", "site"]}, TWICE.format("columns")),
    "confounder twice": (
        {"confounders": ["site", "site"]},
        TWICE.format("confounders"),
    ),
}
NAMES = refused(
    "names",
    {
        what: (lambda given=given: given, error)
        for what, (given, error) in REFUSED_NAMES.items()
    },
)
REFUSED_GROUPS = {
    "lists": (
        lambda: as_objects([[1], [2]] * 30),
        r"'unit' holds values that cannot name a group, such as \[1\]; pass",
    ),
    "dicts": (
        lambda: as_objects([{}] * N),
        "'unit' holds values that cannot name a group",
    ),
    "1 beside '1'": (
        lambda: as_objects(i // 4 if i % 2 else str(i // 4) for i in range(N)),
        r"'unit' holds both .*differ in type only.*\.astype\(str\)",
    ),
}
ONE_GROUP = {
    "a single group": (lambda: ["a"] * N, "'unit' holds 1 different values; at least 2")
}
SAME_GROUPS = {
    "unused categories": (
        lambda: pd.Series(pd.Categorical(np.arange(N) // 2, range(99))),
        lambda: np.arange(N) // 2,
    ),
    "dates": (lambda: pd.Series(DAYS[:30].repeat(2)), lambda: np.arange(N) // 2),
    "nullable integers": (
        lambda: pd.Series(with_gaps(np.arange(N) // 2), dtype="Int64"),
        lambda: with_gaps((np.arange(N) // 2).astype(float), np.nan),
    ),
    "tuples": (
        lambda: as_objects((i // 2, "a") for i in range(N)),
        lambda: np.arange(N) // 2,
    ),
}
GROUPS = [
    *refused("groups", REFUSED_GROUPS),
    *refused("groups", ONE_GROUP, "fit"),
    *same_as_plain("groups", SAME_GROUPS),
]

# --- labels of an analysis of features -----------------------------------------------

SAME_LABELS = {
    "bytes": (lambda: [name.encode() for name in DISEASE], lambda: DISEASE),
    "intervals": (
        lambda: pd.Series(pd.cut((DISEASE == "well").astype(int), 2)),
        lambda: DISEASE,
    ),
    "dates": (
        lambda: pd.Series(np.where(DISEASE == "ill", DAYS[0], DAYS[1])),
        lambda: DISEASE,
    ),
    "Decimal": (decimals, lambda: AGE),
}
REFUSED_LABELS = {
    "missing": (
        lambda: with_gaps(DISEASE),
        "^target: 2 of 60 labels in 'x0' are missing; drop these samples",
    ),
    "infinity": (
        lambda: np.where(AGE > 70, np.inf, AGE),
        r"^column 'x0' holds \d+ infinite values; replace them",
    ),
    "times 1e300": (
        lambda: AGE * 1e300,
        "^column 'x0' holds numbers up to the size .*rescale",
    ),
    "integers and strings": (
        lambda: [1, "a"] * 30,
        r"^column 'x0' mixes .*\(30 int, 30 str\); convert it",
    ),
    "complex": (
        lambda: pd.Series(AGE + 1j),
        "^column 'x0' holds complex numbers; pass real ones",
    ),
    "a single one": (lambda: ["a"] * N, "all samples have the same"),
}
LABELS = [*same_as_plain("labels", SAME_LABELS), *refused("labels", REFUSED_LABELS)]
