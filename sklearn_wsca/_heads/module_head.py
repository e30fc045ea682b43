"""Weights of a layer of torch, read from what it computes and not from its attributes.

Imported only where there are modules, and therefore torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any

import numpy as np
import torch

from sklearn_wsca._backend.memory import is_out_of_memory
from sklearn_wsca._backend.module_state import evaluation_mode, full_precision
from sklearn_wsca._heads.affine import rounding_of

Run = Callable[[np.ndarray], np.ndarray]
# Numbers in one run of the layer, inputs and outputs; 32 MB.
NUMBERS_PER_RUN = 2**22
N_CHECKED_ROWS = 4
# What is linear near zero, such as tanh, is not far from it.
CHECKED_SCALES = (1.0, 1e3)
WAY_OUT = (
    "name or pass the linear layer itself, or analyse its outputs with utilization_test"
)


def read_module(
    module: torch.nn.Module, n_features: int, argument: str
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and intercepts of a layer, from its outputs of zeros and unit vectors.

    The layer runs in evaluation mode on copies of its parameters and buffers in double
    precision, and is afterwards as it was.

    Parameters
    ----------
    module : torch.nn.Module
        The layer.
    n_features : int
        Width of its input, unless it says so itself.
    argument : str
        What to call it in messages.

    Returns
    -------
    coef : ndarray of shape (n_rows, n_features)
        Weights.
    intercept : ndarray of shape (n_rows,)
        Intercepts.

    Raises
    ------
    ValueError
        If it cannot be run, gives other outputs each time, or is not affine.

    Examples
    --------
    >>> import torch
    >>> from sklearn_wsca._heads.module_head import read_module
    >>> layer = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(5, 3))
    >>> coef, intercept = read_module(layer, 5, "target_head")
    >>> coef.shape, intercept.shape
    ((3, 5), (3,))
    """
    name = f"{argument}: the {type(module).__name__}"
    width = getattr(module, "in_features", None)
    n_features = width if isinstance(width, int) and width > 0 else n_features
    state = evaluation_mode(module, runs=False, argument=argument)
    with state, _undisturbed(module, name) as place:
        run = _find_run(module, place, n_features, name)
        coef, intercept = _probe(run, n_features)
        _check_finite(module, coef, intercept, argument)
        _check_affine(run, coef, intercept, name)
    return coef, intercept


@contextmanager
def _undisturbed(module: torch.nn.Module, name: str) -> Iterator[torch.device]:
    """No mixed precision, the same random numbers as before, attributes as before.

    Yields the device of the layer.
    """
    tensors = chain(module.parameters(), module.buffers())
    place = next((tensor.device for tensor in tensors), torch.device("cpu"))
    if place.type == "meta":
        raise ValueError(f"{name} is on the device 'meta'; load its weights first.")
    attributes = [(part, dict(vars(part))) for part in module.modules()]
    with ExitStack() as stack:
        devices = [place] if place.type == "cuda" else []
        stack.enter_context(torch.random.fork_rng(devices))
        stack.enter_context(full_precision(module))
        for part, before in attributes:
            # A weight that is computed for each run is kept there, such as that of a
            # weight norm.
            stack.callback(vars(part).update, before)
            stack.callback(vars(part).clear)
        yield place


def _find_run(
    module: torch.nn.Module, place: torch.device, n_features: int, name: str
) -> Run:
    """Function that runs the layer, in double precision if it can."""
    problem: Exception | None = None
    for precision in (torch.float64, torch.float32):
        try:
            run = _make_run(module, place, precision)
            run(np.zeros((2, n_features)))
            return run
        # A layer may raise anything.
        except Exception as error:
            if is_out_of_memory(error):
                raise
            problem = problem or error
    reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
    raise ValueError(
        f"{name} cannot be run on rows of {n_features} numbers ({reason}); {WAY_OUT}."
    ) from problem


def _make_run(
    module: torch.nn.Module, place: torch.device, precision: torch.dtype
) -> Run:
    # Copies: what the layer changes while it runs is none of its own tensors.
    tensors = {
        name: values.detach().to(
            precision if values.is_floating_point() else values.dtype, copy=True
        )
        for name, values in chain(module.named_parameters(), module.named_buffers())
    }

    def run(rows: np.ndarray) -> np.ndarray:
        inputs = torch.from_numpy(rows).to(place, precision)
        outputs = torch.func.functional_call(module, tensors, (inputs,))
        return _as_matrix(outputs, len(rows))

    return run


def _as_matrix(outputs: Any, n_rows: int) -> np.ndarray:
    if not isinstance(outputs, torch.Tensor) or not outputs.is_floating_point():
        kind = getattr(outputs, "dtype", type(outputs).__name__)
        raise ValueError(f"it gives {kind} instead of numbers")
    shape = tuple(outputs.shape)
    if shape[:1] != (n_rows,) or len(shape) > 2:
        raise ValueError(f"it gives the shape {shape} for {n_rows} rows")
    return outputs.reshape(n_rows, -1).to("cpu", torch.float64).numpy()


def _probe(run: Run, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and intercepts, by blocks of unit vectors."""
    intercept = run(np.zeros((1, n_features)))[0]
    coef = np.empty((len(intercept), n_features))
    size = max(1, NUMBERS_PER_RUN // (n_features + len(intercept)))
    for start in range(0, n_features, size):
        units = np.eye(min(size, n_features - start), n_features, k=start)
        coef[:, start : start + size] = (run(units) - intercept).T
    return coef, intercept


def _check_finite(
    module: torch.nn.Module, coef: np.ndarray, intercept: np.ndarray, argument: str
) -> None:
    if np.isfinite(coef).all() and np.isfinite(intercept).all():
        return
    found = "its outputs are NaN or infinite"
    for name, values in chain(module.named_parameters(), module.named_buffers()):
        n_bad = int((~torch.isfinite(values)).sum())
        if n_bad:
            found = (
                f"{n_bad} of {values.numel()} values of {name!r} are NaN or infinite"
            )
            break
    raise ValueError(f"{argument}: {found}; export the head again.")


def _check_affine(run: Run, coef: np.ndarray, intercept: np.ndarray, name: str) -> None:
    """Raise if outputs of random rows are not those of the weights."""
    generator = np.random.default_rng(0)
    for scale in CHECKED_SCALES:
        rows = scale * generator.standard_normal((N_CHECKED_ROWS, coef.shape[1]))
        outputs = run(rows)
        # Some layers compute in single precision whatever they get.
        allowed = rounding_of(rows, coef.T, intercept)
        if not (np.abs(run(rows) - outputs) <= allowed).all():
            raise ValueError(
                f"{name} gives other outputs each time it is run on the same rows, "
                "also in evaluation mode (by dropout that is never switched off?); "
                f"{WAY_OUT}."
            )
        if not (np.abs(outputs - rows @ coef.T - intercept) <= allowed).all():
            raise ValueError(
                f"{name} is no linear head: what it gives is not weights times input "
                f"plus intercepts; {WAY_OUT}."
            )
