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
    Case,
    N,
    as_objects,
    decimals,
    needs,
    with_gaps,
)


def named(*names):
    """The table with other names of its columns."""
    index = pd.Index(names, tupleize_cols=False)
    return TABLE.set_axis(index, axis=1)


NO_TABLE = "^y: {kind} is no table that can be read; pass a pandas or polars DataFrame"
TABLES = [
    Case(
        "table",
        "polars",
        lambda: needs("polars").DataFrame(TABLE.to_dict("list")),
        plain=lambda: TABLE,
    ),
    Case(
        "table",
        "pyarrow",
        lambda: needs("pyarrow").table(TABLE.to_dict("list")),
        plain=lambda: TABLE,
    ),
    Case(
        "table",
        "index of two levels",
        lambda: TABLE.set_axis(pd.MultiIndex.from_product([range(6), range(10)])),
        plain=lambda: TABLE,
    ),
    Case(
        "table",
        "repeated index",
        lambda: TABLE.set_axis(np.zeros(N)),
        plain=lambda: TABLE,
    ),
    Case(
        "table",
        "lazy polars",
        lambda: needs("polars").DataFrame(TABLE.to_dict("list")).lazy(),
        r"^y: the metadata table is lazy; pass y\.collect\(\)",
    ),
    Case("table", "dict", lambda: TABLE.to_dict("list"), NO_TABLE.format(kind="dict")),
    Case(
        "table",
        "list of dicts",
        lambda: TABLE.to_dict("records"),
        NO_TABLE.format(kind="list"),
    ),
    Case(
        "table",
        "records",
        lambda: TABLE.to_records(index=False),
        NO_TABLE.format(kind="recarray"),
    ),
    Case("table", "name of a file", lambda: "meta.csv", NO_TABLE.format(kind="str")),
    Case("table", "a number", lambda: 3, NO_TABLE.format(kind="int")),
    Case(
        "table",
        "generator",
        lambda: (row for row in SITE),
        NO_TABLE.format(kind="generator"),
    ),
    Case("table", "None", lambda: None, "requires y to be passed.*metadata table as y"),
    Case(
        "table",
        "repeated names",
        lambda: named("disease", "disease"),
        "^y: .*several columns named 'disease'; rename",
    ),
    Case(
        "table",
        "names 1 and True",
        lambda: TABLE.assign(more=AGE).set_axis(["disease", 1, True], axis=1),
        "^y: .*several columns named .*; rename",
    ),
    Case(
        "table",
        "names of two levels",
        lambda: TABLE.set_axis(pd.MultiIndex.from_product([["a"], ["b", "c"]]), axis=1),
        "^y: the metadata columns have 2 header levels; flatten",
    ),
    Case(
        "table", "no columns", lambda: TABLE[[]], "^y: .*no column; pass at least one"
    ),
    Case(
        "table",
        "59 rows",
        lambda: TABLE[:-1],
        "^X has 60 rows and y has 59 rows.*Row i of y must describe row i of X",
    ),
    Case(
        "table",
        "three dimensions",
        lambda: np.zeros((N, 2, 2)),
        "^y: Found array with dim 3",
    ),
    Case(
        "table",
        "sparse matrix",
        lambda: sparse.csr_matrix(AGE[:, None]),
        r"^y: Sparse data was passed.*y\.toarray\(\)",
    ),
    Case(
        "table",
        "complex array",
        lambda: AGE + 1j,
        "^y: Complex data not supported; pass real",
    ),
]
UNHASHABLE = r"^{argument}: \['site'\] is no name of a column; pass a flat list"
NO_COLUMN = r"^{argument}: there is no column 'sit' .*did you mean 'site'\?.*'disease'"
NAMES = [
    Case(
        "names",
        "unknown column",
        lambda: {"columns": ["sit"]},
        NO_COLUMN.replace("{argument}", "columns"),
    ),
    Case(
        "names",
        "unknown target",
        lambda: {"target": "sit"},
        NO_COLUMN.replace("{argument}", "target"),
    ),
    Case(
        "names",
        "unknown groups",
        lambda: {"groups": "sit"},
        NO_COLUMN.replace("{argument}", "groups"),
    ),
    Case(
        "names",
        "unknown confounder",
        lambda: {"confounders": ["sit"]},
        NO_COLUMN.replace("{argument}", "confounders"),
    ),
    Case(
        "names",
        "unknown head",
        lambda: {"heads": {"sit": "ridge"}},
        NO_COLUMN.replace("{argument}", "heads"),
    ),
    Case(
        "names",
        "nested columns",
        lambda: {"columns": [["site"]]},
        UNHASHABLE.replace("{argument}", "columns"),
    ),
    Case(
        "names",
        "nested confounders",
        lambda: {"confounders": [["site"]]},
        UNHASHABLE.replace("{argument}", "confounders"),
    ),
    Case(
        "names",
        "no columns",
        lambda: {"columns": []},
        "^columns: the list is empty; name at least one",
    ),
    Case(
        "names",
        "columns as a word",
        lambda: {"columns": "site"},
        "'columns' parameter .*array-like.*Got 'site'",
    ),
    Case(
        "names",
        "None among columns",
        lambda: {"columns": ["site", None]},
        "^columns: there is no column None",
    ),
    Case(
        "names",
        "target among columns",
        lambda: {"columns": ["disease"]},
        "^columns: the target 'disease' is among them.*leave it out",
    ),
    Case(
        "names",
        "groups as target",
        lambda: {"groups": "disease"},
        "^groups: 'disease' is target too.*column of their own",
    ),
    Case(
        "names",
        "groups among columns",
        lambda: {"groups": "site", "columns": ["site"]},
        "^columns: 'site' is among them; it names the groups",
    ),
    Case(
        "names",
        "confounder twice",
        lambda: {"confounders": ["site", "site"]},
        "^confounders: a name occurs more than once",
    ),
]
GROUPS = [
    Case(
        "groups",
        "lists",
        lambda: as_objects([[1], [2]] * 30),
        r"^groups: 'unit' holds values that cannot name a group, such as \[1\]; pass",
    ),
    Case(
        "groups",
        "dicts",
        lambda: as_objects([{}] * N),
        "^groups: 'unit' holds values that cannot name a group",
    ),
    Case(
        "groups",
        "1 beside '1'",
        lambda: as_objects(i // 4 if i % 2 else str(i // 4) for i in range(N)),
        r"^groups: 'unit' holds both .*differ in type only.*\.astype\(str\)",
    ),
    Case(
        "groups",
        "a single group",
        lambda: ["a"] * N,
        "^groups: 'unit' holds 1 different values; at least 2",
        places=("fit",),
    ),
    Case(
        "groups",
        "unused categories",
        lambda: pd.Series(pd.Categorical(np.arange(N) // 2, range(99))),
        plain=lambda: np.arange(N) // 2,
    ),
    Case(
        "groups",
        "dates",
        lambda: pd.Series(DAYS[:30].repeat(2)),
        plain=lambda: np.arange(N) // 2,
    ),
    Case(
        "groups",
        "nullable integers",
        lambda: pd.Series(with_gaps(np.arange(N) // 2), dtype="Int64"),
        plain=lambda: with_gaps((np.arange(N) // 2).astype(float), np.nan),
    ),
    Case(
        "groups",
        "tuples",
        lambda: as_objects((i // 2, "a") for i in range(N)),
        plain=lambda: np.arange(N) // 2,
    ),
]

# --- labels of an analysis of features -----------------------------------------------

LABELS = [
    Case(
        "labels",
        "bytes",
        lambda: [name.encode() for name in DISEASE],
        plain=lambda: DISEASE,
    ),
    Case(
        "labels",
        "intervals",
        lambda: pd.Series(pd.cut((DISEASE == "well").astype(int), 2)),
        plain=lambda: DISEASE,
    ),
    Case(
        "labels",
        "dates",
        lambda: pd.Series(np.where(DISEASE == "ill", DAYS[0], DAYS[1])),
        plain=lambda: DISEASE,
    ),
    Case("labels", "Decimal", decimals, plain=lambda: AGE),
    Case(
        "labels",
        "missing",
        lambda: with_gaps(DISEASE),
        "^target: 2 of 60 labels in 'x0' are missing; drop these samples",
    ),
    Case(
        "labels",
        "infinity",
        lambda: np.where(AGE > 70, np.inf, AGE),
        r"^column 'x0' holds \d+ infinite values; replace them",
    ),
    Case(
        "labels",
        "times 1e300",
        lambda: AGE * 1e300,
        "^column 'x0': the largest number has the size .*rescale",
    ),
    Case(
        "labels",
        "integers and strings",
        lambda: [1, "a"] * 30,
        r"^column 'x0' mixes .*\(30 int, 30 str\); convert it",
    ),
    Case(
        "labels",
        "complex",
        lambda: pd.Series(AGE + 1j),
        "^column 'x0' holds complex numbers; pass real ones",
    ),
    Case("labels", "a single one", lambda: ["a"] * N, "^y: all samples have the same"),
]
