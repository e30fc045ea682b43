"""Affine steps between embeddings and a head: found by running them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, sparse
from sklearn.exceptions import NotFittedError

from sklearn_wsca._input.embeddings import row_blocks

# A step in single precision is affine up to its rounding, a sum of many terms.
ROUNDING = 1e-5
# Weights are in the space of a step up to those of single precision.
LOSS = 1e-6
RANK = 1e-12
POINT_SIZES = np.repeat(10.0 ** np.arange(-6, 7), 2)
Function = Callable[[np.ndarray], np.ndarray]


def list_steps(source: Any) -> list:
    """Steps of a Pipeline and of those within it; anything else is one step."""
    steps = getattr(source, "steps", None)
    if steps is None:
        is_identity = source is None or isinstance(source, str)
        return [] if is_identity and source in (None, "passthrough") else [source]
    return [found for _, step in steps for found in list_steps(step)]


def count_features(steps: list, n_features: int, argument: str) -> list[int]:
    """Width of the input of every step, and at last that of the output."""
    widths = [n_features]
    for step in steps:
        _check_width(step, widths[-1], argument)
        with np.errstate(all="ignore"):
            found = _run(step, np.zeros((1, widths[-1])), argument)
        widths.append(found.shape[1])
    return widths


def check_feature_names(model: Any, names: Any, argument: str) -> None:
    """Raise if a model was fitted on other features, or on these in another order."""
    fitted = getattr(model, "feature_names_in_", None)
    if fitted is None or names is None or len(fitted) != len(names):
        return
    differ = [i for i in range(len(names)) if fitted[i] != names[i]]
    if not differ:
        return
    first = differ[0]
    cure = "pass the embeddings that it was fitted on"
    if set(fitted) == set(names):
        cure = f"the order alone differs, pass X[{argument}.feature_names_in_]"
    raise ValueError(
        f"{argument}: {_name(model)} was fitted on other features, feature {first} is "
        f"{fitted[first]!r} there and {names[first]!r} in X; {cure}."
    )


def move_before(
    coef: np.ndarray,
    intercept: np.ndarray,
    steps: list,
    widths: list[int],
    argument: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and intercepts on the input of the first step, of a head behind the last.

    Parameters
    ----------
    coef : ndarray of shape (n_rows, n_outputs)
        Weights on the output of the last step.
    intercept : ndarray of shape (n_rows,)
        Intercepts.
    steps : list of transformers
        Fitted affine steps.
    widths : list of int
        Widths of their inputs.
    argument : str
        What to call the source of the steps in messages.

    Raises
    ------
    ValueError
        If a step is not affine.
    """
    for step, width in reversed(list(zip(steps, widths, strict=False))):
        slope, offset = _measure(step, width, argument)
        coef, intercept = coef @ slope.T, coef @ offset + intercept
    return coef, intercept


