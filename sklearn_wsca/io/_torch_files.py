"""Files of torch (.pt, .pth): a zip archive with a pickle and a record per storage.

torch is not needed to read them: the pickle is read as data, and every record is
compared with its checksum and with the sizes that the pickle states.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_wsca.io._archives import check_archive, read_member
from sklearn_wsca.io._array_file import ArrayFile
from sklearn_wsca.io._errors import file_error, library_errors, quoted
from sklearn_wsca.io._number_types import ByteOrder, decode, item_size
from sklearn_wsca.io._sizes import check_unpacked_size
from sklearn_wsca.io._torch_pickle import (
    ForeignObjectError,
    OtherTensor,
    Storage,
    StoredTensor,
    read_pickle,
)

RESAVE_MODEL = (
    "save the weights alone with torch.save(model.state_dict(), 'head.pt'), and "
    "embeddings with torch.save(tensor, 'embeddings.pt')"
)
WHAT = "torch file"
PICKLE = "data.pkl"
DEEPEST = 8
MOST_ARRAYS = 20_000
BYTE_ORDERS: dict[bytes, ByteOrder] = {b"little": "<", b"big": ">"}


def open_pt(path: Any, file: Path, max_size: int | None = None) -> ArrayFile:
    """Tensors of a file of torch, nested dicts with dots between the names.

    The older format of torch is not a zip archive but a sequence of pickles, which only
    unpickling could read: it is refused.
    """
    with file.open("rb") as stream:
        start = stream.read(4)
    if start.startswith(b"\x80"):
        raise file_error(
            path,
            "is a pickle or was saved by torch before 1.6, and could run code when it "
            f"is read; {RESAVE_MODEL} in a recent torch.",
        )
    records = _open_records(path, file, max_size)
    parts = _named(path, _read_description(records))
    shapes, unreadable = {}, {}
    for name, part in parts.items():
        if isinstance(part, OtherTensor):
            unreadable[name] = part.reason
        elif isinstance(part, StoredTensor):
            records.check(part)
            shapes[name] = part.place.shape
        else:
            shapes[name] = (len(part),)

    def read(name: str) -> np.ndarray:
        part = parts[name]
        if not isinstance(part, StoredTensor):
            return np.asarray(part)
        # A tensor may repeat one stored number along a dimension of any length.
        n_bytes = item_size(part.type) * int(np.prod(part.place.shape, dtype=object))
        held = records.size(part)
        check_unpacked_size(path, quoted(name), n_bytes, held, max_size)
        with library_errors(path, WHAT):
            return records.tensor(part)

    return ArrayFile(path, shapes, read, unreadable)


@dataclass(frozen=True)
class _Records:
    """Records of a torch file by their names within its folder."""

    path: Any
    file: Path
    members: Mapping[str, zipfile.ZipInfo]

    def read(self, name: str) -> np.ndarray:
        """Bytes of a record."""
        return read_member(self.path, self.file, self.members[name], WHAT)

    def size(self, tensor: StoredTensor) -> int:
        """Bytes of the record of a tensor, as they lie in the file."""
        return self.members[_record(tensor.storage)].compress_size

    def check(self, tensor: StoredTensor) -> None:
        """Raise unless the record of a tensor has the size that the pickle states."""
        for part in _parts_of(tensor):
            storage = part.storage
            member = self.members.get(_record(storage))
            held = -1 if member is None else member.file_size
            # The numbers of a storage without a type are bytes.
            stated = storage.n_numbers * item_size(storage.type)
            needed = part.place.n_spanned * item_size(part.type)
            if held != stated or needed > held:
                found = "there is none" if member is None else f"it has {held} bytes"
                raise file_error(
                    self.path,
                    f"a tensor of shape {part.place.shape} needs {max(stated, needed)} "
                    f"bytes in the record {quoted(_record(storage))}, and {found}; "
                    "the file is damaged: save it again.",
                )

    def tensor(self, tensor: StoredTensor) -> np.ndarray:
        """Numbers of a tensor; the codes of a quantised one as what they stand for."""
        values = self._numbers(tensor)
        if tensor.scale is None:
            return values
        step, zero, axis = tensor.scale
        if axis is None:
            return (values.astype(np.float32) - zero) * np.float32(step)
        shape = [-1 if i == axis else 1 for i in range(values.ndim)]
        step, zero = (self._numbers(part).reshape(shape) for part in (step, zero))
        return ((values - zero.astype(float)) * step).astype(np.float32)

    def _numbers(self, tensor: StoredTensor) -> np.ndarray:
        order = BYTE_ORDERS[self._byte_order()]
        content = self.read(_record(tensor.storage))
        return decode(content, tensor.type, tensor.place, order)

    def _byte_order(self) -> bytes:
        if "byteorder" not in self.members:
            return b"little"
        return self.read("byteorder").tobytes()


def _open_records(path: Any, file: Path, max_size: int | None) -> _Records:
    members = check_archive(path, file, WHAT, max_size)
    names = [member.filename for member in members]
    pickles = [name for name in names if name.rpartition("/")[2] == PICKLE]
    if not pickles:
        raise file_error(
            path,
            f"is a zip archive without {PICKLE}, and no torch file; {RESAVE_MODEL}.",
        )
    folder = min(pickles, key=len).removesuffix(PICKLE)
    inside = {
        member.filename.removeprefix(folder): member
        for member in members
        if member.filename.startswith(folder)
    }
    if "constants.pkl" in inside:
        raise _foreign(path, "a TorchScript program")
    return _Records(path, file, inside)


def _read_description(records: _Records) -> Any:
    """Content of the pickle: containers with tensors in them."""
    path = records.path
    content = records.read(PICKLE).tobytes()
    with library_errors(path, WHAT):
        try:
            return read_pickle(content)
        except ForeignObjectError as error:
            raise _foreign(path, str(error)) from error


def _foreign(path: Any, what: str) -> Exception:
    return file_error(
        path,
        f"holds Python objects besides tensors ({quoted(what)}), which only unpickling "
        f"could read and which are therefore never read; {RESAVE_MODEL}.",
    )


def _named(path: Any, content: Any) -> dict[str, Any]:
    """Tensors and lists of labels in nested dicts, by their dotted names.

    Tensors of a list have their place in it for a name.
    """
    parts: dict[str, Any] = {}
    for name, part in _flatten(content, ""):
        if name in parts:
            raise file_error(
                path,
                f"holds two arrays that are both named {quoted(name)}, once the names "
                "of nested dicts are joined by dots; rename one of them.",
            )
        parts[name] = part
        if len(parts) > MOST_ARRAYS:
            raise file_error(
                path, f"holds more than {MOST_ARRAYS} arrays; {RESAVE_MODEL}."
            )
    return parts


def _flatten(content: Any, prefix: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if _is_list_of_tensors(content):
        content = dict(enumerate(content))
    if isinstance(content, Mapping) and depth < DEEPEST:
        for name, part in content.items():
            dotted = f"{prefix}.{name}" if prefix else str(name)
            yield from _flatten(part, dotted, depth + 1)
    elif isinstance(content, (StoredTensor, OtherTensor)) or _is_plain_list(content):
        yield prefix or "tensor", content


def _is_list(content: Any) -> bool:
    # Tensors are named tuples.
    return isinstance(content, list) or type(content) is tuple


def _is_list_of_tensors(content: Any) -> bool:
    return _is_list(content) and any(isinstance(v, StoredTensor) for v in content)


def _is_plain_list(content: Any) -> bool:
    return _is_list(content) and all(isinstance(v, (str, int, float)) for v in content)


def _parts_of(tensor: StoredTensor) -> list[StoredTensor]:
    """A tensor, and the tensors of its scale if there are any."""
    scale = () if tensor.scale is None else (tensor.scale.step, tensor.scale.zero)
    return [tensor, *(part for part in scale if isinstance(part, StoredTensor))]


def _record(storage: Storage) -> str:
    return f"data/{storage.key}"
