"""Files that do not fit each other: rows, heads, and what the analysis finds."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from tests.broken_files import (
    IDS,
    NAMES,
    REGISTRY,
    BrokenFile,
    N,
    arrays,
    broken,
    broken_contents,
    table,
    with_file,
    with_ids,
    zipped,
)

# Rows


@broken("embeddings", r"60 rows.*59 rows.*add an id column")
def one_row_less(files):
    return with_file(files, "metadata", ".csv", table()[:-1])


BY_PATIENT = table().assign(sample=table()["patient"])
BY_PATIENT.loc[0, "sample"] = "q0"
WITH_GAPS = table()
WITH_GAPS.loc[[0, 9], "sample"] = ""
# What is wrong -> the file that is named, ids of embeddings, metadata, what is said.
IDS_THAT_DO_NOT_FIT = {
    "id column of another case": (
        "metadata",
        IDS,
        table().rename(columns={"sample": "Sample"}),
        r"no id column 'sample' \(did you mean 'Sample'\?\)",
    ),
    "no id column in metadata": (
        "metadata",
        IDS,
        table().drop(columns="sample"),
        r"no id column 'sample'.*its columns are 'diagnosis', 'scanner'",
    ),
    "repeated ids of embeddings": (
        "embeddings",
        ["s000", "s000", *IDS[2:]],
        table(),
        r"1 id of 'sample' repeated \('s000'; 2 rows.*one row per id",
    ),
    "repeated ids of metadata": (
        "metadata",
        [f"p{i}" for i in range(N)],
        BY_PATIENT,
        r"29 ids of 'sample' repeated.*'p1', 'p10', 'p11' and.*keep one",
    ),
    "ids without metadata": (
        "embeddings",
        IDS,
        table()[:-2],
        r"2 of the 60 ids.*'s058', 's059'.*unmatched='drop'",
    ),
    "ids without embeddings": (
        "metadata",
        IDS[:-3],
        table(),
        r"3 of the 60 ids.*not in.*'s057', 's058', 's059'",
    ),
    "ids that lost their zeros": (
        "embeddings",
        list(range(N)),
        table().assign(sample=[f"{i:03d}" for i in range(N)]),
        r"none of its 60 ids.*59 would match if leading zeros",
    ),
    "ids that are file names": (
        "embeddings",
        [f"scans/{id}.dcm" for id in IDS],
        table(),
        r"none of its 60 ids.*folders and file extensions are removed",
    ),
    "rows without id": (
        "metadata",
        IDS,
        WITH_GAPS,
        r"2 of its 60 rows have no id.*rows 0, 9.*fill them in",
    ),
}
for name, (file, ids, metadata, fix) in IDS_THAT_DO_NOT_FIT.items():
    make = partial(with_ids, ids=ids, metadata=metadata)
    REGISTRY.append(BrokenFile(name, file, fix, make, "reader"))

NO_ID = (
    r"; its columns are {}: name the id column alike in both files, or leave out id "
    r"where row i of one describes row i of the other\.$"
)
OBS = pd.DataFrame({"Sample": IDS}, index=[f"row {i}" for i in range(N)])
OBS = OBS.astype(object).set_axis(OBS.index.astype(object), axis=0)
ROUNDED = table().assign(sample=1e19 + 1e5 * np.arange(N))

ANALYSED_METADATA = {
    "no id column in parquet": (
        table()[["diagnosis", "age"]],
        ": has no id column 'sample'" + NO_ID.format("'diagnosis', 'age'"),
    ),
    "ids that were rounded": (
        ROUNDED,
        r"'sample' are floating-point numbers.*save them as text",
    ),
}
broken_contents("metadata", ".parquet", ANALYSED_METADATA, start=with_ids)
broken_contents(
    "embeddings",
    ".h5ad",
    {
        "no id column in h5ad": (
            {"X": arrays(), "obs": OBS},
            r": has no id column 'sample' \(did you mean 'Sample'\?\)"
            + NO_ID.format("'index', 'Sample'"),
        )
    },
    start=with_ids,
)
broken_contents(
    "embeddings",
    ".npz",
    {
        "no ids beside an array": (
            {"X": arrays(), "samples": IDS},
            r": has no id column 'sample' \(did you mean 'samples'\?\)"
            + NO_ID.format("'X', 'samples'"),
        ),
        "ids that are a matrix": (
            {"X": arrays(), "sample": np.array(IDS)[:, None]},
            r": the ids 'sample' have the shape \(60, 1\); save one id per row\.$",
        ),
    },
    start=with_ids,
)
broken_contents(
    "embeddings",
    ".csv",
    {
        "no id column in text": (
            pd.DataFrame(arrays(), columns=NAMES),
            ": has no id column 'sample'" + NO_ID.format(", ".join(map(repr, NAMES))),
        ),
        "ids without embeddings beside them": (
            pd.DataFrame({"sample": IDS}),
            r": has no columns besides the ids; export it again\.$",
        ),
    },
    start=with_ids,
)

# Heads

WITH_GAP = np.eye(2, 6)
WITH_GAP[1, 1] = np.nan

broken_contents(
    "head",
    ".npz",
    {
        "head of another width": (
            {"weight": np.ones((2, 5)), "bias": np.zeros(2)},
            r"no weights of 6 features.*\(2, 5\).*embeddings that enter this head",
        ),
        "transposed head": (
            {"weight": np.ones((6, 2)), "bias": np.zeros(2)},
            r"'weight' looks transposed: save its \.T",
        ),
        "two heads": (
            {"a.weight": np.ones((3, 6)), "b.weight": np.ones((2, 6))},
            r"'b\.weight' \(2, 6\), 'a\.weight' \(3, 6\); name one with key",
        ),
        "intercepts of another head": (
            {"coef": np.eye(2, 6), "intercept": np.zeros(3)},
            "2 rows, so 2 finite intercepts are needed; found 3",
        ),
        "intercepts that are text": (
            {"coef": np.eye(2, 6), "intercept": ["0.5", "-0.25"]},
            r": holds <U5 as intercepts; save them as float32\.$",
        ),
        "intercepts that are objects": (
            {"weight": np.eye(2, 6), "bias": np.array([0.5, -0.25], dtype=object)},
            r": 'bias' holds Python objects.*np\.asarray\(x, dtype='float32'\)",
        ),
        "weights that are objects": (
            {"fc.weight": np.eye(2, 6).astype(object), "fc.bias": [0.5, 1]},
            r": 'fc\.weight' holds Python objects.*dtype='float32'\)",
        ),
        "weights of one output": (
            {"coef": np.arange(6.0), "intercept": 0.5},
            r": no weights of 6 features, as the embeddings have; it holds 'intercept' "
            r"\(\), 'coef' \(6,\): name 'coef' with key if it is the head of one "
            r"output\.$",
        ),
        "head with a missing weight": (
            {"weight": WITH_GAP, "bias": np.zeros(2)},
            "1 of 12 weights are NaN or infinite; export",
        ),
        "head of another number of classes": (
            {"weight": np.eye(2, 6), "classes": [0, 1, 2]},
            "2 rows of weights and 3 classes; save one row per class",
        ),
        "head without weights": (zipped({}), r"no weights of 6 features.*no array"),
    },
)

# Found when the files are analysed


@broken("metadata", r"no column 'diagnosi'.*did you mean 'diagnosis'", "analysis")
def target_that_is_missing(files):
    files["options"]["target"] = "diagnosi"
    return files


@broken("metadata", r"identifier-like: 100000 different values", "analysis")
def target_of_many_levels(files):
    many = 100_000
    X = np.random.default_rng(0).normal(2, 5, size=(many, 2))
    lines = ["diagnosis, age", *(f"level {i}, {i % 7}" for i in range(many))]
    files = with_file(files, "metadata", ".csv", "\n".join(lines))
    return with_file(files, "embeddings", ".npy", X)


INFINITE_TARGET = table().assign(diagnosis=table()["age"])
INFINITE_TARGET.loc[3, "diagnosis"] = np.inf
MISSING, INFINITE = arrays(), arrays()
MISSING[[3, 8], 2] = np.nan
INFINITE[5, 0] = np.inf

broken_contents(
    "metadata",
    ".csv",
    {
        "target without values": (
            table().assign(diagnosis=np.nan),
            r"target.*observed in 0 of 60 rows",
        ),
        "constant target": (
            table().assign(diagnosis="ill"),
            "constant: all 60 observed rows are 'ill'",
        ),
        "infinite target": (
            INFINITE_TARGET,
            "cannot be the primary task: holds 1 infinite value; replace them",
        ),
    },
    found_by="analysis",
)
broken_contents(
    "embeddings",
    ".npy",
    {
        "missing embeddings": (
            MISSING,
            r"NaN: 2 non-finite.*rows 3, 8.*Drop those rows",
        ),
        "infinite embeddings": (INFINITE, r"infinity.*Drop those rows"),
        "embeddings too large to square": (arrays() * 1e200, "rescale the embeddings"),
    },
    found_by="analysis",
)
