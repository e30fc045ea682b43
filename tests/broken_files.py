"""Broken and hostile files: what is wrong with each, and what its error must say.

Every entry starts from a valid pair of files and breaks one thing. `found_by` tells who
notices: "reader" (`sklearn_wsca.io`) or "analysis" (the estimator that gets the files).
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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
    """What is wrong, the file that the message names, what it says, and who notices.

    `make` takes a valid pair of files and returns the broken one.
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


def write(file: Path, content: Any) -> None:
    """Write bytes, text, a table, an array, or arrays and elements by name."""
    if isinstance(content, pd.DataFrame) and file.suffix == ".parquet":
        content.to_parquet(file)
    elif isinstance(content, pd.DataFrame):
        content.to_csv(file, index=False)
    elif isinstance(content, np.ndarray):
        np.save(file, content)
    elif isinstance(content, dict) and file.suffix == ".h5ad":
        write_h5ad(file, content)
    elif isinstance(content, dict):
        np.savez(file, **content)
    else:
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def write_h5ad(file: Path, elements: dict[str, Any]) -> None:
    """Write an annotated matrix with these elements."""
    import h5py
    from anndata.io import write_elem

    with h5py.File(file, "w") as content:
        for name, element in elements.items():
            write_elem(content, name, element)


def with_file(
    files: Files, file: str, suffix: str, content: Any, start: Callable | None = None
) -> Files:
    """The files with another one in place of one of them."""
    files = start(files) if start else files
    path = files["metadata"].with_name(f"{file}{suffix}")
    write(path, content(files) if callable(content) else content)
    (files["options"] if file == "head" else files)[file] = path
    return files


def broken_contents(
    file: str,
    suffix: str,
    cases: dict[str, tuple[Any, str]],
    found_by: str = "reader",
    start: Callable | None = None,
) -> None:
    """Register contents of a file by what is wrong, each with what must be said.

    A function makes the content of the files, to which `start` does something before.
    """
    for name, (content, fix) in cases.items():
        make = partial(
            with_file, file=file, suffix=suffix, content=content, start=start
        )
        REGISTRY.append(BrokenFile(name, file, fix, make, found_by))


def with_link(files: Files, file: str, target: str) -> Files:
    """Replace a file by a symbolic link."""
    files[file].unlink()
    files[file].symlink_to(target)
    return files


def with_ids(
    files: Files, ids: Sequence = IDS, metadata: pd.DataFrame | None = None
) -> Files:
    """Embeddings with ids beside metadata that have some."""
    X = pd.DataFrame(arrays()[: len(ids)], columns=NAMES)
    X.insert(0, "sample", ids)
    files["options"]["id"] = "sample"
    metadata = table() if metadata is None else metadata
    files = with_file(files, "metadata", ".csv", metadata)
    return with_file(files, "embeddings", ".csv", X)


def csv_lines() -> list[str]:
    return table().to_csv(index=False).splitlines()


def npy_bytes(X: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, X)
    return stream.getvalue()


def npy_of_shape(shape: tuple[int, int]) -> bytes:
    """Array file that promises numbers and holds none."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    return npy_with_header(text)


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
