"""Metadata come back from every format as they were written, or with a warning."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.io import (
    FileError,
    _metadata_files,
    load_embeddings,
    load_metadata,
    match_rows,
)
from tests.broken_files import IDS, N, table


def write_h5ad(file, metadata):
    import h5py
    from anndata.io import write_elem

    # As anndata does, but for the text type of pandas 3 that it does not write yet.
    obs = metadata.copy()
    for name in metadata.select_dtypes(exclude=["number", "bool"]):
        levels = pd.Index(metadata[name].dropna().unique(), dtype=object)
        obs[name] = pd.Categorical(metadata[name], categories=levels)
    obs.index = pd.Index(IDS, dtype=object)
    with h5py.File(file, "w") as content:
        write_elem(content, "obs", obs)


WRITERS = {
    "y.csv": lambda file, y: y.to_csv(file, index=False),
    "y.tsv": lambda file, y: y.to_csv(file, index=False, sep="\t"),
    "y.parquet": lambda file, y: y.to_parquet(file),
    "y.feather": lambda file, y: y.to_feather(file),
    "y.xlsx": lambda file, y: y.to_excel(file, index=False),
    "y.h5ad": write_h5ad,
}


@pytest.mark.parametrize("name", WRITERS)
def test_round_trip(tmp_path, name):
    y = table().assign(count=np.arange(N), known=np.arange(N) % 3 == 0)
    y.loc[5, "scanner"] = None
    y.loc[6, "age"] = np.nan
    WRITERS[name](tmp_path / name, y)
    read = load_metadata(tmp_path / name)
    for column in y:
        found, expected = (t[column].astype(object) for t in (read, y))
        pd.testing.assert_series_equal(found.isna(), expected.isna())
        pd.testing.assert_series_equal(found.dropna(), expected.dropna())
    assert read["age"].dtype == np.float64
    assert read["count"].dtype == np.int64
    assert read["known"].dtype == bool


@pytest.mark.parametrize("name", WRITERS)
def test_round_trip_with_ids(tmp_path, name):
    WRITERS[name](tmp_path / name, table())
    read = load_metadata(tmp_path / name, id="sample")
    assert read.index.tolist() == IDS
    assert read.index.name == "sample"
    assert list(read) == ["diagnosis", "scanner", "age", "patient"]


def test_very_many_columns_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_metadata_files, "MOST_COLUMNS", 2)
    (tmp_path / "T.csv").write_text("a,b,c\n1,2,3\n")
    with pytest.raises(FileError, match="has 3 columns, and no more than 2 are read"):
        load_metadata(tmp_path / "T.csv")


def test_row_names_of_h5ad(tmp_path):
    write_h5ad(tmp_path / "y.h5ad", table())
    assert load_metadata(tmp_path / "y.h5ad", id="index").index.tolist() == IDS


def test_good_files_give_no_warning_and_can_be_analysed(tmp_path):
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(3, [1, 10, 0.1], size=(N, 3)), columns=list("abc"))
    X.assign(sample=IDS).to_csv(tmp_path / "X.csv", index=False)
    permuted = table().sample(frac=1, random_state=0)
    permuted.to_parquet(tmp_path / "y.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embeddings = load_embeddings(tmp_path / "X.csv", id="sample")
        metadata = load_metadata(tmp_path / "y.parquet", id="sample")
        matched = match_rows(embeddings, metadata)
    estimator = WeightSpaceCorrelation("diagnosis", n_permutations=0)
    by_file = estimator.fit(*matched[:2]).alignment_scores_
    by_hand = estimator.fit(X, table().drop(columns="sample")).alignment_scores_
    pd.testing.assert_series_equal(by_file, by_hand)
