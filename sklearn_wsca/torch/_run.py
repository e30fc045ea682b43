"""Running a model over a loader and reading one layer of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch

from sklearn_wsca._backend.memory import explain_shortage
from sklearn_wsca.torch._batches import ModelInputs, as_inputs, check_loader, tensors_of
from sklearn_wsca.torch._inference import inference, progress_bar
from sklearn_wsca.torch._tap import Tap

SMALLER_BATCHES = (
    "Make batch_size of the loader smaller, or run on another device (device=...)."
)


def run_model(
    model: torch.nn.Module,
    loader: Iterable,
    make_tap: Callable[[ModelInputs], Tap],
    store: Callable[[int, Any, Any], None],
    prepare: Callable | None,
    key: Any,
    device: Any,
    mixed_precision: bool,
    progress: bool,
    variants: Callable[[ModelInputs, int], Iterable[ModelInputs]] | None = None,
) -> None:
    """Hand batch number, what the tap took, and the output to `store`.

    `variants` makes several inputs of one, which are handed over one by one.
    """
    with ExitStack() as stack:
        place = stack.enter_context(inference(model, device, mixed_precision))
        advance = stack.enter_context(progress_bar(loader, progress))
        tap: Tap | None = None
        for number, batch in enumerate(loader):
            given = as_inputs(batch, number, prepare, key)
            for inputs in [given] if variants is None else variants(given, number):
                # Not in halves: batch normalisation may see who shares a batch.
                with explain_shortage(f"loader, batch {number}", SMALLER_BATCHES):
                    inputs = inputs.to(place)
                    if tap is None:
                        tap = stack.enter_context(make_tap(inputs))
                    output = inputs.call(model)
                    values = tap.take(output)
                _check_rows(values, inputs, output, number, tap)
                store(number, values, output)
            advance()


def check_arguments(
    loader: Any, side: Any, sides: tuple, prepare: Any, key: Any
) -> None:
    """Raise if a loader, a side, or how batches are read cannot be meant.

    Raises
    ------
    TypeError
        If the loader is no iterable of batches.
    ValueError
        If it shuffles or leaves out rows, or arguments are unknown or contradict.
    """
    check_loader(loader)
    if side not in sides:
        names = ", ".join(map(repr, sides))
        raise ValueError(f"side: found {side!r}; it must be one of {names}.")
    if prepare is not None and key is not None:
        raise ValueError("prepare and key: both are given; pass one of them.")


def _check_rows(
    values: np.ndarray | torch.Tensor,
    inputs: ModelInputs,
    output: Any,
    number: int,
    tap: Tap,
) -> None:
    """Raise unless a batch has as many rows as the model's input or output."""
    known = {size for size in inputs.sizes if size is not None}
    known |= {len(result) for result in tensors_of(output) if result.ndim}
    if values.ndim == 0 or (known and len(values) not in known):
        found = len(values) if values.ndim else "no"
        advice = ", or pass pool=, a function that makes one of them"
        raise ValueError(
            f"layer: {tap.layer} gives {found} rows for the {max(known, default=0)} of "
            f"batch {number}; name a layer with one row per input"
            f"{advice if tap.can_pool else ''}."
        )
