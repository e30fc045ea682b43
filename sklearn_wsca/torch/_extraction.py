"""Embeddings and feature maps of a model, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any

import numpy as np
import torch

from sklearn_wsca.torch._batches import ModelInputs, rows_of
from sklearn_wsca.torch._layers import (
    find_by_name,
    find_head,
    find_pooled_maps,
    unwrap,
)
from sklearn_wsca.torch._linear import Layer, is_linear
from sklearn_wsca.torch._run import check_arguments, run_model
from sklearn_wsca.torch._sinks import RowSink, TensorSink, open_sink
from sklearn_wsca.torch._tap import Tap

SIDES = ("auto", "input", "output")


def extract_embeddings(
    model: torch.nn.Module,
    loader: Iterable,
    layer: str | torch.nn.Module | None = None,
    *,
    side: str = "auto",
    pool: Callable | None = None,
    prepare: Callable | None = None,
    key: Any = None,
    return_outputs: bool = False,
    device: Any = None,
    mixed_precision: bool = False,
    out: str | PathLike | None = None,
    as_tensor: bool = False,
    progress: bool = False,
) -> Any:
    """Run a model over a loader and keep what enters its last linear layer.

    The model runs in evaluation mode without gradients. Afterwards, also after an error
    or an interrupt, it is as it was before: the mode of every module, hooks, device,
    and every parameter and buffer, of which copies are kept in main memory meanwhile.
    What `eval` does besides, such as merging an adapter into weights, is undone.

    Parameters
    ----------
    model : torch.nn.Module
        The trained model. Wrappers of parallel or compiled execution are taken off.
    loader : iterable of batches
        A ``DataLoader`` that does not shuffle, or any iterable. A batch is a tensor, a
        tuple or list whose first entry is the input, or a dict, which is passed as
        keyword arguments.
    layer : str, torch.nn.Module or None, default=None
        A module of the model or its name in ``model.named_modules()``. None: the
        linear layer that gives the output of the model, possibly through a softmax or
        another activation; with its adapter, if it has one. It is found by running the
        model on a few rows.
    side : {"auto", "input", "output"}, default="auto"
        What to keep of the layer. "auto": the input of a linear layer, the output
        of any other.
    pool : callable or None, default=None
        Applied to what the layer gives in each batch; returns the embeddings of shape
        (n_rows, n_features). Needed for tokens and feature maps.
    prepare : callable or None, default=None
        Turns a batch into the input of the model: a tensor, a tuple of positional or a
        dict of keyword arguments.
    key : object or None, default=None
        Entry of a batch (name in a dict, number in a tuple) that is the input.
    return_outputs : bool, default=False
        Return the model's outputs as well.
    device : str, torch.device or None, default=None
        Where to run, for this call. None: where the model is. Batches are moved there.
    mixed_precision : bool, default=False
        Run under ``torch.autocast`` (bfloat16 on a CPU, float16 on CUDA).
    out : path or None, default=None
        A .npy file to write the embeddings to while the model runs. It appears when it
        is complete; a file of this name is replaced.
    as_tensor : bool, default=False
        Return torch tensors where the model runs (see `device`) instead of arrays in
        main memory. `sklearn_wsca.WeightSpaceCorrelation` analyses such embeddings on
        their device.
    progress : bool, default=False
        Show how many batches are done, and the time left, as
        `sklearn_wsca.show_progress` does.

    Returns
    -------
    embeddings : ndarray or Tensor of shape (n_samples, n_features), float32
        Rows in the order of the loader; memory-mapped and read-only if `out` is given.
    outputs : ndarray or Tensor of shape (n_samples, ...), float32
        Only if `return_outputs`.

    Raises
    ------
    ImportError
        If progress is to be shown in a terminal and rich is missing.
    TypeError
        If the model, the loader, a batch or the layer is of a kind that cannot be used.
    ValueError
        If the layer is not found or ambiguous, or is not called once per batch; if the
        loader shuffles, drops rows or gives none; if embeddings are not finite or not
        one row of numbers per input; if both `as_tensor` and `out` are given.

    See Also
    --------
    head_from_module : The head that reads these embeddings.
    extract_feature_maps : What they are the mean of in many image models.

    Notes
    -----
    A convolutional network with batch normalisation that keeps no running statistics
    gives embeddings that depend on the composition of the batches.

    Examples
    --------
    >>> import torch
    >>> from sklearn_wsca.torch import extract_embeddings
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Linear(8, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)
    ... )
    >>> loader = torch.utils.data.DataLoader(torch.rand(100, 8), batch_size=32)
    >>> extract_embeddings(model, loader).shape
    (100, 5)
    >>> extract_embeddings(model, loader, layer="0", side="output").shape
    (100, 5)
    """
    model = unwrap(model)
    check_arguments(loader, side, SIDES, prepare, key)
    named = None if layer is None else find_by_name(model, layer)
    make_tap = make_head_tap(model, named, side, pool, as_tensor)
    outputs = (TensorSink if as_tensor else RowSink)("outputs", must_be_finite=False)
    with open_sink(out, "embeddings", as_tensor) as sink:

        def store(number: int, values: Any, output: Any) -> None:
            embeddings = as_matrix(values, number)
            sink.append(embeddings, number)
            if return_outputs:
                found = only_output(output, len(embeddings))
                outputs.append(found if as_tensor else as_array(found), number)

        how = prepare, key, device, mixed_precision, progress
        run_model(model, loader, make_tap, store, *how)
        embeddings = sink.finish()
    return (embeddings, outputs.finish()) if return_outputs else embeddings


def make_head_tap(
    model: torch.nn.Module,
    named: Layer | None,
    side: str,
    pool: Callable | None,
    stays_on_device: bool = False,
) -> Callable[[ModelInputs], Tap]:
    """What makes the tap of a named layer, or of the one behind the output."""

    def make_tap(inputs: ModelInputs) -> Tap:
        found = find_head(model, inputs) if named is None else named
        default = "input" if is_linear(found.module) else "output"
        found_side = default if side == "auto" else side
        return Tap(found, found_side, pool, stays_on_device=stays_on_device)

    return make_tap


def extract_feature_maps(
    model: torch.nn.Module,
    loader: Iterable,
    layer: str | torch.nn.Module | None = None,
    *,
    side: str = "output",
    prepare: Callable | None = None,
    key: Any = None,
    device: Any = None,
    mixed_precision: bool = False,
    out: str | PathLike | None = None,
    progress: bool = False,
) -> np.ndarray:
    r"""Run a model over a loader and keep the feature maps that it pools.

    Parameters
    ----------
    model : torch.nn.Module
        The trained model, as in `extract_embeddings`.
    loader : iterable of batches
        As in `extract_embeddings`.
    layer : str, torch.nn.Module or None, default=None
        A module of the model or its name in ``model.named_modules()``. None: the last
        maps whose mean over positions is what enters the linear layer behind the
        model's output, so that each weight of the head belongs to one map.
    side : {"output", "input"}, default="output"
        What to keep of a named layer; the input of a pooling layer, for instance.
    prepare, key, device, mixed_precision : optional
        As in `extract_embeddings`.
    out : path or None, default=None
        A .npy file to write the maps to while the model runs. It appears when it is
        complete; a file of this name is replaced.
    progress : bool, default=False
        As in `extract_embeddings`.

    Returns
    -------
    maps : ndarray of shape (n_samples, n_features, \*spatial), float32
        Rows in the order of the loader; memory-mapped and read-only if `out` is given.

    Raises
    ------
    ImportError
        If progress is to be shown in a terminal and rich is missing.
    TypeError
        If the model, the loader, a batch or the layer is of a kind that cannot be used.
    ValueError
        As in `extract_embeddings`; if no layer is named and no maps have the embedding
        as their mean, or if the maps have no positions or change their size.

    Examples
    --------
    >>> import torch
    >>> from sklearn_wsca.torch import extract_embeddings, extract_feature_maps
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Conv2d(1, 6, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
    ...     torch.nn.Flatten(), torch.nn.Linear(6, 3),
    ... )
    >>> loader = torch.utils.data.DataLoader(torch.rand(40, 1, 8, 8), batch_size=16)
    >>> maps = extract_feature_maps(model, loader)
    >>> maps.shape
    (40, 6, 6, 6)
    >>> bool(abs(maps.mean((2, 3)) - extract_embeddings(model, loader)).max() < 1e-6)
    True
    """
    model = unwrap(model)
    check_arguments(loader, side, SIDES[1:], prepare, key)
    named = None if layer is None else find_by_name(model, layer)

    def make_tap(inputs: ModelInputs) -> Tap:
        if named is not None:
            return Tap(named, side, can_pool=False)
        found, found_side = find_pooled_maps(model, inputs)
        return Tap(found, found_side, is_late=True, can_pool=False)

    with open_sink(out, "feature maps") as sink:

        def store(number: int, values: np.ndarray, output: Any) -> None:
            if values.ndim < 3:
                raise ValueError(
                    f"layer: it gives an array of shape {values.shape} in batch "
                    f"{number}, not feature maps (n, channels, ...); name a layer "
                    "before the pooling."
                )
            sink.append(values, number)

        how = prepare, key, device, mixed_precision, progress
        run_model(model, loader, make_tap, store, *how)
        return sink.finish()


def as_matrix(values: Any, number: int) -> Any:
    """Embeddings with two dimensions; positions are dropped only if there is one."""
    shape = tuple(values.shape)
    if len(shape) < 2 or math.prod(shape[1:]) == shape[1]:
        return values.reshape(len(values), -1)
    raise ValueError(
        f"layer: it gives an array of shape {shape} in batch {number}, not one "
        "row of numbers per input; pass pool=, e.g. lambda maps: maps.flatten(2)"
        ".mean(2) for feature maps, or lambda tokens: tokens[:, 0] for the first token."
    )


def only_output(output: Any, n_rows: int) -> torch.Tensor:
    """Find the one output with a row per input."""
    found = rows_of(output, n_rows)
    if len(found) != 1:
        raise ValueError(
            f"return_outputs: the model returns {len(found)} tensors with a row per "
            "input instead of one; run it with return_outputs=False and compute the "
            "outputs from the embeddings, head_from_module(model).outputs(embeddings)."
        )
    return found[0].detach().to(torch.float32, copy=True)


def as_array(values: torch.Tensor) -> np.ndarray:
    """Return a tensor in main memory."""
    return values.to("cpu").numpy()
