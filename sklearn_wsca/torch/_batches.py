"""What a loader gives and what of it a model is called with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from torch.utils.data.distributed import DistributedSampler

_RANDOM_SAMPLERS = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)
_NO_LOADERS = (torch.Tensor, np.ndarray, str, Mapping)


@dataclass(frozen=True)
class ModelInputs:
    """Arguments of one call of a model.

    Parameters
    ----------
    args, kwargs : tuple, dict
        What it is called with.
    origin : str
        Where they come from if not from the loader, for errors of the model.
    """

    args: tuple
    kwargs: dict
    origin: str = ""

    def call(self, model: torch.nn.Module) -> Any:
        """Output of the model."""
        try:
            return model(*self.args, **self.kwargs)
        except Exception as error:
            if self.origin:
                error.add_note(self.origin)
            raise

    def to(self, device: torch.device | None) -> ModelInputs:
        """Move the tensors to a device; None leaves them where they are."""
        if device is None:
            return self
        # Only a copy from pinned memory is asynchronous; the rest just waits.
        return self._convert(lambda value: value.to(device, non_blocking=True))

    def copy(self) -> ModelInputs:
        """The same with tensors of its own."""
        return self._convert(
            lambda value: value.clone() if hasattr(value, "clone") else value
        )

    def first_rows(self, most: int) -> ModelInputs:
        """Keep a few rows, if all inputs are tensors with the same number of rows."""
        sizes = self.sizes
        if len(sizes) != 1 or sizes == {None}:
            return self
        return self._convert(lambda tensor: tensor[:most])

    @property
    def sizes(self) -> set[int | None]:
        """Lengths of the inputs along their first axis; None where there is none."""
        found: set[int | None] = set()

        def note(value: Any) -> None:
            is_rows = isinstance(value, torch.Tensor) and value.ndim > 0
            found.add(len(value) if is_rows else None)

        self._convert(note)
        return found

    def _convert(self, function: Callable) -> ModelInputs:
        args, kwargs = _convert(function, (self.args, self.kwargs))
        return replace(self, args=args, kwargs=kwargs)


def as_inputs(
    batch: Any, number: int, prepare: Callable | None, key: Any
) -> ModelInputs:
    """Turn batch `number` of a loader into the arguments of the model.

    Raises
    ------
    TypeError
        If it holds nothing that a model can be called with.
    ValueError
        If it has no entry `key`, or no entry at all.
    """
    if prepare is not None:
        value = prepare(batch)
    elif key is not None:
        value = _entry(batch, key, number)
    elif _is_sequence(batch):
        value = _entry(batch, 0, number)
    else:
        value = batch
    if isinstance(value, Mapping):
        return ModelInputs((), dict(value))
    if _is_sequence(value):
        return ModelInputs(tuple(value), {})
    if hasattr(value, "to"):
        return ModelInputs((value,), {})
    raise TypeError(
        f"loader: batch {number} gives the model a {type(value).__name__}, not a "
        "tensor; pass prepare=, a function from a batch to the model's input."
    )


def tensors_of(value: Any) -> Iterator[torch.Tensor]:
    """All tensors in what a model returns, however nested."""
    if isinstance(value, torch.Tensor):
        yield value
        return
    entries: Iterable = ()
    if isinstance(value, Mapping):
        entries = value.values()
    elif isinstance(value, (list, tuple)):
        entries = value
    elif is_dataclass(value) and not isinstance(value, type):
        entries = [getattr(value, field.name) for field in fields(value)]
    for entry in entries:
        yield from tensors_of(entry)


def rows_of(value: Any, n_rows: int) -> list[torch.Tensor]:
    """Tensors with a row per input, in what a model returns."""
    return [found for found in tensors_of(value) if found.shape[:1] == (n_rows,)]


def check_loader(loader: Any) -> None:
    """Raise if the rows of a loader cannot be those of a table, in its order.

    Raises
    ------
    TypeError
        If it is no iterable of batches.
    ValueError
        If it shuffles, or leaves out rows.
    """
    is_samples = isinstance(loader, Dataset) and not isinstance(loader, IterableDataset)
    if is_samples or isinstance(loader, _NO_LOADERS) or not hasattr(loader, "__iter__"):
        raise TypeError(
            f"loader: found a {type(loader).__name__}; pass an iterable of batches, "
            "e.g. torch.utils.data.DataLoader(dataset, batch_size=64)."
        )
    if isinstance(loader, DataLoader):
        _check_order(loader)
        _check_last_batch(loader)


def _check_order(loader: DataLoader) -> None:
    samplers = [loader.sampler, getattr(loader.batch_sampler, "sampler", None)]
    for sampler in samplers:
        is_random = isinstance(sampler, _RANDOM_SAMPLERS)
        if isinstance(sampler, DistributedSampler):
            is_random = sampler.shuffle or sampler.num_replicas > 1
        if is_random:
            raise ValueError(
                f"loader: it draws rows by a {type(sampler).__name__}, so that they "
                "would not match the rows of the metadata; make a loader of the same "
                "dataset with shuffle=False."
            )


def _check_last_batch(loader: DataLoader) -> None:
    """Raise if drop_last loses rows, or if nobody can tell."""
    batches: Any = loader if loader.batch_sampler is None else loader.batch_sampler
    size = getattr(batches, "batch_size", None)
    if not getattr(batches, "drop_last", False) or size is None:
        return
    lost = "an unknown number of rows"
    if not isinstance(loader.dataset, IterableDataset):
        rows: Any = getattr(batches, "sampler", loader.sampler)
        n_lost = len(rows) % size
        if n_lost == 0:
            return
        lost = f"{n_lost} of the rows"
    raise ValueError(
        f"loader: drop_last=True leaves out {lost}, which then have no embedding; make "
        "a loader with drop_last=False."
    )


def _is_sequence(value: Any) -> bool:
    """Tell lists and tuples from tuples that are one object, as packed sequences."""
    return isinstance(value, (list, tuple)) and not hasattr(value, "to")


def _entry(batch: Any, key: Any, number: int) -> Any:
    try:
        if isinstance(batch, torch.Tensor):
            raise TypeError("its entries are rows, not inputs")
        return batch[key]
    except (KeyError, IndexError, TypeError) as error:
        found = f"is a {type(batch).__name__}"
        if isinstance(batch, Mapping):
            found = f"the keys {', '.join(map(repr, batch))}"
        elif isinstance(batch, (list, tuple)):
            found = f"{len(batch)} entries"
        raise ValueError(
            f"loader: batch {number} has no entry {key!r}, but {found}; name the "
            "model's input with key=, or pass prepare=, a function from a batch to it."
        ) from error


def _convert(function: Callable, value: Any) -> Any:
    """Apply a function to what can be moved in nested containers; leave the rest."""
    if isinstance(value, Mapping):
        return {name: _convert(function, entry) for name, entry in value.items()}
    if _is_sequence(value):
        converted = [_convert(function, entry) for entry in value]
        is_named = hasattr(value, "_fields")
        return type(value)(*converted) if is_named else type(value)(converted)
    return function(value) if hasattr(value, "to") else value
