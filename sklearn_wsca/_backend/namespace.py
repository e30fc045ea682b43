"""One code for numpy arrays and torch tensors: the array namespace of an array.

The numerics are written against the functions that numpy and the array API standard
share; an array keeps its device from the first row block to the last product.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np

Precision = Literal["float32", "float64"]


def is_tensor(array: Any) -> bool:
    """Whether an array is a torch tensor; does not import torch."""
    kind = type(array)
    return kind.__module__.split(".")[0] == "torch" and hasattr(array, "detach")


def array_namespace(array: Any) -> Any:
    """Module with the functions for an array: numpy, or torch behind the standard.

    Raises
    ------
    ImportError
        If the array is a tensor and array-api-compat is missing.
    """
    if not is_tensor(array):
        return np
    try:
        import array_api_compat.torch as namespace
    except ImportError as error:
        raise ImportError(
            "torch tensors need the extra 'torch': "
            "pip install '.[torch]', or pass X as a numpy array."
        ) from error
    return namespace


def to_numpy(array: Any) -> np.ndarray:
    """Copy of a tensor in main memory; a numpy array as it is."""
    if not is_tensor(array):
        return np.asarray(array)
    array = array.detach().cpu()
    # numpy has no such type; single precision holds all its values.
    array = array.float() if str(array.dtype) == "torch.bfloat16" else array
    return array.numpy()


def to_same_device(values: Any, array: Any, precision: Precision | None = None) -> Any:
    """Bring numpy values to the namespace and device of `array`; a tensor stays."""
    if is_tensor(values):
        return values if precision is None else cast(values, precision)
    values = np.asarray(values)
    if precision is not None:
        values = values.astype(precision, copy=False)
    if not is_tensor(array):
        return values
    # A tensor shares the memory of an array, and must be allowed to write to it.
    shared = values if values.flags.writeable else values.copy()
    return array_namespace(array).asarray(
        np.ascontiguousarray(shared), device=array.device
    )


def send_together(arrays: list[np.ndarray], array: Any) -> list:
    """Bring numpy arrays that differ in their last axis to a device, in one piece."""
    if not is_tensor(array):
        return arrays
    whole = to_same_device(np.concatenate(arrays, axis=-1), array)
    ends = np.cumsum([0, *(own.shape[-1] for own in arrays)]).tolist()
    return [whole[..., start:stop] for start, stop in pairwise(ends)]


def send_parts(parts: Any, array: Any) -> Any:
    """A dataclass with its arrays, and those of its parts, where an array is."""
    if not is_tensor(array):
        return parts
    sent = {}
    for field in fields(parts):
        value = getattr(parts, field.name)
        if isinstance(value, np.ndarray):
            sent[field.name] = to_same_device(value, array)
        elif is_dataclass(value):
            sent[field.name] = send_parts(value, array)
    return replace(parts, **sent)


def take_along(array: Any, indices: Any) -> Any:
    """Entries (p, m) of an array (p, n) at the indices of each of its rows."""
    if is_tensor(array):
        return array.gather(1, indices.long())
    return np.take_along_axis(array, indices, axis=1)


def multiply_each(left: Any, right: Any) -> Any:
    """Products (p, a, c) of matrices (p, a, b), or one for all, with (p, b, c)."""
    if not is_tensor(right):
        return left @ right
    # One operation, where that sign stands for six.
    if left.ndim < right.ndim:
        left = left.expand(len(right), *left.shape)
    return left.bmm(right)


def sum_rows(codes: Any, values: Any, n_codes: int) -> Any:
    """Sums of the rows of a tensor (n, m) by their codes (n,): (n_codes, m)."""
    shape = n_codes, values.shape[1]
    sums = array_namespace(values).zeros(shape, dtype=values.dtype, **device_of(values))
    return sums.index_add_(0, codes, values)


def sum_by_code(codes: Any, values: Any, n_codes: int) -> Any:
    """Sums of values (n,) or (p, n) by the codes (p, n), in double: (p, n_codes)."""
    if is_tensor(codes):
        xp, shape = array_namespace(codes), (len(codes), n_codes)
        values = xp.broadcast_to(cast(values, "float64"), tuple(codes.shape))
        sums = xp.zeros(shape, dtype=xp.float64, **device_of(codes))
        return sums.scatter_add(1, codes.long(), values)
    n_problems = len(codes)
    cells = codes + n_codes * np.arange(n_problems)[:, None]
    values = np.broadcast_to(values, codes.shape)
    sums = np.bincount(cells.ravel(), values.ravel(), n_problems * n_codes)
    return sums.reshape(n_problems, n_codes)


def device_of(array: Any) -> dict[str, Any]:
    """Keyword arguments that put a new array where `array` is; none for numpy."""
    return {"device": array.device} if is_tensor(array) else {}


def cast(array: Any, precision: Precision) -> Any:
    """Bring an array to a precision; the same array if it has it."""
    if is_tensor(array):
        return array.to(getattr(array_namespace(array), precision))
    return array.astype(precision, copy=False)


def precision_of(array: Any) -> Precision:
    """Precision of an array of floating-point numbers."""
    return "float32" if "float32" in str(array.dtype) else "float64"
