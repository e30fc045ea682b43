"""Trained heads, read from the forms in which users have them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._backend.namespace import to_numpy
from sklearn_wsca._heads.affine import (
    check_feature_names,
    count_features,
    intercept_of,
    list_steps,
    move_before,
)
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.embeddings import check_magnitude

# Weights (C, d), intercepts (C,), classes and kind, as far as they are said.
Weights = tuple[np.ndarray, np.ndarray, tuple | None, str | None]


def is_trained(source: Any) -> bool:
    """Whether an entry of `heads` is a head rather than a recipe to fit one."""
    if isinstance(source, (str, type(None))):
        return False
    if hasattr(source, "fit"):
        return hasattr(_last_step(source), "coef_")
    return True


def _last_step(source: Any) -> Any:
    """Last step of a Pipeline; anything else as it is."""
    return [source, *list_steps(source)][-1]


def _why_untrained(source: Any) -> str:
    """What keeps something from being a trained head."""
    if isinstance(source, str):
        return (
            f"{source!r} cannot be read as weights; read files with "
            "sklearn_wsca.io.load_head"
        )
    model = _last_step(source)
    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError):
        return f"{source!r} is not fitted"
    if hasattr(model, "best_estimator_"):
        return f"{type(model).__name__} is a search; its head is best_estimator_"
    return f"{type(model).__name__} has no coef_, so it is no linear head"


def _clone_hint(source: Any) -> str:
    """How an estimator stays fitted where scikit-learn clones it, as in a grid."""
    if not hasattr(source, "get_params"):
        return ""
    return " Where scikit-learn clones it, FrozenEstimator(model) keeps the fit."


def read_head(
    source: Any,
    *,
    argument: str,
    n_features: int,
    levels: tuple | None,
    feature_names: Any = None,
) -> Head:
    """Read a trained head.

    Parameters
    ----------
    source : Head, array, pair (W, b), fitted linear estimator or torch.nn.Module
        The head in any form a user may have; arrays have shape (C, d) or (d,). A module
        is run, and its weights are what it computes. A fitted Pipeline of affine steps
        and a linear model is a head on its input.
    argument : str
        What to call the head in messages.
    n_features : int
        Width of the embeddings.
    feature_names : ndarray or None
        Names of their features, where they have any.
    levels : tuple or None
        Sorted levels of its column: the names of the rows where their number fits.
        None if the column is continuous or there is none.

    Raises
    ------
    ValueError
        If the head is not trained, no array of numbers, not finite, of another width,
        or a module that is not linear.
    """
    weights = read_weights(
        source, argument=argument, n_features=n_features, feature_names=feature_names
    )
    return name_head(weights, levels)


def read_weights(
    source: Any, *, argument: str, n_features: int, feature_names: Any = None
) -> Weights:
    """Read weights, intercepts and what is said of their classes; see `read_head`."""
    if not is_trained(source):
        raise ValueError(
            f"{argument}: {_why_untrained(source)}; pass a trained head, or leave "
            f"{argument} out to have one fitted.{_clone_hint(source)}"
        )
    check_feature_names(source, feature_names, argument)
    if hasattr(source, "steps"):
        return _read_pipeline(source, argument, n_features)
    _check_single_rows(source, argument)
    coef, intercept, classes, kind = _unpack(source, n_features, argument)
    coef = _as_matrix(coef, argument)
    intercept = _as_intercept(intercept, len(coef), argument)
    _check_width(coef, n_features, argument)
    return coef, intercept, classes, kind


def name_head(weights: Weights, levels: tuple | None) -> Head:
    """Head whose rows are called by levels, where it does not name them itself."""
    coef, intercept, classes, kind = weights
    if classes is None and levels is not None:
        classes = _name_rows(len(coef), levels)
    # Several unnamed rows are class scores in practice: outputs of a network.
    return Head(coef, intercept, classes, kind or "auto")


def _read_pipeline(source: Any, argument: str, n_features: int) -> Weights:
    """Weights of the last step of a Pipeline, on the input of the first."""
    *steps, model = list_steps(source)
    widths = count_features(steps, n_features, argument)
    width = widths[-1]
    coef, intercept, classes, kind = read_weights(
        model, argument=argument, n_features=width
    )
    coef, intercept = move_before(coef, intercept, steps, widths, argument)
    return coef, intercept, classes, kind


def _check_single_rows(source: Any, argument: str) -> None:
    """Raise if the rows of an estimator stand for pairs of classes."""
    n_classes = len(getattr(source, "classes_", ()))
    if hasattr(source, "support_vectors_") and n_classes > 2:
        raise ValueError(
            f"{argument}: {source!r} has one row of weights per pair of classes; pass "
            "one with a row per class, such as LinearSVC or LogisticRegression."
        )


def _unpack(
    source: Any, n_features: int, argument: str
) -> tuple[Any, Any, tuple | None, str | None]:
    """Weights, intercepts, classes and kind of the supported forms."""
    if isinstance(source, Head):
        return source.coef, source.intercept, source.classes, source.kind
    if hasattr(source, "coef_"):
        classes = getattr(source, "classes_", None)
        kind = "ridge" if classes is None else "logistic"
        if classes is None:
            return source.coef_, intercept_of(source), None, kind
        classes = tuple(np.asarray(classes).tolist())
        return source.coef_, getattr(source, "intercept_", 0.0), classes, kind
    if _is_module(source):
        # Not the attributes: a layer need not compute with its weight alone.
        from sklearn_wsca._heads.module_head import read_module

        return *read_module(source, n_features, argument), None, None
    if isinstance(source, (tuple, list)) and len(source) == 2 and _is_pair(source):
        return source[0], source[1], None, None
    return source, None, None, None


def _is_module(source: Any) -> bool:
    """Whether something is a module of torch; does not import torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.nn.Module)


