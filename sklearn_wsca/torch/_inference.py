"""Running a model without leaving a trace in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, count
from typing import Any

import torch

from sklearn_wsca._backend.module_state import evaluation_mode
from sklearn_wsca._backend.progress import tell
from sklearn_wsca._progress import show_progress

# Name of the step in progress.
STEP = "model"


@contextmanager
def inference(
    model: torch.nn.Module, device: Any, mixed_precision: bool
) -> Iterator[torch.device | None]:
    """Evaluation mode without gradients; everything is as before afterwards.

    Yields the device of the model, None if it has neither parameters nor buffers.
    """
    with ExitStack() as stack:
        stack.enter_context(evaluation_mode(model))
        if device is not None:
            home = _only_device(model)
            stack.callback(model.to, home)
            _move(model, device)
        place = next(_devices(model), None if device is None else torch.device(device))
        if mixed_precision:
            kind = "cpu" if place is None else place.type
            stack.enter_context(torch.autocast(kind))
        yield place


@contextmanager
def frozen(model: torch.nn.Module) -> Iterator[None]:
    """Parameters that ask for no gradients; as before afterwards."""
    trainable = [values for values in model.parameters() if values.requires_grad]
    try:
        for values in trainable:
            values.requires_grad_(False)
        yield
    finally:
        for values in trainable:
            values.requires_grad_(True)


@contextmanager
def progress_bar(loader: Any, shown: bool) -> Iterator[Callable[[], None]]:
    """Show the batches that are done; yields what to call after each.

    Raises
    ------
    ImportError
        If they are to be shown in a terminal and rich is missing.
    """
    if not shown:
        yield lambda: None
        return
    done, total = count(1), _n_batches(loader) or 0
    with show_progress():
        tell(STEP, 0, total)
        yield lambda: tell(STEP, next(done), total)


def _n_batches(loader: Any) -> int | None:
    """Number of batches; None for generators and iterable datasets."""
    try:
        return len(loader)
    except TypeError:
        return None


def _move(model: torch.nn.Module, device: Any) -> None:
    try:
        model.to(device)
    except (AssertionError, RuntimeError) as error:
        raise ValueError(
            f"device: the model cannot be moved to {str(device)!r} ({error}); name "
            "another device, or leave device=None."
        ) from error


def _devices(model: torch.nn.Module) -> Iterator[torch.device]:
    return (values.device for values in chain(model.parameters(), model.buffers()))


def _only_device(model: torch.nn.Module) -> torch.device:
    """Where to bring a model back to."""
    found = set(_devices(model)) or {torch.device("cpu")}
    if len(found) > 1:
        names = ", ".join(sorted(map(str, found)))
        raise ValueError(
            f"device: the model is spread over {names} and could not be brought back; "
            "leave device=None."
        )
    return found.pop()
