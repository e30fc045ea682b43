"""Linear heads: what they are, and reading trained ones from the forms users have."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import special
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_array, check_is_fitted

from sklearn_wsca._backend.namespace import (
    array_namespace,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._heads.affine import (
    check_feature_names,
    count_features,
    intercept_of,
    list_steps,
    move_before,
    move_behind,
)
from sklearn_wsca._input.embeddings import as_embeddings, check_magnitude
from sklearn_wsca._text import is_nothing, list_first, quote

KINDS = ("logistic", "ridge")
MOST_NAMED = 10
FEW_LINES = 4
# Weights (C, d), intercepts (C,), classes and kind, as far as they are said.
Weights = tuple[np.ndarray, np.ndarray, tuple | None, str | None]


@dataclass(frozen=True)
class Head:
    """A linear head in the unit of the embeddings.

    Whatever space it was fitted in, its outputs are ``X @ coef.T + intercept``.

    Parameters
    ----------
    coef : array-like of shape (n_rows, n_features) or (n_features,)
        Weights: one row for a binary classification (the second class) or a regression,
        one per class otherwise.
    intercept : array-like of shape (n_rows,)
        Intercepts.
    classes : sequence, default=None
        Names of all classes, in the order of the rows; None for a regression.
    kind : {"auto", "logistic", "ridge"}, default="auto"
        "logistic": rows are class scores, which a vector added to all of them does not
        change. "ridge": every row is an output of its own. "auto": "logistic" where
        there are classes or several rows.

    Raises
    ------
    ValueError
        If numbers of rows, intercepts and classes do not fit, or `kind` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_wsca import Head
    >>> head = Head(
    ...     coef=np.array([[2.0, 0.0, -1.0]]),
    ...     intercept=np.array([0.5]),
    ...     classes=["benign", "malignant"],
    ... )
    >>> head.kind, head.row_names
    ('logistic', ('malignant',))
    >>> head.outputs(np.array([[1.0, 4.0, 3.0]]))
    array([[-0.5]])
    """

    coef: np.ndarray
    intercept: np.ndarray
    classes: tuple | None = None
    kind: str = "auto"

    def __post_init__(self) -> None:
        self._settle()
        if len(self.coef) != len(self.intercept):
            raise ValueError(
                f"Head: coef has {len(self.coef)} rows and intercept has "
                f"{len(self.intercept)} entries; they must be equal in number."
            )
        if self.kind not in KINDS:
            raise ValueError(f"Head: kind={self.kind!r} is not one of {KINDS}.")
        n_classes = self.n_rows if self.classes is None else len(self.classes)
        if n_classes != self.n_rows and (n_classes, self.n_rows) != (2, 1):
            raise ValueError(
                f"Head: coef has {self.n_rows} rows and there are {n_classes} classes; "
                "pass one row per class, or a single row for two classes."
            )
        _check_names(self.classes or ())

    def _settle(self) -> None:
        """Bring what was passed to the forms that attributes have."""
        settled: dict[str, Any] = {
            "coef": np.atleast_2d(np.asarray(self.coef)),
            "intercept": np.atleast_1d(np.asarray(self.intercept)),
        }
        if self.classes is not None:
            settled["classes"] = tuple(np.asarray(self.classes, dtype=object).tolist())
        if self.kind == "auto":
            several = self.classes is not None or len(settled["coef"]) > 1
            settled["kind"] = "logistic" if several else "ridge"
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        shown = "None"
        if self.classes is not None:
            shown = f"({list_first(self.classes, MOST_NAMED, repr)})"
        return (
            f"Head(coef={_show(self.coef)}, intercept={_show(self.intercept)}, "
            f"classes={shown}, kind={self.kind!r})"
        )

    @property
    def n_rows(self) -> int:
        """Number of outputs."""
        return len(self.coef)

    @property
    def row_names(self) -> tuple:
        """Class of each row; one empty name for a regression."""
        if self.classes is None:
            return ("",) if self.n_rows == 1 else tuple(range(self.n_rows))
        return self.classes[1:] if self.n_rows == 1 else self.classes

    @property
    def centred_coef(self) -> np.ndarray:
        """Weights without the vector that all class rows share.

        Adding one vector to all rows of a softmax head changes no prediction, but it
        changes cosines; the mean over classes is therefore removed before any cosine.
        """
        return center_rows(self.coef) if self.kind == "logistic" else self.coef

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Outputs of the head for embeddings.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_samples, n_rows)
            ``X @ coef.T + intercept``.
        """
        return X @ self.coef.T + self.intercept

    def behind(self, step: Any, X: Any = None) -> Head:
        """Express this head on the output of a fitted affine step.

        The weights are found by running the step, so that scalers, PCA (whitened or
        not), selectors and Pipelines of them can be passed, whatever their class.

        Parameters
        ----------
        step : transformer, Pipeline or "passthrough"
            Fitted step that stands before the analysis. It must stay as it is: wrap
            it in ``sklearn.frozen.FrozenEstimator`` where a Pipeline would fit it anew.
        X : array-like of shape (n_samples, n_features), default=None
            Input of the step on which the outputs must be the same, where they cannot
            be on any input: for a step that loses what does not vary on these rows.

        Returns
        -------
        Head
            With ``outputs(step.transform(X))`` equal to ``self.outputs(X)``. Behind a
            step that loses directions there is one if this head does not read them,
            or if they do not vary: on `X`, or, without `X`, on the rows that a PCA
            was fitted on and of which it keeps all variance.

        Raises
        ------
        ValueError
            If the step is not affine or not fitted, is of another width, or loses what
            the head reads.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.preprocessing import StandardScaler
        >>> from sklearn_wsca import Head
        >>> X = np.array([[1.0, 200.0], [3.0, 600.0], [5.0, 100.0]])
        >>> head = Head(np.array([[2.0, -0.01]]), np.array([0.5]), None, "ridge")
        >>> scaler = StandardScaler().fit(X)
        >>> head.behind(scaler).outputs(scaler.transform(X)).ravel().round(9)
        array([0.5, 0.5, 9.5])
        >>> head.outputs(X).ravel()
        array([0.5, 0.5, 9.5])
        """
        coef = np.asarray(self.coef, dtype=np.float64)
        intercept, rows = self.intercept, X
        if X is not None:
            rows = check_array(X, dtype=np.float64, input_name="X")
        for one in list_steps(step):
            coef, intercept, rows = move_behind(
                coef, intercept, one, rows, "Head.behind"
            )
        return replace(self, coef=coef, intercept=intercept)