def _is_pair(source: Any) -> bool:
    """Tell (W, b) from a list of two rows, which are equally long."""
    if source[1] is None:
        return True
    weights, intercepts = (to_numpy(part).shape for part in source)
    single = intercepts == (1,) and weights != (1,)
    return single or len(intercepts) == len(weights) - 1


def _as_matrix(coef: Any, argument: str) -> np.ndarray:
    try:
        coef = _as_doubles(coef)
    except ValueError as error:
        raise ValueError(
            f"{argument}: cannot be read as weights ({error}); pass an array (C, d) or "
            "(d,), a pair (W, b), a fitted scikit-learn linear model or a "
            "torch.nn.Linear."
        ) from error
    if coef.ndim > 2:
        raise ValueError(
            f"{argument}: the weights have {coef.ndim} dimensions; pass an array "
            "(C, d) or (d,)."
        )
    coef = np.atleast_2d(coef)
    if not coef.size:
        raise ValueError(
            f"{argument}: the head is empty, its weights have the shape {coef.shape}; "
            "pass an array (C, d) or (d,)."
        )
    if not np.isfinite(coef).all():
        bad = int((~np.isfinite(coef)).sum())
        raise ValueError(
            f"{argument}: {bad} of {coef.size} weights are NaN or infinite; export the "
            "head again."
        )
    check_magnitude(float(np.abs(coef).max()), argument, "weight")
    return coef


def _as_doubles(values: Any) -> np.ndarray:
    """Real numbers, of which nothing is dropped.

    Raises
    ------
    ValueError
        If there are none; the message says what there is.
    """
    try:
        array = to_numpy(values)
        if not np.iscomplexobj(array) and not np.ma.is_masked(values):
            return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(type(values).__name__) from error
    raise ValueError("complex numbers" if np.iscomplexobj(array) else "masked values")


def _as_intercept(intercept: Any, n_rows: int, argument: str) -> np.ndarray:
    if intercept is None:
        return np.zeros(n_rows)
    try:
        intercept = _as_doubles(intercept).ravel()
    except ValueError as error:
        raise ValueError(
            f"{argument}: cannot be read as intercepts ({error}); pass one number per "
            f"row of the weights, which have {n_rows}."
        ) from error
    if len(intercept) == 1:
        intercept = np.repeat(intercept, n_rows)
    finite = np.isfinite(intercept).sum()
    if len(intercept) != n_rows or finite < n_rows:
        raise ValueError(
            f"{argument}: the weights have {n_rows} rows, so {n_rows} finite "
            f"intercepts are needed; found {len(intercept)}, of which {finite} are "
            "finite."
        )
    return intercept


def may_be_outputs(n_features: int, coef: np.ndarray) -> bool:
    """Whether so many features may be the outputs of a head, not its embeddings."""
    n_rows, width = coef.shape
    return n_features < width and n_features in (n_rows, 2 if n_rows == 1 else 1)


def _check_width(coef: np.ndarray, n_features: int, argument: str) -> None:
    if coef.shape[1] == n_features:
        return
    hint, n_rows = "", len(coef)
    if may_be_outputs(n_features, coef):
        hint = " These look like its outputs."
        if n_rows == n_features:
            hint = (
                " These look like its outputs; or it looks transposed: pass weights.T."
            )
    elif n_rows == n_features:
        hint = " It looks transposed: pass weights.T."
    raise ValueError(
        f"{argument}: the head has {coef.shape[1]} weights per row and the embeddings "
        f"have {n_features} features; pass the embeddings that enter this head.{hint}"
    )


def _name_rows(n_rows: int, levels: tuple) -> tuple | None:
    """Names of the classes of an unnamed head, if its rows can be told apart."""
    fits = n_rows == len(levels) or (n_rows == 1 and len(levels) == 2)
    return levels if fits else None
