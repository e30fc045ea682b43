"""Embeddings of every input under several interventions, such as other scanners."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import torch

from sklearn_wsca._text import list_first, quote
from sklearn_wsca.torch._batches import ModelInputs, as_inputs, tensors_of
from sklearn_wsca.torch._extraction import (
    SIDES,
    as_array,
    as_matrix,
    make_head_tap,
    only_output,
)
from sklearn_wsca.torch._layers import find_by_name, unwrap
from sklearn_wsca.torch._run import check_arguments, run_model
from sklearn_wsca.torch._sinks import RowSink, open_sink

NAMES_SHOWN = 5


class UnderInterventions(NamedTuple):
    """Embeddings in long form: one row per input and intervention.

    Parameters
    ----------
    embeddings : ndarray of shape (n_inputs * n_interventions, n_features), float32
        All interventions on the first input, then all on the second, ...
    level : ndarray of shape (n_inputs * n_interventions,)
        Name of the intervention.
    unit : ndarray of shape (n_inputs * n_interventions,), dtype int
        Number of the input in the order of the loader.
    """

    embeddings: np.ndarray
    level: np.ndarray
    unit: np.ndarray


class OutputsUnderInterventions(NamedTuple):
    """The same with the outputs of the model, row by row."""

    embeddings: np.ndarray
    level: np.ndarray
    unit: np.ndarray
    outputs: np.ndarray


def extract_under(
    model: torch.nn.Module,
    loader: Iterable,
    interventions: Mapping[Any, Callable],
    layer: str | torch.nn.Module | None = None,
    *,
    one_by_one: bool = False,
    side: str = "auto",
    pool: Callable | None = None,
    prepare: Callable | None = None,
    key: Any = None,
    return_outputs: bool = False,
    device: Any = None,
    mixed_precision: bool = False,
    out: str | PathLike | None = None,
    progress: bool = False,
) -> UnderInterventions | OutputsUnderInterventions:
    """Run a model over inputs as each of several scanners would have taken them.

    Every input goes through every intervention and then through the model, in one pass
    over the loader. `intervention_test` says how far that moves the decision.

    Parameters
    ----------
    model : torch.nn.Module
        The trained model, as in `extract_embeddings`.
    loader : iterable of batches
        As in `extract_embeddings`.
    interventions : mapping of name to callable
        At least two; ``torch.nn.Identity()`` leaves the input as it is. Each is called
        with what the model would be called with, a tensor (n, ...), or a tuple or dict
        of arguments, and returns the same kind with the same number of rows: transforms
        of torchvision and kornia do. They get a copy of what the loader gives, on the
        device where it is, and run without gradients and in full precision. What they
        draw at random is drawn anew for each batch.
    layer : str, torch.nn.Module or None, default=None
        As in `extract_embeddings`.
    one_by_one : bool, default=False
        Give the interventions single inputs, without the axis of the batch, and stack
        what they return: what MONAI's transforms need. The input must be one tensor.
    side, pool, prepare, key : optional
        As in `extract_embeddings`.
    return_outputs : bool, default=False
        Return the model's outputs as well.
    device, mixed_precision, out, progress : optional
        As in `extract_embeddings`.

    Returns
    -------
    UnderInterventions
        Named tuple `embeddings`, `level`, `unit` (and `outputs` if `return_outputs`),
        row by row alike: all interventions on the first input, then on the second.

    Raises
    ------
    TypeError
        If interventions are no mapping of callables, or one returns something else
        than it got; else as in `extract_embeddings`.
    ValueError
        If there are fewer than two, or one changes the number of rows; else as in
        `extract_embeddings`. An error of the model has a note with the intervention
        that gave it another size or type.

    See Also
    --------
    sklearn_wsca.intervention_test : How far the outputs of these rows move.

    Examples
    --------
    >>> import torch
    >>> from sklearn_wsca import intervention_test
    >>> from sklearn_wsca.torch import extract_under, head_from_module
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Linear(8, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)
    ... )
    >>> loader = torch.utils.data.DataLoader(torch.rand(100, 8), batch_size=32)
    >>> scanners = {"as taken": torch.nn.Identity(), "brighter": lambda x: x + 0.5}
    >>> found = extract_under(model, loader, scanners)
    >>> found.embeddings.shape, found.level[:2].tolist(), found.unit[:4].tolist()
    ((200, 5), ['as taken', 'brighter'], [0, 0, 1, 1])
    >>> outputs = head_from_module(model).outputs(found.embeddings)
    >>> result = intervention_test(outputs, found.level, found.unit, random_state=0)
    >>> result.n_units, result.pvalue
    (100, 0.001)
    """
    model = unwrap(model)
    check_arguments(loader, side, SIDES, prepare, key)
    applied = _Interventions(interventions, one_by_one)
    named = None if layer is None else find_by_name(model, layer)
    outputs = RowSink("outputs", must_be_finite=False)
    with open_sink(out, "embeddings") as sink:
        blocks = [_Interleaved(sink, applied.names)]
        if return_outputs:
            blocks.append(_Interleaved(outputs, applied.names))

        def store(number: int, values: np.ndarray, output: Any) -> None:
            rows = as_matrix(values, number)
            blocks[0].append(rows, number)
            if return_outputs:
                found = as_array(only_output(output, len(rows)))
                blocks[1].append(found, number)

        run_model(
            model,
            loader,
            make_head_tap(model, named, side, pool),
            store,
            *(prepare, key, device, mixed_precision, progress),
            variants=applied.variants,
        )
        embeddings = sink.finish()
    n_levels = len(applied.names)
    unit = np.repeat(np.arange(len(embeddings) // n_levels), n_levels)
    level = applied.levels(len(embeddings) // n_levels)
    if return_outputs:
        return OutputsUnderInterventions(embeddings, level, unit, outputs.finish())
    return UnderInterventions(embeddings, level, unit)


class _Interventions:
    """Callables by name, and what they make of a batch."""

    def __init__(self, interventions: Any, one_by_one: bool):
        if not isinstance(interventions, Mapping):
            raise TypeError(
                f"interventions: found a {type(interventions).__name__}; pass a dict "
                "of names to callables, e.g. {'as taken': torch.nn.Identity(), ...}."
            )
        if len(interventions) < 2:
            raise ValueError(
                f"interventions: found {len(interventions)}; name at least two to "
                "compare, of which one may be torch.nn.Identity()."
            )
        for name, function in interventions.items():
            if not callable(function):
                raise TypeError(
                    f"interventions: {quote(name)} is a {type(function).__name__}, "
                    "not callable; pass a function of a batch of inputs."
                )
        self.names = list(interventions)
        self._functions = list(interventions.values())
        self._one_by_one = one_by_one

    def levels(self, n: int) -> np.ndarray:
        """Names for n inputs, in long form; text as an array of text."""
        if all(isinstance(name, str) for name in self.names):
            return np.tile(np.array(self.names), n)
        names = np.empty(len(self.names), dtype=object)
        names[:] = self.names
        return np.tile(names, n)

    def variants(self, inputs: ModelInputs, number: int) -> Iterator[ModelInputs]:
        """What the model gets instead of batch `number`, one intervention each."""
        for name, function in zip(self.names, self._functions, strict=True):
            # Each its own copy: some change the image that they are given.
            given = _unpack(inputs.copy())
            where = f"interventions: {quote(name)}, batch {number}"
            with torch.no_grad(), _full_precision(inputs):
                result = self._apply(function, given, where)
            yield _pack(result, inputs, where)

    def _apply(self, function: Callable, given: Any, where: str) -> Any:
        if not self._one_by_one:
            with _named_in_errors(given, where):
                return function(given)
        if not isinstance(given, torch.Tensor):
            raise TypeError(
                f"{where}: one_by_one needs an input that is one tensor, and the model "
                f"is called with {_describe(given)}; take it apart in the callables "
                "and leave one_by_one=False."
            )
        with _named_in_errors(given, where):
            results = [function(row) for row in given]
        for result in results:
            if not isinstance(result, torch.Tensor):
                raise TypeError(
                    f"{where}: it returns a {type(result).__name__}, not a tensor; "
                    "convert it, e.g. with torch.as_tensor."
                )
        shapes = {tuple(result.shape) for result in results}
        if len(shapes) > 1:
            raise ValueError(
                f"{where}: it returns tensors of the shapes "
                f"{list_first(sorted(shapes), NAMES_SHOWN)}; bring all to one."
            )
        return torch.stack(results)


@contextmanager
def _named_in_errors(given: Any, where: str) -> Iterator[None]:
    """Note in errors of a callable which one it is, and what it was given."""
    try:
        yield
    except Exception as error:
        error.add_note(
            f"{where}: it was called with {_describe(given)}; with one_by_one=True it "
            "gets single inputs without the batch's axis."
        )
        raise


class _Interleaved:
    """Blocks of all interventions on a batch -> rows in long form."""

    def __init__(self, sink: RowSink, names: list):
        self._sink, self._names = sink, names
        self._blocks: list[np.ndarray] = []

    def append(self, block: np.ndarray, number: int) -> None:
        """Add what the next intervention on batch `number` gave."""
        name = self._names[len(self._blocks)]
        broken = ~np.isfinite(block).reshape(len(block), -1).all(axis=1)
        if self._sink.must_be_finite and broken.any():
            raise ValueError(
                f"model: the {self._sink.what} of batch {number} under "
                f"{quote(name)}, row {np.flatnonzero(broken)[0]} of the batch, hold "
                "NaN or infinite values; look at this input under the intervention."
            )
        if self._blocks and block.shape != self._blocks[0].shape:
            raise ValueError(
                f"interventions: {quote(name)}, batch {number}: the {self._sink.what} "
                f"have the shape {block.shape}, and {self._blocks[0].shape} under "
                f"{quote(self._names[0])}; interventions must keep the rows and their "
                "size."
            )
        self._blocks.append(block)
        if len(self._blocks) == len(self._names):
            rows = np.stack(self._blocks, axis=1)
            self._sink.append(rows.reshape(-1, *block.shape[1:]), number)
            self._blocks = []


def _unpack(inputs: ModelInputs) -> Any:
    """What a user would call the model with."""
    if inputs.kwargs:
        return inputs.kwargs
    return inputs.args[0] if len(inputs.args) == 1 else inputs.args


def _pack(result: Any, inputs: ModelInputs, where: str) -> ModelInputs:
    """Arguments of the model again, with as many rows as before."""
    given = _unpack(inputs)
    alike = isinstance(result, Mapping) == isinstance(given, Mapping)
    alike &= isinstance(result, torch.Tensor) == isinstance(given, torch.Tensor)
    if not alike or result is None:
        raise TypeError(
            f"{where}: it returns a {type(result).__name__} for {_describe(given)}; "
            "return the same kind."
        )
    if isinstance(result, torch.Tensor) and type(result) is not torch.Tensor:
        # Images of torchvision and MONAI carry more than numbers.
        result = result.as_subclass(torch.Tensor)
    packed = as_inputs(result, 0, lambda value: value, None)
    if packed.sizes - {None} != inputs.sizes - {None}:
        raise ValueError(
            f"{where}: it turns {_describe(given)} into {_describe(result)}; it must "
            "keep the number of rows (one_by_one=True gives it single inputs)."
        )
    if _forms(packed) == _forms(inputs):
        return packed
    origin = (
        f"{where}: the model was called with {_describe(result)}, which the "
        f"intervention made of {_describe(given)}; it must return what the model takes."
    )
    return replace(packed, origin=origin)


def _forms(inputs: ModelInputs) -> list:
    """Shape and type of every tensor."""
    return [(t.shape, t.dtype) for t in tensors_of([inputs.args, inputs.kwargs])]


def _describe(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return f"a dict of {', '.join(map(repr, value))}"
    return f"a {type(value).__name__} of {len(value)}"


def _full_precision(inputs: ModelInputs) -> torch.autocast:
    """Without the lower precision that the model may run in."""
    kind = next(
        (t.device.type for t in tensors_of([inputs.args, inputs.kwargs])), "cpu"
    )
    return torch.autocast(kind, enabled=False)
