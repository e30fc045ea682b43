"""Activation maps of a class from the activation of a layer and its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from sklearn_wsca.torch._linear import Layer

# What keeps the published quotients finite.
SMALL_POWER, SMALL_SUM = 1e-6, 1e-7
# Tokens that are no patches: of the class, of a teacher, registers.
MOST_LEADING = 8


def grad_cam(activation: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Features weighted by the mean of their gradient over the positions."""
    return _weigh(activation, gradient.mean(_positions(gradient)))


def grad_cam_plus_plus(
    activation: torch.Tensor, gradient: torch.Tensor
) -> torch.Tensor:
    """Features weighted by their rising gradients, each by its share."""
    square = gradient**2
    total = activation.sum(_positions(activation), keepdim=True)
    share = square / (2 * square + total * square * gradient + SMALL_POWER)
    share = torch.where(gradient != 0, share, 0.0)
    return _weigh(activation, (gradient.clamp(min=0) * share).sum(_positions(share)))


def xgrad_cam(activation: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Features weighted by the mean of their gradient, weighted by the activation."""
    total = activation.sum(_positions(activation), keepdim=True)
    share = gradient * activation / (total + SMALL_SUM)
    return _weigh(activation, share.sum(_positions(share)))


def hires_cam(activation: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Gradient x activation at every position."""
    return (activation * gradient).sum(1)


METHODS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "xgrad-cam": xgrad_cam,
    "hirescam": hires_cam,
}


def score_cam(activation: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Features (n, C, ...) weighted by scores (n, C) of the input that each masks."""
    return _weigh(activation, scores.softmax(1))


def mask_of(feature: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """One feature (n, 1, ...) at the resolution of the inputs, each from 0 to 1."""
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(shape)]
    enlarged = torch.nn.functional.interpolate(
        feature, size=tuple(shape), mode=mode, align_corners=True
    )
    low = enlarged.amin(_positions(enlarged), keepdim=True)
    high = enlarged.amax(_positions(enlarged), keepdim=True)
    return (enlarged - low) / (high - low + 1e-8)


def read_reshape(reshape: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """Turn what the layer gives into (n, C, *spatial), as the user's `reshape` says.

    Raises
    ------
    ValueError
        If it is neither None, a callable, nor one to three positive whole numbers.
    """
    if reshape is None:
        return lambda activation: activation
    if callable(reshape):
        return reshape
    grid = tuple(reshape) if isinstance(reshape, (tuple, list)) else ()
    if not 1 <= len(grid) <= 3 or not all(isinstance(n, int) and n > 0 for n in grid):
        raise ValueError(
            f"reshape: found {reshape!r}; pass the grid of the tokens, such as "
            "(14, 14), or a function from what the layer gives to "
            "(n, channels, ...)."
        )
    return lambda tokens: _lay_out(tokens, grid)


def refuse_features_last(layer: Layer, shape: tuple[int, ...]) -> None:
    """Raise if a layer that computes along its last axis gives it as many features.

    Raises
    ------
    ValueError
        If the last axis has the width of one of its modules, and the second has not.
    """
    widths = {width for part in layer.module.modules() for width in _widths(part)}
    if len(shape) < 3 or shape[-1] not in widths or shape[1] in widths:
        return
    grid = "their grid, such as reshape=(14, 14)" if len(shape) == 3 else "a function"
    raise ValueError(
        f"reshape: {layer} gives the shape {shape}, whose features are on the last "
        f"axis; pass {grid}, that makes it (n, channels, ...), or "
        "reshape=lambda maps: maps if the second axis has the channels."
    )


def _widths(module: torch.nn.Module) -> tuple[int, ...]:
    """Lengths of the last axis that a module may read or give."""
    if isinstance(module, torch.nn.LayerNorm):
        return (module.normalized_shape[-1],)
    if isinstance(module, torch.nn.MultiheadAttention):
        return (module.embed_dim,)
    if isinstance(module, torch.nn.Linear):
        return module.in_features, module.out_features
    return ()


def _lay_out(tokens: torch.Tensor, grid: tuple[int, ...]) -> torch.Tensor:
    """Maps of the last tokens (n, T, C); those before, of the class, have no place."""
    n_positions = math.prod(grid)
    if tokens.ndim != 3 or tokens.shape[1] < n_positions:
        raise ValueError(
            f"reshape: the layer gives the shape {tuple(tokens.shape)}, not "
            f"(n, tokens, channels) with {n_positions} tokens or more for the grid "
            f"{grid}; name another layer or grid."
        )
    n_leading = tokens.shape[1] - n_positions
    if n_leading > max(1, min(MOST_LEADING, min(grid) - 1)):
        raise ValueError(
            f"reshape: of {tokens.shape[1]} tokens the grid {grid} has {n_positions}; "
            f"the {n_leading} in front of it are too many for tokens of the class. "
            "Pass the grid of all patches, or a function that leaves tokens out."
        )
    placed = tokens[:, tokens.shape[1] - n_positions :].transpose(1, 2)
    return placed.reshape(*placed.shape[:2], *grid)


def _positions(values: torch.Tensor) -> tuple[int, ...]:
    return tuple(range(2, values.ndim))


def _weigh(activation: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nc...,nc->n...", activation, weights)
