"""Numbers of torch and safetensors from their bytes, some of types unknown to numpy."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from sklearn_wsca._backend.extras import import_extra

ByteOrder = Literal["<", ">"]
# Numbers of 8 bits that only torch can tell, by its names for them.
ONLY_IN_TORCH = (
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
)
TYPES = {
    "float64": "f8",
    "float32": "f4",
    "float16": "f2",
    "bfloat16": "u2",
    "int64": "i8",
    "int32": "i4",
    "int16": "i2",
    "int8": "i1",
    "uint64": "u8",
    "uint32": "u4",
    "uint16": "u2",
    "uint8": "u1",
    "bool": "u1",
    "complex128": "c16",
    "complex64": "c8",
    "qint8": "i1",
    "quint8": "u1",
    "qint32": "i4",
    **dict.fromkeys(ONLY_IN_TORCH, "u1"),
}


class Place(NamedTuple):
    """Where the numbers of a tensor lie in its storage, in numbers from the start."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def n_spanned(self) -> int:
        """Numbers of the storage up to the last that belongs to the tensor."""
        if 0 in self.shape:
            return 0
        steps = zip(self.shape, self.strides, strict=True)
        return self.offset + 1 + sum((size - 1) * step for size, step in steps)


def row_major(shape: tuple[int, ...]) -> Place:
    """Place of a tensor that fills its storage row by row."""
    strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    return Place(0, shape, strides)


def item_size(name: str) -> int:
    """Bytes of a number."""
    return np.dtype(TYPES[name]).itemsize


def decode(
    content: np.ndarray, name: str, place: Place, byte_order: ByteOrder = "<"
) -> np.ndarray:
    """Numbers in the bytes of a storage; floats below single precision become it.

    Raises
    ------
    ValueError
        If the tensor reaches beyond its storage.
    """
    stored = content.view(np.dtype(TYPES[name]).newbyteorder(byte_order))
    if place.n_spanned > len(stored):
        raise ValueError(
            f"a tensor of shape {place.shape} reaches beyond its {len(stored)} numbers"
        )
    if 0 in place.shape:
        placed = np.empty(place.shape, stored.dtype)
    else:
        placed = np.lib.stride_tricks.as_strided(
            stored[place.offset :],
            place.shape,
            [step * stored.itemsize for step in place.strides],
        )
    native = placed.astype(stored.dtype.newbyteorder("="), order="C", copy=False)
    return _values(native, name)


def _values(stored: np.ndarray, name: str) -> np.ndarray:
    """Values of numbers whose bits are held as those of another type."""
    if name == "bfloat16":
        return np.asarray(stored.astype(np.uint32) << 16).view(np.float32)
    if name == "float16":
        return stored.astype(np.float32)
    if name == "bool":
        return np.asarray(stored != 0)
    if name in ONLY_IN_TORCH:
        torch = import_extra("torch", "torch")
        return torch.from_numpy(stored).view(getattr(torch, name)).float().numpy()
    return stored
