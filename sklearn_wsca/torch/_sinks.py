"""Where rows go: to an array, a tensor, or a .npy file that grows."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from sklearn_wsca._backend.memory import explain_shortage


class RowSink:
    """Rows of equal shape, named in messages; kept in memory."""

    def __init__(self, what: str, must_be_finite: bool = True):
        self.what, self.must_be_finite = what, must_be_finite
        self.n_rows = 0
        self.row_shape: tuple[int, ...] | None = None
        self._blocks: list[Any] = []

    def append(self, block: Any, number: int) -> None:
        """Add the rows of batch `number`.

        Raises
        ------
        ValueError
            If they have another shape than the rows before, or are not finite.
        """
        if self.row_shape is None:
            self.row_shape = block.shape[1:]
        if block.shape[1:] != self.row_shape:
            raise ValueError(
                f"loader: the {self.what} of batch {number} have the shape "
                f"{block.shape[1:]} per row, those before {self.row_shape}; bring all "
                "inputs to one size."
            )
        if self.must_be_finite:
            self._check_finite(block, number)
        self._write(block)
        self.n_rows += len(block)

    def finish(self) -> Any:
        """All rows.

        Raises
        ------
        ValueError
            If there is none.
        """
        if self.n_rows == 0:
            raise ValueError(
                "loader: it gave no rows; a generator can be run through only once."
            )
        return self._collect()

    def discard(self) -> None:
        """Leave nothing behind."""
        self._blocks = []

    def _write(self, block: Any) -> None:
        self._blocks.append(block)

    def _collect(self) -> Any:
        advice = "Pass out=, a .npy file that they are written to as they come."
        with explain_shortage(self.what, advice):
            return np.concatenate(self._blocks)

    def _check_finite(self, block: Any, number: int) -> None:
        finite = np.isfinite(block)
        if finite.all():
            return
        row = int(np.flatnonzero(~finite.reshape(len(block), -1).all(axis=1))[0])
        raise ValueError(
            f"model: the {self.what} of batch {number}, row {row} of the batch (row "
            f"{self.n_rows + row} of all), hold {np.count_nonzero(~finite[row])} NaN "
            "or infinite values; look at this input, and try mixed_precision=False if "
            "it is on."
        )


class TensorSink(RowSink):
    """Rows in a tensor, on the device that they come from."""

    def _collect(self) -> torch.Tensor:
        advice = "Pass as_tensor=False, which keeps them in main memory."
        with explain_shortage(self.what, advice):
            return torch.cat(self._blocks)

    def _check_finite(self, block: torch.Tensor, number: int) -> None:
        # A single number leaves the device unless there is something to tell.
        if not torch.isfinite(block).all():
            super()._check_finite(block.cpu().numpy(), number)


class FileSink(RowSink):
    """Rows in a .npy file, which has its name only when it is complete."""

    def __init__(self, path: Path, what: str):
        super().__init__(what)
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        with self._disk_errors():
            self._file: BinaryIO = self._temporary.open("xb")

    def discard(self) -> None:
        """Close and delete the incomplete file."""
        # A full disk has no room for what is left to be written either.
        with suppress(OSError):
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _write(self, block: np.ndarray) -> None:
        with self._disk_errors():
            if self.n_rows == 0:
                self._write_header(0)
            self._file.write(np.ascontiguousarray(block, dtype="<f4").data)

    def _collect(self) -> np.ndarray:
        with self._disk_errors():
            # The header has spare room for the digits of the number of rows.
            self._file.seek(0)
            self._write_header(self.n_rows)
            self._file.close()
            self._temporary.replace(self.path)
        return np.load(self.path, mmap_mode="r", allow_pickle=False)

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Name the file that was asked for, not the one that is written meanwhile."""
        try:
            yield
        except OSError as error:
            raise OSError(
                error.errno,
                f"out: {str(self.path)!r} cannot be written ({error.strerror}), and "
                "nothing is left of it; make room on that disk, or name another file",
            ) from error

    def _write_header(self, n_rows: int) -> None:
        shape = (n_rows, *(self.row_shape or ()))
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)


@contextmanager
def open_sink(out: Any, what: str, as_tensor: bool = False) -> Iterator[RowSink]:
    """Open a sink in memory (None) or in a file; an error leaves no file behind.

    Raises
    ------
    ValueError
        If the file is not called .npy or its folder does not exist, or is to be a
        tensor.
    OSError
        If the folder cannot be written to, or its disk is full.
    """
    if out is None:
        sink = TensorSink(what) if as_tensor else RowSink(what)
    elif as_tensor:
        raise ValueError(
            "as_tensor and out: rows are kept in a tensor or written to a file; pass "
            "one of them."
        )
    else:
        sink = FileSink(_check_path(out), what)
    try:
        yield sink
    except BaseException:
        sink.discard()
        raise


def _check_path(out: Any) -> Path:
    path = Path(out)
    if path.suffix != ".npy":
        raise ValueError(f"out: {str(path)!r} must end in .npy.")
    if not path.parent.is_dir():
        raise ValueError(
            f"out: the folder {str(path.parent)!r} does not exist; make it first."
        )
    if path.is_dir():
        raise ValueError(f"out: {str(path)!r} is a folder; name a file.")
    return path
