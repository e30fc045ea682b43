"""Files that do not fit each other: rows, heads, and what the analysis finds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.broken_files import (
    IDS,
    NAMES,
    N,
    arrays,
    broken,
    table,
    with_array,
    with_csv_embeddings,
    with_h5ad,
    with_head,
    with_ids,
    with_metadata,
    with_npz,
    with_parquet,
    with_table,
    zipped,
)

# Rows


@broken("embeddings", r"60 rows.*59 rows.*add an id column")
def one_row_less(files):
    return with_table(files, table()[:-1])


@broken("metadata", r"no id column 'sample' \(did you mean 'Sample'\?\)")
def id_column_of_another_case(files):
    return with_ids(files, IDS, table().rename(columns={"sample": "Sample"}))


@broken("metadata", r"no id column 'sample'.*its columns are 'diagnosis', 'scanner'")
def no_id_column_in_metadata(files):
    return with_ids(files, IDS, table().drop(columns="sample"))


NO_ID = (
    r"; its columns are {}: name the id column alike in both files, or leave out id "
    r"where row i of one describes row i of the other\.$"
)


@broken("metadata", ": has no id column 'sample'" + NO_ID.format("'diagnosis', 'age'"))
def no_id_column_in_parquet(files):
    files = with_ids(files, IDS, table())
    return with_parquet(files, table()[["diagnosis", "age"]])


@broken(
    "embeddings",
    r": has no id column 'sample' \(did you mean 'Sample'\?\)"
    + NO_ID.format("'index', 'Sample'"),
)
def no_id_column_in_h5ad(files):
    files = with_ids(files, IDS, table())
    obs = pd.DataFrame({"Sample": IDS}, index=[f"row {i}" for i in range(N)])
    obs = obs.astype(object).set_axis(obs.index.astype(object), axis=0)
    return with_h5ad(files, "embeddings", X=arrays(), obs=obs)


@broken(
    "embeddings",
    r": has no id column 'sample' \(did you mean 'samples'\?\)"
    + NO_ID.format("'X', 'samples'"),
)
def no_ids_beside_an_array(files):
    return with_npz(with_ids(files, IDS, table()), X=arrays(), samples=IDS)


@broken(
    "embeddings",
    ": has no id column 'sample'" + NO_ID.format(", ".join(map(repr, NAMES))),
)
def no_id_column_in_text(files):
    files = with_ids(files, IDS, table())
    return with_csv_embeddings(files, pd.DataFrame(arrays(), columns=NAMES))


@broken(
    "embeddings",
    r": the ids 'sample' have the shape \(60, 1\); save one id per row\.$",
)
def ids_that_are_a_matrix(files):
    files = with_ids(files, IDS, table())
    return with_npz(files, X=arrays(), sample=np.array(IDS)[:, None])


@broken("embeddings", ": has no columns besides the ids; export it again\\.$")
def ids_without_embeddings_beside_them(files):
    files = with_ids(files, IDS, table())
    return with_csv_embeddings(files, pd.DataFrame({"sample": IDS}))


@broken("embeddings", r"1 id of 'sample' repeated \('s000'; 2 rows.*one row per id")
def repeated_ids_of_embeddings(files):
    return with_ids(files, ["s000", "s000", *IDS[2:]], table())


@broken("metadata", r"29 ids of 'sample' repeated.*'p1', 'p10', 'p11' and.*keep one")
def repeated_ids_of_metadata(files):
    metadata = table().assign(sample=table()["patient"])
    metadata.loc[0, "sample"] = "q0"
    return with_ids(files, [f"p{i}" for i in range(N)], metadata)


@broken("embeddings", r"2 of the 60 ids.*'s058', 's059'.*unmatched='drop'")
def ids_without_metadata(files):
    return with_ids(files, IDS, table()[:-2])


@broken("metadata", r"3 of the 60 ids.*not in.*'s057', 's058', 's059'")
def ids_without_embeddings(files):
    return with_ids(files, IDS[:-3], table())


@broken("embeddings", r"none of its 60 ids.*59 would match if leading zeros")
def ids_that_lost_their_zeros(files):
    padded = table().assign(sample=[f"{i:03d}" for i in range(N)])
    return with_ids(files, list(range(N)), padded)


@broken("embeddings", r"none of its 60 ids.*folders and file extensions are removed")
def ids_that_are_file_names(files):
    return with_ids(files, [f"scans/{id}.dcm" for id in IDS], table())


@broken("metadata", r"2 of its 60 rows have no id.*rows 0, 9.*fill them in")
def rows_without_id(files):
    metadata = table()
    metadata.loc[[0, 9], "sample"] = ""
    return with_ids(files, IDS, metadata)


@broken("metadata", r"'sample' are floating-point numbers.*save them as text")
def ids_that_were_rounded(files):
    metadata = table().assign(sample=1e19 + 1e5 * np.arange(N))
    files = with_ids(files, IDS, metadata)
    files["metadata"] = files["metadata"].with_suffix(".parquet")
    metadata.to_parquet(files["metadata"])
    return files


# Heads


@broken("head", r"no weights of 6 features.*\(2, 5\).*embeddings that enter this head")
def head_of_another_width(files):
    return with_head(files, "head.npz", weight=np.ones((2, 5)), bias=np.zeros(2))


@broken("head", r"'weight' looks transposed: save its \.T")
def transposed_head(files):
    return with_head(files, "head.npz", weight=np.ones((6, 2)), bias=np.zeros(2))


@broken("head", r"'b\.weight' \(2, 6\), 'a\.weight' \(3, 6\); name one with key")
def two_heads(files):
    weights = {"a.weight": np.ones((3, 6)), "b.weight": np.ones((2, 6))}
    return with_head(files, "head.npz", **weights)


@broken("head", "2 rows, so 2 finite intercepts are needed; found 3")
def intercepts_of_another_head(files):
    return with_head(files, "head.npz", coef=np.eye(2, 6), intercept=np.zeros(3))


@broken("head", r": holds <U5 as intercepts; save them as float32\.$")
def intercepts_that_are_text(files):
    return with_head(files, "head.npz", coef=np.eye(2, 6), intercept=["0.5", "-0.25"])


@broken("head", r": 'bias' holds Python objects.*np\.asarray\(x, dtype='float32'\)")
def intercepts_that_are_objects(files):
    bias = np.array([0.5, -0.25], dtype=object)
    return with_head(files, "head.npz", weight=np.eye(2, 6), bias=bias)


@broken("head", r": 'fc\.weight' holds Python objects.*dtype='float32'\)")
def weights_that_are_objects(files):
    weight = np.eye(2, 6).astype(object)
    return with_head(files, "head.npz", **{"fc.weight": weight, "fc.bias": [0.5, 1]})


@broken(
    "head",
    r": no weights of 6 features, as the embeddings have; it holds 'intercept' \(\), "
    r"'coef' \(6,\): name 'coef' with key if it is the head of one output\.$",
)
def weights_of_one_output(files):
    return with_head(files, "head.npz", coef=np.arange(6.0), intercept=0.5)


@broken("head", "1 of 12 weights are NaN or infinite; export")
def head_with_a_missing_weight(files):
    weight = np.eye(2, 6)
    weight[1, 1] = np.nan
    return with_head(files, "head.npz", weight=weight, bias=np.zeros(2))


@broken("head", "2 rows of weights and 3 classes; save one row per class")
def head_of_another_number_of_classes(files):
    return with_head(files, "head.npz", weight=np.eye(2, 6), classes=[0, 1, 2])


@broken("head", r"no weights of 6 features.*no array")
def head_without_weights(files):
    head = files["metadata"].with_name("head.npz")
    head.write_bytes(zipped({}))
    files["options"]["head"] = head
    return files


# Found when the files are analysed


@broken("metadata", r"no column 'diagnosi'.*did you mean 'diagnosis'", "analysis")
def target_that_is_missing(files):
    files["options"]["target"] = "diagnosi"
    return files


@broken("metadata", r"target.*observed in 0 of 60 rows", "analysis")
def target_without_values(files):
    return with_table(files, table().assign(diagnosis=np.nan))


@broken("metadata", r"identifier-like: 100000 different values", "analysis")
def target_of_many_levels(files):
    many = 100_000
    with_array(files, np.random.default_rng(0).normal(2, 5, size=(many, 2)))
    lines = ["diagnosis,age", *(f"level {i},{i % 7}" for i in range(many))]
    return with_metadata(files, "\n".join(lines))


@broken("metadata", "constant: all 60 observed rows are 'ill'", "analysis")
def constant_target(files):
    return with_table(files, table().assign(diagnosis="ill"))


@broken("metadata", r"'age' holds 1 infinite values; replace", "analysis")
def infinite_metadata(files):
    metadata = table()
    metadata.loc[3, "age"] = np.inf
    return with_table(files, metadata)


@broken("embeddings", r"NaN: 2 non-finite.*rows 3, 8.*Drop those rows", "analysis")
def missing_embeddings(files):
    X = arrays()
    X[[3, 8], 2] = np.nan
    return with_array(files, X)


@broken("embeddings", r"infinity.*Drop those rows", "analysis")
def infinite_embeddings(files):
    X = arrays()
    X[5, 0] = np.inf
    return with_array(files, X)


@broken("embeddings", "rescale the embeddings", "analysis")
def embeddings_too_large_to_square(files):
    return with_array(files, arrays() * 1e200)
