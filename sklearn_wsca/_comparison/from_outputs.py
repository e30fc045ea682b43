"""Comparison of two networks for people who have their outputs on the same rows."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sklearn_wsca._comparison.inference import compare_columns
from sklearn_wsca._comparison.predictions import doubt_predictions
from sklearn_wsca._input.numeric_values import UntestableColumnError
from sklearn_wsca._input.predictions import read_outputs
from sklearn_wsca._input.settings import check_test_settings
from sklearn_wsca._permutation.plan import PermutationPlan, explain_floor
from sklearn_wsca._text import list_first
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.extremes import describe_extreme
from sklearn_wsca._utilization.samples import read_samples

A, B = "outputs_a", "outputs_b"
SHOWN = 5
# Outputs of one network that were saved in single precision, or as text.
SAME = 1e-6


def compare_utilization(
    outputs_a,
    outputs_b,
    column,
    *,
    target,
    confounders=None,
    groups=None,
    kinds=None,
    adjustment="spline",
    check_head=True,
    n_permutations=999,
    min_effect=0.1,
    significance=0.05,
    random_state=None,
):
    r"""Does one network use a column more than another one?

    For a network that was repaired, another checkpoint, layer, seed or architecture:
    two networks that decide the same, on the same rows.

    Parameters
    ----------
    outputs_a, outputs_b : array-like of shape (n_samples, n_classes) or (n_samples,)
        Logits, probabilities or a score of the first and of the second network, the
        same of both, for rows that neither was trained on. Several outputs are centred
        over classes, and each network is measured in its own standard deviation.
    column : array-like of shape (n_samples,), or DataFrame
        Metadata column, or several; categorical or continuous.
    target : array-like of shape (n_samples,) or None
        What the networks should predict: held fixed.
    confounders : array-like of shape (n_samples,), DataFrame or None, default=None
        What else is held fixed.
    groups : array-like of shape (n_samples,), default=None
        What is independent of others of its kind, such as the patient.
    kinds : dict of str to {"categorical", "continuous"}, default=None
        Kinds that the looks of a column, target or confounder would not tell; see
        `utilization_test`.
    adjustment : {"spline", "linear"}, default="spline"
        How what is continuous is held fixed, and whether a continuous column may move
        the outputs along a curve.
    check_head : bool, default=True
        Whether to warn of a network that does not predict the target better than
        chance: its rows may be in another order. The comparison goes on all the same.
    n_permutations : int, default=999
        Number of random arrangements of signs m; p-values are at least 1 / (m + 1).
    min_effect : float, default=0.1
        Difference that matters: the margin of the verdict "same".
    significance : float, default=0.05
        Level of the verdict, and one minus the level of the intervals; below 0.5.
    random_state : int, RandomState or None, default=None
        Seed of the signs. With an int the result does not depend on the order of the
        rows.

    Returns
    -------
    UtilizationComparison, or dict of name to UtilizationComparison
        One result for a column, a dict for a DataFrame.

    Raises
    ------
    ValueError
        If an argument cannot be used, the networks have other outputs or rows, or a
        column cannot be tested. The message names the argument or column.

    See Also
    --------
    utilization_test : Does one network use the column at all?

    Notes
    -----
    The outputs of both networks are adjusted by one regression on target, confounders
    and column, with the effects :math:`E_a, E_b` of `utilization_test`, and

    .. math:: u^2 = \max(0, |E|^2 - \sigma^2), \qquad
              D = (|E_b|^2 - \sigma_b^2) - (|E_a|^2 - \sigma_a^2)

    with :math:`\sigma^2` the noise that is robust to unequal variances and dependence
    within groups (CR2). The p-value is the share of random arrangements in which a D of
    this size or more comes about where both networks use the column to the same degree:
    the errors that each row (or group) contributes get random signs, the same in both
    networks (a wild bootstrap [1]_), around effects of equal length in the directions
    that were found. Exchanging the networks within rows instead would take networks
    that use the column as much, but in another direction, for different.

    The interval of the difference is made of the intervals of both utilizations and the
    correlation of their errors [2]_. Where neither network uses the column it is wider
    than it needs to be.

    References
    ----------
    .. [1] R. Y. Liu, "Bootstrap procedures under some non-i.i.d. models", Annals of
       Statistics 16(4), 1988.
    .. [2] G. Y. Zou and A. Donner, "Construction of confidence limits about effect
       measures: a general approach", Statistics in Medicine 27(10), 2008.

    Examples
    --------
    >>> from sklearn_wsca import compare_utilization
    >>> from sklearn_wsca.datasets import make_shortcut
    >>> study = make_shortcut(use=0.5, encoding=2.0, association=0.4, random_state=0)
    >>> coef, intercept = study.head
    >>> logits = study.data @ coef.T + intercept
    >>> scanner = study.metadata["scanner"].to_numpy()
    >>> repaired = logits.copy()
    >>> for name in set(scanner):  # A crude repair: equal means under every scanner.
    ...     repaired[scanner == name] -= logits[scanner == name].mean(axis=0)
    >>> result = compare_utilization(
    ...     logits, repaired, scanner, target=study.target, random_state=0
    ... )
    >>> result.verdict
    'less used'
    >>> bool(result.low < result.difference < result.high < 0)
    True
    """
    check_test_settings(n_permutations, significance, min_effect, most_significance=0.5)
    outputs_b = _like_first(outputs_a, outputs_b)
    given = read_samples(
        {A: outputs_a, B: outputs_b},
        column,
        target=target,
        confounders=confounders,
        groups=groups,
        kinds=kinds,
        adjustment=adjustment,
        stacklevel=4,
    )
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    plan = PermutationPlan(seed, n_permutations, len(given.order))
    first, second = given.decisions
    results, untestable = compare_columns(
        first, second, given.tested, plan, min_effect, significance
    )
    for name, reason in untestable.items():
        raise UntestableColumnError(
            f"column {name!r} cannot be tested: {reason}.", reason
        )
    notes = list(given.doubts)
    for argument, decision in zip((A, B), given.decisions, strict=True):
        extreme = describe_extreme(decision, given.order)
        notes += [f"{argument}: {extreme}."] if extreme else []
    for argument, outputs, decision in (
        (A, outputs_a, first),
        (B, outputs_b, second),
    ):
        if check_head:
            names = list(getattr(outputs, "columns", ())) or None
            notes += doubt_predictions(argument, decision, names, seed)
    notes += _explain_equal(first, second)
    notes += _explain_scales(*(d.probabilities is None for d in given.decisions))
    notes += explain_floor(n_permutations, len(results), significance)
    for message in notes:
        warnings.warn(message, UserWarning, stacklevel=2)
    return results if given.several else next(iter(results.values()))


def _like_first(outputs_a: Any, outputs_b: Any) -> Any:
    """Second outputs, in the order of the first ones where both are named.

    Raises
    ------
    ValueError
        If the networks have other outputs.
    """
    (n_a, width_a), (n_b, width_b) = (
        read_outputs(values, name).shape
        for values, name in ((outputs_a, A), (outputs_b, B))
    )
    if n_a != n_b:
        raise ValueError(
            f"{B} has {n_b} rows and {A} has {n_a}: row i of both must be the same "
            "sample."
        )
    if width_a != width_b:
        raise ValueError(
            f"{B} has {width_b} columns and {A} has {width_a}: both networks must "
            "decide the same; pass outputs for the same classes, in the same order."
        )
    names_a, names_b = _names(outputs_a), _names(outputs_b)
    if names_a is None or names_b is None or names_a == names_b:
        return outputs_b
    unknown = [name for name in names_b if name not in names_a]
    if unknown:
        raise ValueError(
            f"{B} has columns that {A} has not: {list_first(unknown, SHOWN)}; those of "
            f"{A} are {list_first(names_a, SHOWN)}. Both networks must decide the "
            "same; if they do, rename columns or pass arrays."
        )
    return outputs_b[names_a]


def _names(outputs: Any) -> list | None:
    """Names of outputs; None where there are none, or numbers only."""
    names = list(getattr(outputs, "columns", ()))
    numbered = all(isinstance(name, Integral) for name in names)
    return None if numbered else names


def _explain_equal(first: Decision, second: Decision) -> list[str]:
    """Say that both networks may be one, whose outputs were passed twice."""
    a, b = first.outputs, second.outputs
    if not np.allclose(a, b, rtol=SAME, atol=SAME * float(np.abs(a).max())):
        return []
    return [
        f"{A} and {B} are equal in all rows, so there is nothing to compare: was the "
        "same network given twice?"
    ]


def _explain_scales(*unbounded: bool) -> list[str]:
    """Say that one network seems to give probabilities and the other does not."""
    if len(set(unbounded)) == 1:
        return []
    names = (A, B) if unbounded[1] else (B, A)
    return [
        f"{names[0]} are probabilities and {names[1]} are not: networks differ by the "
        "scale alone then; pass logits of both, or probabilities of both."
    ]