def move_behind(
    coef: np.ndarray, intercept: np.ndarray, step: Any, rows: Any, argument: str
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Weights and intercepts on the output of a step, of a head on its input.

    Parameters
    ----------
    coef : ndarray of shape (n_rows, n_features)
        Weights on the input of the step.
    intercept : ndarray of shape (n_rows,)
        Intercepts.
    step : transformer
        A fitted affine step.
    rows : ndarray of shape (n_samples, n_features) or None
        Input on which the outputs must be the same; None stands for any input.
    argument : str
        What to call the source of the step in messages.

    Returns
    -------
    coef, intercept : ndarray
        The head on the output.
    rows : ndarray or None
        The output of the step on `rows`.

    Raises
    ------
    ValueError
        If the step is not affine, or loses what the head reads.
    """
    _check_width(step, coef.shape[1], argument)
    slope, offset = _measure(step, coef.shape[1], argument)
    behind = _solve(slope, coef.T)
    lost = coef - behind @ slope.T
    # Relative to what each feature contributes: features have units of their own.
    terms = np.abs(behind) @ np.abs(slope.T) + np.abs(coef)
    point = np.zeros(coef.shape[1])
    if (np.abs(lost) > LOSS * terms).any():
        behind, point = _invert_on_data(coef, step, slope, rows, argument)
    intercept = intercept + coef @ point - behind @ (point @ slope + offset)
    return behind, intercept, None if rows is None else _run(step, rows, argument)


def _invert_on_data(
    coef: np.ndarray, step: Any, slope: np.ndarray, rows: Any, argument: str
) -> tuple[np.ndarray, np.ndarray]:
    """Weights behind a step that loses nothing of the data, and a point of the data."""
    if rows is None:
        if not _keeps_its_data(step):
            raise ValueError(_explain_loss(coef, step, slope, argument))
        return _solve(slope, coef.T), np.asarray(step.mean_, dtype=np.float64)
    centre = rows.mean(axis=0)
    moved, outputs = (rows - centre) @ slope, (rows - centre) @ coef.T
    behind = _solve(moved, outputs)
    error = np.abs(outputs - moved @ behind.T).max(axis=0)
    if (error > LOSS * np.abs(outputs).max(axis=0)).any():
        raise ValueError(_explain_loss(coef, step, slope, argument, " of these rows"))
    return behind, centre


def _keeps_its_data(step: Any) -> bool:
    """Whether a PCA says that it keeps all variance of what it was fitted on."""
    if not hasattr(step, "mean_") or not hasattr(step, "explained_variance_ratio_"):
        return False
    shares = np.asarray(step.explained_variance_ratio_)
    return shares.sum() > 1.0 - 8 * len(shares) * np.finfo(shares.dtype).eps


def _explain_loss(
    coef: np.ndarray, step: Any, slope: np.ndarray, argument: str, where: str = ""
) -> str:
    rank = np.linalg.matrix_rank(_unit_columns(slope)[0])
    return (
        f"{argument}: {_name(step)} keeps {rank} of {len(slope)} directions, and the "
        f"head reads what it loses{where}, so no head on its output gives the same "
        "outputs. Judge the head on the embeddings before this step, keep all of their "
        "directions, or train a head on the output of the step."
    )


def _solve(slope: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Smallest weights w with ``slope @ w.T`` closest to `values`."""
    scaled, sizes = _unit_columns(slope)
    found = linalg.lstsq(scaled, values, cond=RANK, lapack_driver="gelsy")[0]
    return found.T / sizes


def _unit_columns(slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of length 1, so that units of outputs do not count, and their lengths."""
    sizes = np.linalg.norm(slope, axis=0)
    sizes[sizes == 0.0] = 1.0
    return slope / sizes, sizes


def _measure(
    step: Any, n_features: int, argument: str
) -> tuple[np.ndarray, np.ndarray]:
    """Slope (n_features, m) and offset (m,) of a step.

    Raises
    ------
    ValueError
        If they do not tell what it gives at random points.
    """

    def function(rows: np.ndarray) -> np.ndarray:
        return _run(step, rows, argument)

    with np.errstate(all="ignore"):
        offset = function(np.zeros((1, n_features)))[0]
        slope = _differences(function, offset, np.ones(n_features))
        # Then so far that what changes is not lost beside the offset.
        reach = (1.0 + np.abs(offset).max(initial=0.0)) / np.abs(slope).max(axis=1)
        reach[~(np.isfinite(reach) & (reach > 1.0))] = 1.0
        sizes = np.exp2(np.ceil(np.log2(reach)))
        slope = _differences(function, offset, sizes)
        draws = np.random.default_rng(0).standard_normal((len(POINT_SIZES), n_features))
        points = draws * POINT_SIZES[:, None] * sizes
        error = np.abs(function(points) - (points @ slope + offset))
        if not (error <= rounding_of(points, slope, offset)).all():
            raise ValueError(_explain_shape(step, argument))
    return slope, offset


def intercept_of(model: Any) -> Any:
    """Intercept of a fitted regressor, as its predictions have it.

    Some, such as PLSRegression, have coefficients of centred features and the mean of
    the target as intercept_. Where predictions are no linear function of the features
    (of a Poisson regression they are its exponential) intercept_ stands.
    """
    stated = getattr(model, "intercept_", 0.0)
    if not hasattr(model, "predict") or sparse.issparse(model.coef_):
        return stated
    coef = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    size = 1.0 / np.abs(coef).max(initial=1e-300)
    points = np.vstack([np.zeros(coef.shape[1]), np.eye(coef.shape[1])[:8] * size])
    names = getattr(model, "feature_names_in_", None)
    given = points if names is None else pd.DataFrame(points, columns=names)
    found = np.asarray(model.predict(given), dtype=np.float64)
    rest = found.reshape(len(points), -1) - points @ coef.T
    is_constant = np.abs(rest - rest[0]) <= rounding_of(points, coef.T, rest[0])
    return rest[0] if is_constant.all() else stated


def rounding_of(
    points: np.ndarray, slope: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """Error that rounding may leave of ``points @ slope + offset``: (n, m)."""
    return ROUNDING * (np.abs(points) @ np.abs(slope) + np.abs(offset))


def _differences(
    function: Function, offset: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """Change of the output per unit of each input."""
    n_features = len(sizes)
    slope = np.empty((n_features, len(offset)))
    for block in row_blocks(n_features, n_features):
        rows = np.zeros((block.stop - block.start, n_features))
        inputs = np.arange(block.start, block.stop)
        rows[inputs - block.start, inputs] = sizes[inputs]
        slope[block] = (function(rows) - offset) / sizes[inputs, None]
    return slope


def _check_width(step: Any, n_features: int, argument: str) -> None:
    expected = getattr(step, "n_features_in_", n_features)
    if expected != n_features:
        raise ValueError(
            f"{argument}: {_name(step)} was fitted on {expected} features and is given "
            f"{n_features}; pass what was fitted on the features that enter it here."
        )


def _explain_shape(step: Any, argument: str) -> str:
    cure = (
        "only affine steps, such as StandardScaler and PCA, can stand between "
        "embeddings and a linear head"
    )
    if getattr(step, "clip", False):
        cure = (
            "it clips values outside of the range that it was fitted on; set "
            "clip=False, which needs no new fit"
        )
    return f"{argument}: {_name(step)} is not affine: {cure}."


def _run(step: Any, rows: np.ndarray, argument: str) -> np.ndarray:
    """Output of a step as an array in double precision."""
    if isinstance(step, type) or not hasattr(step, "transform"):
        raise ValueError(
            f"{argument}: {_name(step)} is no fitted transformer, so it is no step "
            "before a head; pass one, or a Pipeline of them."
        )
    # A step without copy=True writes into what it is given.
    given = rows.copy()
    names = getattr(step, "feature_names_in_", None)
    if names is not None:
        given = pd.DataFrame(given, columns=names)
    try:
        found = step.transform(given)
        found = found.toarray() if sparse.issparse(found) else np.asarray(found)
        return found.astype(np.float64)
    except NotFittedError as error:
        raise ValueError(
            f"{argument}: {_name(step)} is not fitted; pass it after fit, and as "
            "FrozenEstimator(step) where scikit-learn would clone it."
        ) from error
    except (AttributeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{argument}: {_name(step)} cannot be run on all rows of numbers, so it is "
            f"not affine ({reason})."
        ) from error


def _name(step: Any) -> str:
    if isinstance(step, str):
        return repr(step)
    return step.__name__ if isinstance(step, type) else type(step).__name__
