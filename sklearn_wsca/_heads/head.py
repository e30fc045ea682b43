"""Linear heads, and what they make of embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import special
from sklearn.utils.validation import check_array

from sklearn_wsca._backend.namespace import (
    array_namespace,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._heads.affine import (
    list_steps,
    move_behind,
)
from sklearn_wsca._input.embeddings import as_embeddings
from sklearn_wsca._text import is_nothing, list_first, quote

KINDS = ("logistic", "ridge")
MOST_NAMED = 10
LONGEST_ARRAY = 200
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
    """Array in one line, or its shape."""
    with np.printoptions(threshold=12, edgeitems=2, linewidth=LONGEST_ARRAY):
        text = " ".join(repr(array).split())
    return text if len(text) <= LONGEST_ARRAY else f"array of shape {array.shape}"


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
