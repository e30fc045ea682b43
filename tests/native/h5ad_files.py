"""A good h5ad file, to be damaged."""

import warnings

import numpy as np
import pandas as pd

N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(5, 3, (N, 6)).astype("f4")
SPARSE = np.where(RNG.random(X.shape) < 0.4, X, 0)


def annotation():
    """Rows with columns of every form that anndata writes."""
    sites = RNG.choice(["north", "south"], N).astype(object)
    names = pd.Index([f"row {i}" for i in range(N)], dtype=object)
    columns = {
        "age": RNG.normal(60, 9, N),
        "count": RNG.integers(0, 9, N),
        "ill": RNG.random(N) < 0.5,
        "site": pd.Categorical(sites, pd.Index(["north", "south"], dtype=object)),
        "stage": pd.Categorical(RNG.choice([1, 2, 3], N), ordered=True),
        "visits": pd.array([3, None] * (N // 2), dtype="Int64"),
        "smokes": pd.array([True, None] * (N // 2), dtype="boolean"),
    }
    text = pd.Series([f"t{i}" for i in range(N)], index=names, dtype=object)
    return pd.DataFrame(columns, index=names).assign(text=text)


def write_h5ad(file, kind="dense", X=X, compression=None):
    """Write a file with embeddings, dense or sparse, and the annotation."""
    import anndata
    from scipy import sparse

    made = {"dense": np.asarray, "csr": sparse.csr_matrix, "csc": sparse.csc_matrix}
    matrix = made[kind](X if kind == "dense" else SPARSE)
    names = pd.Index([f"f{i}" for i in range(X.shape[1])], dtype=object)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = anndata.AnnData(matrix, annotation(), pd.DataFrame(index=names))
        data.write_h5ad(file, compression=compression)
    return file
