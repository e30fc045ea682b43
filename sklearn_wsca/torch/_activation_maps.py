"""Activation maps of models of any architecture, by published methods."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from typing import Any

import numpy as np
import torch

from sklearn_wsca.torch._batches import ModelInputs
from sklearn_wsca.torch._contributions import SIDES
from sklearn_wsca.torch._inference import frozen
from sklearn_wsca.torch._layers import find_by_name, find_pooled_maps, unwrap
from sklearn_wsca.torch._linear import Layer
from sklearn_wsca.torch._map_methods import (
    METHODS,
    read_reshape,
    refuse_features_last,
)
from sklearn_wsca.torch._run import check_arguments, run_model
from sklearn_wsca.torch._score_cam import MaskingTap
from sklearn_wsca.torch._scores import ScoreReader
from sklearn_wsca.torch._sinks import RowSink, open_sink
from sklearn_wsca.torch._tap import GradientTap

MASKING = "score-cam"


def extract_activation_maps(
    model: torch.nn.Module,
    loader: Iterable,
    layer: str | torch.nn.Module | None = None,
    *,
    method: str = "grad-cam",
    side: str = "output",
    reshape: tuple[int, ...] | Callable | None = None,
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
    r"""Run a model over a loader and keep one activation map per sample.

    Values are as the method defines them, negative ones included, neither cut off at 0
    nor stretched: `sklearn_wsca.CommonScale` brings the maps of all samples to one
    scale. The model is afterwards as it was before, as in `extract_contributions`.

    Parameters
    ----------
    model : torch.nn.Module
        The trained model, as in `extract_embeddings`.
    loader : iterable of batches
        As in `extract_embeddings`.
    layer : str, torch.nn.Module or None, default=None
        As in `extract_contributions`: usually the last layer with feature maps, or the
        last normalisation of a transformer in front of its last attention.
    method : str, default="grad-cam"
        How features are weighted, see Notes: "grad-cam", "grad-cam++", "xgrad-cam",
        "hirescam" or "score-cam". The last runs the model once more for every feature;
        the others need gradients.
    side : {"output", "input"}, default="output"
        Which activation of a named layer.
    reshape : tuple of int or callable, default=None
        For layers that do not give (n, channels, \*spatial). The grid of tokens
        (n, tokens, channels), such as (14, 14): a few tokens in front of those of the
        grid, such as a class token, are left out. Or a function of the tensor.
    target : int or array-like of int of shape (n_samples,), default=None
        Columns of the scores, as in `extract_contributions`; None: the class that is
        predicted, or the only number.
    scores : str, torch.nn.Module, callable or None, default=None
        Where the scores of the classes are, as in `extract_contributions`.
    prepare, key : optional
        As in `extract_embeddings`.
    return_scores : bool, default=False
        Return the scores as well.
    device, mixed_precision, out, progress : optional
        As in `extract_contributions`.

    Returns
    -------
    maps : ndarray of shape (n_samples, \*spatial), float32
        Rows in the order of the loader; memory-mapped and read-only if `out` is given.
    scores : ndarray of shape (n_samples, n_classes), float32
        Only if `return_scores`.

    Raises
    ------
    ImportError
        If progress is to be shown in a terminal and rich is missing.
    TypeError
        If the model, the loader, a batch or the layer is of a kind that cannot be used.
    ValueError
        As in `extract_contributions`; if there is no such method, the layer gives no
        maps, has its features on the last axis and no `reshape` says so, the grid
        leaves out a row of tokens or more, or "score-cam" finds no image to mask.

    Warns
    -----
    UserWarning
        If all maps are 0, such as behind the last attention of a transformer whose head
        reads its class token alone.

    See Also
    --------
    sklearn_wsca.CommonScale : One scale for the maps of all samples.
    extract_contributions : The same gradients, feature by feature.

    Notes
    -----
    With the activation :math:`A_{cp}` of feature c at position p, its gradient
    :math:`g_{cp} = \partial s_k / \partial A_{cp}` of the score of class k, and P
    positions, the map is :math:`\sum_c w_c A_{cp}` with

    ============ ====================================================================
    method       weight :math:`w_c`
    ============ ====================================================================
    grad-cam     :math:`\sum_p g_{cp} / P` [1]_
    grad-cam++   :math:`\sum_p a_{cp} \max(g_{cp}, 0)`, where :math:`a_{cp} =
                 g_{cp}^2 / (2 g_{cp}^2 + g_{cp}^3 \sum_q A_{cq} + 10^{-6})` [2]_
    xgrad-cam    :math:`\sum_p g_{cp} A_{cp} / (\sum_q A_{cq} + 10^{-7})` [3]_
    score-cam    softmax over features of the score of the input times feature c, which
                 is enlarged to the input and stretched to 0 ... 1 [4]_
    ============ ====================================================================

    and :math:`\sum_c g_{cp} A_{cp}` for "hirescam" [5]_, the only one whose values add
    up to the score, less biases, where all that follows is piecewise linear. They are
    those of the package grad-cam before it cuts them off at 0 and stretches each map to
    its own 0 ... 1, with its small numbers in the divisors: those decide over
    "grad-cam++" where gradients are below about 0.001. In "xgrad-cam" a feature whose
    activations sum to about 0 may get any weight: use it behind a ReLU.

    References
    ----------
    .. [1] R. R. Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via
       gradient-based localization", ICCV, 2017.
    .. [2] A. Chattopadhay et al., "Grad-CAM++: Generalized gradient-based visual
       explanations for deep convolutional networks", WACV, 2018.
    .. [3] R. Fu et al., "Axiom-based Grad-CAM: Towards accurate visualization and
       explanation of CNNs", BMVC, 2020.
    .. [4] H. Wang et al., "Score-CAM: Score-weighted visual explanations for
       convolutional neural networks", CVPR Workshops, 2020.
    .. [5] R. L. Draelos, L. Carin, "Use HiResCAM instead of Grad-CAM for faithful
       explanations of convolutional neural networks", arXiv:2011.08891, 2020.

    Examples
    --------
    >>> import torch
    >>> from sklearn_wsca import CommonScale
    >>> from sklearn_wsca.torch import extract_activation_maps
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Conv2d(1, 6, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
    ...     torch.nn.Flatten(), torch.nn.Linear(54, 3),
    ... )
    >>> loader = torch.utils.data.DataLoader(torch.rand(40, 1, 8, 8), batch_size=16)
    >>> maps = extract_activation_maps(model, loader, "1", method="hirescam")
    >>> maps.shape
    (40, 6, 6)
    >>> drawn = CommonScale().fit_transform(maps)
    >>> float(drawn.min()), float(drawn.max())
    (0.0, 1.0)
    """
    model = unwrap(model)
    check_arguments(loader, side, SIDES, prepare, key)
    if method not in (*METHODS, MASKING):
        known = ", ".join(map(repr, (*METHODS, MASKING)))
        raise ValueError(f"method: found {method!r}; it must be one of {known}.")
    named = None if layer is None else find_by_name(model, layer)
    reader = ScoreReader(model, scores, target)
    how = {
        "prepare": prepare,
        "key": key,
        "device": device,
        "mixed_precision": mixed_precision,
        "progress": progress,
    }
    run = _run_masked if method == MASKING else _run_gradients
    with reader, frozen(model), open_sink(out, "activation maps") as sink:
        finder = _LayerFinder(model, named, side, reader, reshape)
        run(finder, loader, how, sink, method)
        reader.check_end()
        maps = sink.finish()
    finder.warn_of_silence()
    return (maps, reader.scores.finish()) if return_scores else maps


class _LayerFinder:
    """The layer of the maps in a model, and what it gives as (n, C, *spatial)."""

    def __init__(
        self,
        model: torch.nn.Module,
        named: Layer | None,
        side: str,
        reader: ScoreReader,
        reshape: Any,
    ):
        self.model, self.reader = model, reader
        self.is_late = named is None
        self._named, self._side = named, side
        self._reshape, self._is_given = read_reshape(reshape), reshape is not None
        self._found: Layer | None = None
        self._is_silent = True

    def find(self, inputs: ModelInputs) -> tuple[Layer, str]:
        """Layer and side; the search may run the model on these inputs."""
        if self._named is None:
            found = find_pooled_maps(self.model, inputs)
        else:
            found = self._named, self._side
        # Not earlier: the search runs the model.
        self.reader.watch(inputs)
        self._found = found[0]
        return found

    def hear(self, maps: np.ndarray) -> np.ndarray:
        """Remember whether any map is more than 0."""
        self._is_silent = self._is_silent and not maps.any()
        return maps

    def warn_of_silence(self) -> None:
        """Say that no map of any sample shows anything."""
        if self._is_silent:
            warnings.warn(
                f"layer: all maps of {self._found} are 0: at none of their positions "
                "do the scores depend on it. Of a transformer whose head reads a class "
                "token, name a layer in front of the last attention, such as its "
                "normalisation.",
                UserWarning,
                stacklevel=3,
            )

    def as_maps(self, activation: torch.Tensor) -> torch.Tensor:
        """Activations or gradients by channel and position.

        Raises
        ------
        ValueError
            If there are no positions, or too many axes of them, or features come last.
        """
        maps = self._reshape(activation)
        if not self._is_given and self._found is not None:
            refuse_features_last(self._found, tuple(activation.shape))
        if not 3 <= maps.ndim <= 5 or len(maps) != len(activation):
            raise ValueError(
                f"layer: it gives the shape {tuple(activation.shape)}"
                f"{'' if maps is activation else f', reshaped {tuple(maps.shape)}'}, "
                "not (n, channels, ...) with one to three spatial dimensions; name "
                "another layer, or pass reshape=."
            )
        return maps


def _run_gradients(
    finder: _LayerFinder, loader: Iterable, how: dict, sink: RowSink, method: str
) -> None:
    def combine(activation: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        return METHODS[method](finder.as_maps(activation), finder.as_maps(gradient))

    def make_tap(inputs: ModelInputs) -> GradientTap:
        found = finder.find(inputs)
        read = finder.reader.read
        return GradientTap(*found, read, combine, is_late=finder.is_late)

    def store(number: int, values: np.ndarray, output: Any) -> None:
        sink.append(finder.hear(values), number)
        finder.reader.keep(number)

    run_model(finder.model, loader, make_tap, store, **how)


def _run_masked(
    finder: _LayerFinder, loader: Iterable, how: dict, sink: RowSink, method: str
) -> None:
    taps: list[MaskingTap] = []

    def make_tap(inputs: ModelInputs) -> MaskingTap:
        found = finder.find(inputs)
        made = MaskingTap(*found, finder.reader, finder.as_maps, is_late=finder.is_late)
        taps.append(made)
        return made

    def variants(inputs: ModelInputs, number: int) -> Iterator[ModelInputs]:
        # The model runs on each of them before the next one is asked for.
        yield inputs
        (tap,) = taps
        yield from tap.masked(inputs, number)
        sink.append(finder.hear(tap.finish()), number)
        finder.reader.keep(number)

    def store(number: int, values: np.ndarray, output: Any) -> None:
        """Nothing: the tap keeps what each run gives."""

    run_model(finder.model, loader, make_tap, store, **how, variants=variants)
