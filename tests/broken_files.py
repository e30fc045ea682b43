"""Broken and hostile files: what is wrong with each, and what its error must say.

Every entry starts from a valid pair of files and breaks one thing. `found_by` tells who
notices: "reader" (`sklearn_wsca.io`) or "analysis" (the estimator that gets the files).
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

N, D = 60, 6
NAMES = [f"f{i}" for i in range(D)]
IDS = [f"s{i:03d}" for i in range(N)]
MARKER = "unpickled"
Files = dict[str, Any]


@dataclass(frozen=True)
class BrokenFile:
    """One broken input.

    Parameters
    ----------
    name : str
        What is wrong.
    file : {"embeddings", "metadata", "head"}
        The file that the message must name.
    fix : str
        Regular expression that the message must match.
    make : callable
        Takes a valid pair of files and returns the broken one.
    found_by : {"reader", "analysis"}
        Who notices.
    """

    name: str
    file: Literal["embeddings", "metadata", "head"]
    fix: str
    make: Callable[[Files], Files]
    found_by: Literal["reader", "analysis"]

    def build(self, directory: Path) -> Files:
        """Write the files: paths `embeddings` and `metadata`, and `options`."""
        return self.make(valid_files(directory))


REGISTRY: list[BrokenFile] = []


def broken(
    file: str, fix: str, found_by: str = "reader"
) -> Callable[[Callable[[Files], Files]], Callable[[Files], Files]]:
    """Add a builder to the registry under the name of its function."""

    def register(make: Callable[[Files], Files]) -> Callable[[Files], Files]:
        name = make.__name__.replace("_", "-")
        REGISTRY.append(BrokenFile(name, file, fix, make, found_by))
        return make

    return register


def arrays() -> np.ndarray:
    """Embeddings with unequal scales and means."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(N, D)) * np.geomspace(0.1, 50, D) + np.arange(D)
    X[:, 0] += 0.2 * (np.arange(N) % 2)
    return X


def table() -> pd.DataFrame:
    """Metadata that describe the embeddings."""
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "sample": IDS,
            "diagnosis": np.where(np.arange(N) % 2, "ill", "well"),
            "scanner": rng.choice(["A", "B", "C"], N),
            "age": rng.normal(60, 12, N).round(1),
            "patient": [f"p{i // 2}" for i in range(N)],
        }
    )


def valid_files(directory: Path) -> Files:
    """Embeddings and metadata that nothing is wrong with."""
    files = {
        "embeddings": directory / "embeddings.npy",
        "metadata": directory / "metadata.csv",
        "options": {"target": "diagnosis"},
    }
    np.save(files["embeddings"], arrays())
    table().to_csv(files["metadata"], index=False)
    return files


def with_array(files: Files, X: Any, **options: Any) -> Files:
    np.save(files["embeddings"], X, **options)
    return files


def with_bytes(files: Files, content: bytes, suffix: str = ".npy") -> Files:
    files["embeddings"] = files["embeddings"].with_suffix(suffix)
    files["embeddings"].write_bytes(content)
    return files


def with_link(files: Files, file: str, target: str) -> Files:
    """Replace a file by a symbolic link."""
    files[file].unlink()
    files[file].symlink_to(target)
    return files


def with_metadata(files: Files, content: str | bytes, suffix: str = ".csv") -> Files:
    content = content.encode() if isinstance(content, str) else content
    files["metadata"] = files["metadata"].with_suffix(suffix)
    files["metadata"].write_bytes(content)
    return files


def with_table(files: Files, metadata: pd.DataFrame, **options: Any) -> Files:
    metadata.to_csv(files["metadata"], index=False, **options)
    return files


def with_head(files: Files, name: str, **parts: Any) -> Files:
    """Add an npz head."""
    head = files["metadata"].with_name(name)
    np.savez(head, **parts)
    files["options"]["head"] = head
    return files


def with_csv_embeddings(files: Files, X: pd.DataFrame | str, **options: Any) -> Files:
    files["embeddings"] = files["embeddings"].with_suffix(".csv")
    if isinstance(X, str):
        files["embeddings"].write_text(X, "utf-8")
    else:
        X.to_csv(files["embeddings"], index=False, **options)
    return files


def with_ids(files: Files, ids: list[Any], metadata: pd.DataFrame) -> Files:
    """Embeddings with ids beside metadata that have some."""
    X = pd.DataFrame(arrays()[: len(ids)], columns=NAMES)
    X.insert(0, "sample", ids)
    files["options"]["id"] = "sample"
    return with_table(with_csv_embeddings(files, X), metadata)


def with_npz(files: Files, **arrays: Any) -> Files:
    files["embeddings"] = files["embeddings"].with_suffix(".npz")
    np.savez(files["embeddings"], **arrays)
    return files


def with_parquet(files: Files, metadata: pd.DataFrame) -> Files:
    files["metadata"] = files["metadata"].with_suffix(".parquet")
    metadata.to_parquet(files["metadata"])
    return files


def with_h5ad(files: Files, file: str, **elements: Any) -> Files:
    """Replace a file by an annotated matrix with these elements."""
    import h5py
    from anndata.io import write_elem

    files[file] = files[file].with_suffix(".h5ad")
    with h5py.File(files[file], "w") as content:
        for name, element in elements.items():
            write_elem(content, name, element)
    return files


def csv_lines(metadata: pd.DataFrame | None = None) -> list[str]:
    return (table() if metadata is None else metadata).to_csv(index=False).splitlines()


def npy_bytes(X: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, X)
    return stream.getvalue()


def npy_with_header(text: str) -> bytes:
    """Array file with a header of our own and no numbers."""
    header = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def zipped(members: dict[str, bytes], **options: Any) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, directory: Path) -> None:
        self.marker = str(directory / MARKER)

    def __reduce__(self) -> tuple:
        return Path.touch, (Path(self.marker),)


def payload(files: Files) -> Payload:
    return Payload(files["metadata"].parent)
