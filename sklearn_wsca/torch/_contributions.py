"""Contributions of features in models of any architecture: gradient x activation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any

import numpy as np
import torch

from sklearn_wsca.torch._batches import ModelInputs
from sklearn_wsca.torch._inference import frozen
from sklearn_wsca.torch._layers import find_by_name, find_pooled_maps, unwrap
from sklearn_wsca.torch._run import check_arguments, run_model
from sklearn_wsca.torch._scores import ScoreReader
from sklearn_wsca.torch._sinks import open_sink
from sklearn_wsca.torch._tap import GradientTap

SIDES = ("input", "output")


def extract_contributions(
    model: torch.nn.Module,
    loader: Iterable,
    layer: str | torch.nn.Module | None = None,
    *,
    side: str = "output",
    target: Any = None,
    scores: str | torch.nn.Module | Callable | None = None,
    prepare: Callable | None = None,
    key: Any = None,
    return_scores: bool = False,
    device: Any = None,
    mixed_precision: bool = False,
    out: str | PathLike | None = None,
    progress: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    r"""Run a model over a loader and keep what each feature adds to a score.

    For heads that are not one linear layer behind average pooling. The model runs in
    evaluation mode and is afterwards as it was before, also after an error: modes,
    hooks, gradients of the parameters and which of them are trained, device.

    Parameters
    ----------
    model : torch.nn.Module
        The trained model, as in `extract_embeddings`.
    loader : iterable of batches
        As in `extract_embeddings`.
    layer : str, torch.nn.Module or None, default=None
        A module of the model or its name in ``model.named_modules()``; usually the last
        one with feature maps. None: what `extract_feature_maps` finds, which only
        models with pooling and a linear head have; for others the error lists layers.
    side : {"output", "input"}, default="output"
        Which activation of a named layer; the input of a pooling layer, for instance.
    target : int or array-like of int of shape (n_samples,), default=None
        Columns of the scores: the class that features contribute to, one for all
        samples or one for each. None: the class that is predicted, or the only number.
    scores : str, torch.nn.Module, callable or None, default=None
        Where the scores of the classes are, of shape (n_rows, n_classes) or (n_rows,):
        the output of a layer (its name or the module), or a function of what the model
        returns. None: the output of the linear layer behind the model's output, before
        a softmax or another activation; where there is none, what the model returns.
    prepare, key : optional
        As in `extract_embeddings`.
    return_scores : bool, default=False
        Return the scores as well.
    device, mixed_precision : optional
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
        The mean over positions is the contribution of a feature, in the unit of the
        score.
    scores : ndarray of shape (n_samples, n_classes), float32
        Only if `return_scores`; one column for a single number.

    Raises
    ------
    ImportError
        If progress is to be shown in a terminal and rich is missing.
    TypeError
        If the model, the loader, a batch or the layer is of a kind that cannot be used.
    ValueError
        As in `extract_feature_maps`; if the scores are not one row of numbers per
        input, no gradient leads from them to the layer, or `target` does not fit them.

    See Also
    --------
    extract_feature_maps : Enough for a linear head behind average pooling.

    Notes
    -----
    With the activation :math:`A_{icp}` of feature c at position p in sample i, the
    score :math:`s_{ik}` of its class k and the number of positions P,

    .. math:: u_{icp} = P \, A_{icp} \, \frac{\partial s_{ik}}{\partial A_{icp}}.

    The factor P makes the *mean* of u over the positions the sum of gradient x
    activation, so that u stands for activations behind which a head of ones pools,
    ``numpy.ones(n_features)``. Behind average pooling and a linear layer with the
    weights :math:`w_{kc}` it is :math:`w_{kc} A_{icp}` exactly. Contributions add up to
    the score if all that follows is piecewise linear (ReLU, maximum, pooling) and has
    no biases; otherwise the rest is what biases and curvature add.

    A head of ones gives the same sum for every class. It suits one score: a number, the
    score of the second of two classes (or, as `scores`, the difference of both), or the
    score of one class, `target`, of which the column of the returned scores is y.

    Features are along the second axis and positions along those behind it. For tokens
    (n, T, C) the two are exchanged: use ``maps.transpose(0, 2, 1) * T / C``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_wsca.torch import extract_contributions
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Conv2d(1, 6, 3, bias=False), torch.nn.ReLU(),
    ...     torch.nn.AdaptiveMaxPool2d(1), torch.nn.Flatten(),
    ...     torch.nn.Linear(6, 5, bias=False), torch.nn.ReLU(),
    ...     torch.nn.Linear(5, 3, bias=False),
    ... )
    >>> loader = torch.utils.data.DataLoader(torch.rand(40, 1, 8, 8), batch_size=16)
    >>> maps, scores = extract_contributions(
    ...     model, loader, layer="1", return_scores=True
    ... )
    >>> maps.shape, scores.shape
    ((40, 6, 6, 6), (40, 3))
    >>> contributions = maps.mean((2, 3))
    >>> bool(abs(contributions.sum(1) - scores.max(1)).max() < 1e-5)
    True
    """
    model = unwrap(model)
    check_arguments(loader, side, SIDES, prepare, key)
    named = None if layer is None else find_by_name(model, layer)
    reader = ScoreReader(model, scores, target)

    def make_tap(inputs: ModelInputs) -> GradientTap:
        found = find_pooled_maps(model, inputs) if named is None else (named, side)
        # Not earlier: the search runs the model.
        reader.watch(inputs)
        return GradientTap(*found, reader.read, _contribute, is_late=named is None)

    with reader, frozen(model), open_sink(out, "contributions") as sink:

        def store(number: int, values: np.ndarray, output: Any) -> None:
            sink.append(values, number)
            reader.keep(number)

        how = prepare, key, device, mixed_precision, progress
        run_model(model, loader, make_tap, store, *how)
        reader.check_end()
        maps = sink.finish()
    return (maps, reader.scores.finish()) if return_scores else maps


def _contribute(activation: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    return activation * gradient * math.prod(activation.shape[2:])