def _show(array: np.ndarray) -> str:
    """Array as text of a few lines."""
    with np.printoptions(threshold=12, edgeitems=2, linewidth=75):
        text = repr(array)
    return text if len(text.splitlines()) <= FEW_LINES else f"array{array.shape}"


def _check_names(classes: tuple) -> None:
    """Raise if classes have no names, or the same one."""
    if any(map(is_nothing, classes)):
        raise ValueError(
            "Head: classes hold a missing value (NaN or None); name all classes, None "
            "and nan as text if they are called so."
        )
    repeated = [name for name, count in Counter(classes).items() if count > 1]
    if repeated:
        raise ValueError(
            f"Head: classes name {list_first(repeated, MOST_NAMED, quote)} twice; give "
            "each class its own name."
        )


def all_outputs(X: Any, heads: Iterable[Head]) -> np.ndarray:
    """Outputs of several heads side by side, by row blocks: (n_samples, n_rows)."""
    heads = list(heads)
    coef = np.vstack([head.coef for head in heads])
    intercept = np.concatenate([head.intercept for head in heads])
    outputs = np.empty((len(X), len(coef)))
    for rows, (products,) in as_embeddings(X).each(partial(_apply, coef)):
        outputs[rows] = products + intercept
    return outputs


def _apply(coef: np.ndarray, block: Any) -> tuple[np.ndarray]:
    return (to_numpy(block @ to_same_device(coef.T, block)),)


def outputs_by_head(X: Any, heads: list[Head]) -> list[np.ndarray]:
    """Outputs of each head; all of them in one pass over the rows."""
    if not heads:
        return []
    ends = np.cumsum([head.n_rows for head in heads])
    return np.split(all_outputs(X, heads), ends[:-1], axis=1)


def center_rows(coef: Any) -> Any:
    """Subtract the mean over rows; a single row is returned as it is.

    A row that is the mean up to rounding becomes zero: what is left has no direction.
    """
    if coef.shape[-2] == 1:
        return coef
    xp = array_namespace(coef)
    centred = coef - xp.mean(coef, axis=-2, keepdims=True)
    rounding = 16 * float(np.finfo(np.float64).eps)
    largest = xp.max(xp.abs(coef), axis=(-2, -1), keepdims=True)
    kept = xp.max(xp.abs(centred), axis=-1, keepdims=True) > rounding * largest
    return centred * kept


def log_probability(outputs: np.ndarray, n_classes: int, axis: int = -1) -> np.ndarray:
    """Log-probabilities of class scores along `axis`.

    A single score is that of the second of two classes.
    """
    if outputs.shape[axis] == 1 and n_classes == 2:
        pair = [special.log_expit(-outputs), special.log_expit(outputs)]
        return np.concatenate(pair, axis=axis)
    return special.log_softmax(outputs, axis=axis)


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
