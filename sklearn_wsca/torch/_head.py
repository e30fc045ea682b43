"""The trained head of a torch model."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import Any

import torch

from sklearn_wsca._backend.module_state import evaluation_mode
from sklearn_wsca._heads.given import read_head
from sklearn_wsca._heads.head import Head
from sklearn_wsca.torch._batches import as_inputs
from sklearn_wsca.torch._inference import inference
from sklearn_wsca.torch._layers import (
    find_by_name,
    find_head,
    find_last_linear,
    unwrap,
)
from sklearn_wsca.torch._linear import (
    Layer,
    input_width,
    is_below,
    linear_layers,
)


def head_from_module(
    model: torch.nn.Module,
    layer: str | torch.nn.Module | None = None,
    *,
    classes: Iterable[Hashable] | None = None,
    batch: Any = None,
    prepare: Callable | None = None,
    key: Any = None,
) -> Head:
    """Read the linear head of a trained model.

    Weights are not taken from attributes but from what the layer computes, in
    evaluation mode and double precision, of zeros and unit vectors: those of a layer
    with weight norm, spectral norm, a pruning mask or an adapter too. The model is
    afterwards as it was before; hooks are called.

    Parameters
    ----------
    model : torch.nn.Module
        A model, or the linear layer itself.
    layer : str, torch.nn.Module or None, default=None
        The linear layer, or its name in ``model.named_modules()``; or a part of the
        model that is affine as a whole, such as dropout with a linear layer. None: the
        linear layer that gives the output of the model if `batch` is given, otherwise
        the one that is defined last, provided that no other could be a second head.
    classes : iterable or None, default=None
        Names of the classes in the order of the outputs; two for a single output,
        which is then the score of the second.
    batch : object or None, default=None
        One batch as the loader gives it, e.g. ``next(iter(loader))``. The model is run
        on a few rows of it to find the layer.
    prepare, key : optional
        How a batch becomes the input of the model, as in `extract_embeddings`.

    Returns
    -------
    head : Head
        Its outputs of the embeddings are those of the layer. Zero intercepts if the
        layer has no bias. The kind is "ridge" for a single output without `classes`,
        otherwise "logistic".

    Raises
    ------
    ValueError
        If no layer or more than one fits; if the layer cannot be run on rows of
        numbers, is not affine (cosines, a softmax, activations that are rounded), or
        gives other outputs each time; if the number of classes is not that of its
        outputs.

    See Also
    --------
    extract_embeddings : What enters this head.

    Examples
    --------
    >>> import torch
    >>> from sklearn_wsca.torch import head_from_module
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Linear(8, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)
    ... )
    >>> head = head_from_module(model, classes=["cat", "dog", "owl"])
    >>> head.coef.shape, head.kind
    ((3, 5), 'logistic')
    """
    model = unwrap(model)
    names = None if classes is None else _read_classes(classes)
    if layer is not None:
        found = find_by_name(model, layer)
        _check_whole(model, found)
    elif batch is None:
        found = find_last_linear(model)
    else:
        with inference(model, None, mixed_precision=False) as place:
            inputs = as_inputs(batch, 0, prepare, key).to(place)
            found = find_head(model, inputs)
    # The mode of the whole model, which may change its layers by it.
    with evaluation_mode(model, runs=False):
        head = read_head(
            found.module,
            argument=f"layer {found}",
            n_features=_width_of(found),
            levels=None,
        )
    if names is None:
        return head
    _check_number(names, head.n_rows)
    return replace(head, classes=names, kind="logistic")


def _check_whole(model: torch.nn.Module, found: Layer) -> None:
    """Raise if a layer is the base or a factor of another one."""
    for whole in linear_layers(model):
        if found.name != whole.name and is_below(found.name, whole.name):
            raise ValueError(
                f"layer: {found} is only a part of {whole}, which computes with other "
                f"weights; name {whole.name!r}."
            )


def _width_of(found: Layer) -> int:
    """Width of the embeddings that a layer reads."""
    width = input_width(found.module)
    if width is not None:
        return width
    advice = "name a torch.nn.Linear"
    if hasattr(found.module, "kernel_size") and hasattr(found.module, "weight"):
        advice = (
            "if it is a 1 x 1 convolution behind the pooling, pass the pair "
            "(module.weight.flatten(1), module.bias) as target_head instead"
        )
    raise ValueError(f"layer: {found} is no linear head; {advice}.")


def _read_classes(classes: Any) -> tuple:
    if isinstance(classes, (str, bytes)) or not isinstance(classes, Iterable):
        raise ValueError(
            f"classes: found {classes!r}; pass a list of names, in the order of the "
            "outputs."
        )
    # Labels from numpy would not be equal in type to those of a table.
    names = tuple(getattr(name, "item", lambda name=name: name)() for name in classes)
    if len(set(names)) < len(names):
        raise ValueError("classes: names are repeated; every class needs its own.")
    return names


def _check_number(names: tuple, n_rows: int) -> None:
    wanted = 2 if n_rows == 1 else n_rows
    if len(names) != wanted:
        raise ValueError(
            f"classes: found {len(names)} names, but the head has {n_rows} "
            f"output{'s' if n_rows > 1 else ''}; pass {wanted} names, in the order of "
            "the outputs."
        )
