"""Contributions of features in models of any architecture: gradient x activation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from os import PathLike
from typing import Any

import numpy as np
import torch

from sklearn_wsca._features.map_evaluation import read_columns
from sklearn_wsca.torch._batches import ModelInputs, tensors_of
from sklearn_wsca.torch._inference import frozen
from sklearn_wsca.torch._layers import find_by_name, find_head, find_pooled_maps, unwrap
from sklearn_wsca.torch._run import check_arguments, run_model
from sklearn_wsca.torch._sinks import RowSink, open_sink
from sklearn_wsca.torch._tap import GradientTap, ScoreTap

_SIDES = ("input", "output")


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
    check_arguments(loader, side, _SIDES, prepare, key)
    named = None if layer is None else find_by_name(model, layer)
    reader = _ScoreReader(model, scores, target)

    def make_tap(inputs: ModelInputs) -> GradientTap:
        found = find_pooled_maps(model, inputs) if named is None else (named, side)
        # Not earlier: the search runs the model.
        reader.watch(inputs)
        return GradientTap(*found, reader.read, is_late=named is None)

    with reader, frozen(model), open_sink(out, "contributions") as sink:

        def store(number: int, values: np.ndarray, output: Any) -> None:
            sink.append(values, number)
            reader.keep(number)

        how = prepare, key, device, mixed_precision, progress
        run_model(model, loader, make_tap, store, *how)
        reader.check_end()
        maps = sink.finish()
    return (maps, reader.scores.finish()) if return_scores else maps


class _ScoreReader:
    """Finds the scores in each run of a model, and those of the wanted classes.

    `source` and `target` are what users pass as `scores` and `target`.
    """

    def __init__(self, model: torch.nn.Module, source: Any, target: Any):
        self.model, self.target = model, target
        self.scores = RowSink("scores", must_be_finite=False)
        self._latest = np.empty((0, 0), dtype=np.float32)
        self._columns: np.ndarray | None = None
        self._function: Callable | None = None
        self._layer = None
        self._tap: ScoreTap | None = None
        self._stack = ExitStack()
        if callable(source) and not isinstance(source, torch.nn.Module):
            self._function = source
        elif source is not None:
            self._layer = find_by_name(model, source, argument="scores")

    def __enter__(self) -> _ScoreReader:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    def watch(self, inputs: ModelInputs) -> None:
        """Find the layer with the scores, if they are not returned by a function."""
        if self._function is None and self._layer is None:
            try:
                self._layer = find_head(self.model, inputs)
            except ValueError:
                # No linear layer, or several: then only one output can be meant.
                return
        if self._layer is not None:
            self._tap = ScoreTap(self._layer)
            self._stack.enter_context(self._tap)

    def read(self, output: Any) -> torch.Tensor:
        """Score of the wanted class of each row of a batch, with its graph."""
        table = self._as_table(self._find(output))
        self._latest = table.detach().to("cpu", torch.float32, copy=True).numpy()
        return table.gather(1, self._wanted_columns(table)[:, None])[:, 0]

    def keep(self, number: int) -> None:
        """Keep the scores that were read last, those of batch `number`."""
        self.scores.append(self._latest, number)

    def check_end(self) -> None:
        """Raise if there are more wanted columns than rows."""
        n_rows, columns = self.scores.n_rows, self._columns
        if columns is not None and columns.ndim and len(columns) != n_rows:
            raise ValueError(
                f"target: {len(columns)} columns for the {n_rows} rows of the loader; "
                "pass one for each, or one for all."
            )

    def _find(self, output: Any) -> Any:
        if self._tap is not None:
            return self._tap.take_tensor()
        if self._function is not None:
            return self._function(output)
        found = [
            result
            for result in tensors_of(output)
            if result.ndim and result.is_floating_point()
        ]
        if len(found) == 1:
            return found[0]
        raise ValueError(
            f"scores: the model returns {len(found)} tensors, none or several of them "
            "given by a linear layer; name the layer that gives the scores with "
            "scores=, or pass a function that picks them from what the model returns."
        )

    def _as_table(self, found: Any) -> torch.Tensor:
        """Scores with two dimensions."""
        if isinstance(found, torch.Tensor) and found.is_floating_point():
            if found.ndim == 1:
                return found[:, None]
            if found.ndim == 2 and found.shape[1]:
                return found
        shape = tuple(getattr(found, "shape", ()))
        raise ValueError(
            f"scores: found a {type(found).__name__} of the shape {shape}, not numbers "
            "of the shape (n_rows, n_classes) or (n_rows,); pass a function that makes "
            "them from what the model returns."
        )

    def _wanted_columns(self, table: torch.Tensor) -> torch.Tensor:
        if self.target is None:
            return table.argmax(dim=1)
        n_rows, n_columns = table.shape
        if self._columns is None:
            self._columns = read_columns(self.target, n_columns, "target")
        if self._columns.ndim == 0:
            return torch.full((n_rows,), int(self._columns), device=table.device)
        first = self.scores.n_rows
        if len(self._columns) < first + n_rows:
            raise ValueError(
                f"target: {len(self._columns)} columns, but the loader has at least "
                f"{first + n_rows} rows; pass one for each, or one for all."
            )
        chosen = self._columns[first : first + n_rows]
        return torch.as_tensor(chosen, device=table.device)
