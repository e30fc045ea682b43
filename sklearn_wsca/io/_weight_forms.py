"""Forms in which checkpoints keep the weights of a linear layer, computed or named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

# Names of weights, and of the intercepts that go with them.
INTERCEPT_OF = {
    "weight": "bias",
    "weights": "bias",
    "kernel": "bias",
    "coef": "intercept",
    "coef_": "intercept_",
    "W": "b",
    "arr_0": "arr_1",
    "tensor": "bias",
}
# What it means that a layer has parts of these names, the most telling first.
SCALED = "embeddings that are scaled before the head"
# There, no array has the shape of the weights.
PACKED = {
    r"absmax|quant_map|quant_state": "a format of 4 bits",
    r"qweight|qzeros|g_idx|packed|W_q": "whole numbers that each hold several weights",
    r"^zero_point": "a layer quantised by torch, as an object",
}
COMPANIONS = {
    r"lora|hada_|lokr_|ia3_|base_layer": "an adapter, whose scale is not in the file",
    **PACKED,
    r"^((mean|std|var|components)_?|scale_)$": SCALED,
    r"SCB|scale|zero_point|_data|amax": "a quantised format",
    r"parametrizations|weight_|bias_": "a parametrization",
}
_LORA = r"lora(_([A-Ea-e]|down|up|mid|embedding_[AB]|magnitude_vector|layer))?"
_IN_WEIGHT = r"\.(_data|_scale|_shift|(nested_)?absmax|(nested_)?quant_(map|state.*))"
# Full name of an array: the layer, and the shortest end that can be a part of one.
PART = re.compile(
    r"((?P<layer>.+?)\.)??(?P<part>"
    rf"({_LORA}|(hada|lokr|ia3)_[^.]+|(?<=\.)[^.]*lora[^.]*)(\..+)?"
    r"|(base_layer|parametrizations|_packed_params)\..+"
    rf"|weight(_[^.]+)?({_IN_WEIGHT})?"
    rf"|{'|'.join(map(re.escape, INTERCEPT_OF))}"
    r"|qweight|qzeros|W_q|SCB|scale|zero_point)"
)


class Form(NamedTuple):
    """Parts that make up the weights, the one of their shape first, and how."""

    parts: tuple[str, ...]
    compute: Callable[..., np.ndarray]


def companion(parts: Iterable[str]) -> str | None:
    """Say what a layer with these parts is; None if nothing is known to be odd."""
    parts = list(parts)
    for pattern, what in COMPANIONS.items():
        if any(re.search(pattern, part) for part in parts):
            return what
    return None


def _plain(weights: np.ndarray) -> np.ndarray:
    if weights.dtype.kind in "iu" and weights.dtype.itemsize == 1:
        raise ValueError(f"{weights.dtype} codes without their scale")
    return weights


def _weight_norm(direction: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Rows (or columns, or all) of a direction, brought to a length."""
    direction, length = direction.astype(float), length.astype(float)
    n_rows, n_columns = direction.shape
    if length.shape not in {(), (n_rows, 1), (1, n_columns)}:
        raise ValueError("a parametrization with two parts that is no weight norm")
    axes = tuple(axis for axis in (0, 1) if not length.ndim or length.shape[axis] == 1)
    norm = np.sqrt(np.square(direction).sum(axis=axes, keepdims=True))
    # As in torch: a direction of length zero gives no number.
    with np.errstate(invalid="ignore", divide="ignore"):
        return direction * (length / norm)


def _spectral_norm(weights: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Weights over their largest singular value, as training has estimated it."""
    weights = weights.astype(float)
    if (*u.shape, *v.shape) != weights.shape:
        raise ValueError("spectral norm along columns")
    return weights / (u.astype(float) @ weights @ v.astype(float))


def _masked(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return weights * mask


def _scaled(
    codes: np.ndarray, scale: np.ndarray, zero: np.ndarray | int = 0
) -> np.ndarray:
    """Whole numbers of 8 bits times the scale of their row."""
    zero, n_rows = np.asarray(zero), len(codes)
    if codes.dtype != np.int8:
        raise ValueError(f"a scale of {codes.dtype} numbers, which are no 8-bit codes")
    if any(
        part.shape not in {(), (1,), (n_rows,), (n_rows, 1)} for part in (scale, zero)
    ):
        raise ValueError("8-bit codes with a scale per block")
    scale, zero = (part.astype(float).reshape(-1, 1) for part in (scale, zero))
    return (codes.astype(float) - zero) * scale


def _row_scaled(
    codes: np.ndarray, largest: np.ndarray, layout: np.ndarray | int = 0
) -> np.ndarray:
    """Whole numbers in which 127 stands for the largest weight of the row."""
    if np.any(layout):
        raise ValueError("8-bit codes in the layout of a device")
    return _scaled(codes, largest.astype(float) / 127)


AS_THEY_ARE = _plain
_NORMED = "parametrizations.weight.original"
_FORMS = (
    *(Form((name,), _plain) for name in INTERCEPT_OF),
    Form(("weight_v", "weight_g"), _weight_norm),
    Form((f"{_NORMED}1", f"{_NORMED}0"), _weight_norm),
    Form(("weight_orig", "weight_u", "weight_v"), _spectral_norm),
    Form(
        (_NORMED, "parametrizations.weight.0._u", "parametrizations.weight.0._v"),
        _spectral_norm,
    ),
    Form(("weight_orig", "weight_mask"), _masked),
    Form(("weight", "weight_scale"), _scaled),
    Form(("weight", "weight_scale", "weight_zero_point"), _scaled),
    Form(("weight", "SCB"), _row_scaled),
    Form(("weight", "SCB", "weight_format"), _row_scaled),
)
FORMS = {frozenset(form.parts): form for form in _FORMS}
