"""Good files of every format, with what the package reads them by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

N, D = 40, 5
# What the format itself can tell: damage anywhere in its content, by checksums that it
# always has; a part that is cut off; names that occur twice; places beyond an end.
CHECKSUM, LENGTH, NAMES, PLACES = "checksum", "length", "names", "places"


@dataclass(frozen=True)
class Format:
    """A kind of file, its reader, and what damage the format can tell."""

    name: str
    suffix: str
    reader: str
    tells: tuple[str, ...] = ()
    needs: str = ""

    def make(self, folder: Path) -> bytes:
        """Bytes of a good file."""
        path = folder / f"good{self.suffix}"
        WRITERS[self.name](path)
        return path.read_bytes()


FORMATS = [
    Format("npy", ".npy", "embeddings", (LENGTH,)),
    Format("npz", ".npz", "embeddings", (CHECKSUM, LENGTH, NAMES)),
    Format("pt", ".pt", "embeddings", (CHECKSUM, LENGTH, NAMES), "torch"),
    Format("safetensors", ".safetensors", "embeddings", (LENGTH, NAMES), "safetensors"),
    Format("csv", ".csv", "embeddings"),
    Format("tsv", ".tsv", "metadata"),
    Format("parquet", ".parquet", "metadata", (LENGTH,), "pyarrow"),
    Format("parquet embeddings", ".parquet", "embeddings", (LENGTH,), "pyarrow"),
    Format("feather", ".feather", "metadata", (LENGTH,), "pyarrow"),
    Format("feather, plain", ".feather", "metadata", (LENGTH,), "pyarrow"),
    Format("h5ad", ".h5ad", "embeddings", (LENGTH, PLACES), "anndata"),
    Format("h5ad metadata", ".h5ad", "metadata", (LENGTH, PLACES), "anndata"),
    Format("xlsx", ".xlsx", "metadata", (CHECKSUM, LENGTH, NAMES), "openpyxl"),
    Format("npz head", ".npz", "head", (CHECKSUM, LENGTH, NAMES)),
    Format("pt head", ".pt", "head", (CHECKSUM, LENGTH, NAMES), "torch"),
    Format("safetensors head", ".safetensors", "head", (LENGTH, NAMES), "safetensors"),
    Format("csv head", ".csv", "head"),
]


def embeddings() -> np.ndarray:
    """Embeddings of unequal scales and means."""
    generator = np.random.default_rng(0)
    scales = np.geomspace(0.1, 100.0, D)
    return (generator.normal(size=(N, D)) * scales + np.arange(D)).astype(np.float32)


def table() -> pd.DataFrame:
    """Metadata with text, numbers, missing values and dates."""
    generator = np.random.default_rng(1)
    age = generator.normal(60, 12, N).round(1)
    age[3] = np.nan
    return pd.DataFrame(
        {
            "image": [f"image {i:03d}" for i in range(N)],
            "scanner": generator.choice(["A", "B", "C é"], N),
            "age": age,
            "count": generator.integers(0, 1000, N),
            "day": pd.Timestamp("2026-01-31") + pd.to_timedelta(np.arange(N), "D"),
        }
    )


def head() -> dict[str, np.ndarray]:
    """Weights and intercepts of three classes."""
    generator = np.random.default_rng(2)
    weight, bias = generator.normal(size=(3, D)), generator.normal(size=3)
    return {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}


def _frame() -> pd.DataFrame:
    return pd.DataFrame(embeddings(), columns=[f"f{i}" for i in range(D)])


def _write_pt(path: Path, arrays: dict[str, np.ndarray]) -> None:
    import torch

    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, path)


def _write_safetensors(path: Path, arrays: dict[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    save_file(arrays, path)


def _write_h5ad(path: Path, compression: str | None = None) -> None:
    import anndata
    from scipy import sparse

    obs = table().drop(columns="day").astype({"image": object, "scanner": "category"})
    obs["scanner"] = obs["scanner"].cat.rename_categories(
        obs["scanner"].cat.categories.astype(object)
    )
    obs = obs.set_index(pd.Index(obs.pop("image").astype(object), name="image"))
    X = sparse.csr_matrix(np.where(embeddings() > 0, embeddings(), 0.0))
    var = pd.DataFrame(index=pd.Index([f"g{i}" for i in range(D)], dtype=object))
    data = anndata.AnnData(X=X, obs=obs, var=var)
    data.write_h5ad(path, compression=compression)


def _write_head_csv(path: Path) -> None:
    names = [f"f{i}" for i in range(D)]
    rows = pd.DataFrame(head()["weight"], columns=names)
    rows["intercept"] = head()["bias"]
    rows.to_csv(path, index=False)


WRITERS = {
    "npy": lambda path: np.save(path, embeddings()),
    "npz": lambda path: np.savez_compressed(path, embeddings=embeddings()),
    "pt": lambda path: _write_pt(path, {"embeddings": embeddings()}),
    "safetensors": lambda path: _write_safetensors(path, {"embeddings": embeddings()}),
    "csv": lambda path: _frame().to_csv(path, index=False),
    "tsv": lambda path: table().to_csv(path, index=False, sep="\t"),
    "parquet": lambda path: table().to_parquet(path, index=False),
    "parquet embeddings": lambda path: _frame().to_parquet(path, index=False),
    "feather": lambda path: table().to_feather(path),
    "feather, plain": lambda path: table().to_feather(path, compression="uncompressed"),
    "h5ad": lambda path: _write_h5ad(path, "gzip"),
    "h5ad metadata": _write_h5ad,
    "xlsx": lambda path: table().to_excel(path, index=False),
    "npz head": lambda path: np.savez(path, **head()),
    "pt head": lambda path: _write_pt(path, head()),
    "safetensors head": lambda path: _write_safetensors(path, head()),
    "csv head": _write_head_csv,
}
