"""The utilization of several columns by one decision: models, nulls, p-values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from sklearn_wsca._analysis import name_index
from sklearn_wsca._effect_interval import EffectNoise, estimate_noise
from sklearn_wsca._embeddings import Embeddings
from sklearn_wsca._exchangeability import (
    FEWEST_UNITS,
    FEWEST_VARYING_GROUPS,
    Groups,
    exchange_units,
)
from sklearn_wsca._heads import Head, all_outputs, center_rows
from sklearn_wsca._memory import explain_shortage, in_parts
from sklearn_wsca._metadata import Column, LeftOutError, common_rows
from sklearn_wsca._permutation import (
    PermutationPlan,
    benjamini_hochberg,
    max_t_pvalues,
    permutation_pvalues,
    split,
)
from sklearn_wsca._roles import Roles
from sklearn_wsca._utilization import OutputModel, prepare_outputs

SHUFFLES_PER_BATCH = 256
ORDERS_PER_BATCH = 2**24
POWER = 0.8
# Rounding of the statistics, which are closed forms in double precision.
TIES = 1e-9
TIE_DIGITS = 7
NO_DECISION = "no target column, so there is nothing to hold fixed; name it in target"


@dataclass(frozen=True)
class Decision:
    """Outputs of a primary head, and what is held fixed when they are examined.

    Parameters
    ----------
    outputs : ndarray of shape (n, C)
        Class scores centred over classes, or numbers.
    probabilities : ndarray of shape (n, c) or None
        Predicted probabilities of the classes, if there are any.
    weights : ndarray of shape (n,)
        Row weights.
    target : Column or None
        The target.
    confounders : list of Column
        What else is held fixed.
    groups : Groups or None
        Which rows belong together.
    """

    outputs: np.ndarray
    probabilities: np.ndarray | None
    weights: np.ndarray
    target: Column | None
    confounders: list[Column]
    groups: Groups | None

    def held_fixed(self, column: Column) -> list[Column]:
        """Everything that is held fixed for a column, which may be a confounder."""
        held = [self.target, *self.confounders]
        return [c for c in held if c is not None and c.name != column.name]


def make_decision(
    head: Head,
    X: Embeddings,
    order: np.ndarray,
    target: Column,
    roles: Roles,
    weights: np.ndarray,
) -> Decision:
    """Outputs of a head on rows in canonical order, with what is held fixed.

    `order` brings the rows of X to the order of everything else.
    """
    outputs, probabilities = read_outputs(all_outputs(X, [head])[order], head)
    return Decision(
        outputs, probabilities, weights, target, roles.confounders, roles.groups
    )


def read_outputs(outputs: np.ndarray, head: Head) -> tuple[np.ndarray, Any]:
    """Outputs as utilization takes them, and probabilities: (n, C), (n, c) or None."""
    if head.kind != "logistic":
        return outputs, None
    if outputs.shape[1] == 1:
        return outputs, special.expit(outputs)
    return center_rows(outputs.T).T, special.softmax(outputs, axis=1)


@dataclass(frozen=True)
class Examined:
    """One column beside a decision, ready for shuffles.

    Parameters
    ----------
    model : OutputModel
        The regression.
    observed : ndarray of shape (3,)
        Utilization before noise is removed, and the shares of the variance left at
        fixed target that common effects and all effects explain.
    noise, typical : EffectNoise
        Sampling noise along the effect, and along a typical direction.
    n_units : int
        Units that can be exchanged.
    arrangements : float
        Decimal logarithm of the number of different shuffles.
    probability_shift : float
        Percentage points; NaN without probabilities.
    notes : list of str
        What was left out.
    """

    model: OutputModel
    observed: np.ndarray
    noise: EffectNoise
    typical: EffectNoise
    n_units: int
    arrangements: float
    probability_shift: float
    notes: list[str] = field(default_factory=list)

    @property
    def raw(self) -> float:
        """Utilization before noise is removed."""
        return float(self.observed[0])

    @property
    def scheme(self) -> str:
        """What is shuffled, in words."""
        exchange = self.model.exchange
        what = {
            "rows": "rows",
            "between groups": "groups",
            "within groups": "rows within groups",
        }[exchange.scheme]
        if self.model.freedman_lane:
            what = f"residuals (Freedman-Lane) of {what}"
        return f"{what} within levels of the target" if exchange.within_target else what

    def describe(self) -> list[str]:
        """What was shuffled and what was left out, for a note."""
        count = f"1e{self.arrangements:.0f}"
        if self.arrangements < 6:
            count = f"{round(10**self.arrangements)}"
        return [
            f"utilization: {self.scheme} shuffled, {self.n_units} units, {count} "
            "distinct permutations",
            *self.notes,
        ]


def examine(decision: Decision, column: Column) -> Examined:
    """Prepare the test of one column.

    Raises
    ------
    LeftOutError
        If there is nothing to compare, or there are too few units to exchange.
    """
    held, n_known = decision.held_fixed(column), len(column.rows)
    column, held = common_rows(column, held)
    rows, n_lost = column.rows, n_known - len(column.rows)
    has_target = decision.target is not None and decision.target.name != column.name
    target = held[0] if has_target else None
    exchange = exchange_units(column, decision.groups)
    outputs = decision.outputs[rows]
    model = prepare_outputs(
        outputs,
        column,
        target,
        held[1:] if has_target else held,
        decision.weights[rows],
        exchange,
    )
    n_units = model.exchange.n_exchangeable(column.labels)
    _check_enough_units(n_units, model)
    own, typical = estimate_noise(model, outputs)
    return Examined(
        model,
        model.observed(),
        own,
        typical,
        n_units,
        model.exchange.log10_arrangements(column.labels),
        _probability_shift(model, decision.probabilities, rows),
        [f"{n_lost} rows have no value to be held fixed"] if n_lost else [],
    )


def _check_enough_units(n_units: int, model: OutputModel) -> None:
    exchange = model.exchange
    what = "rows" if exchange.scheme == "rows" else "groups"
    if exchange.scheme == "within groups":
        n_varying = model.n_varying_groups()
        if n_varying < FEWEST_VARYING_GROUPS:
            raise LeftOutError(
                f"varies within {n_varying} groups only, and at least "
                f"{FEWEST_VARYING_GROUPS} are needed; if it should be constant in a "
                "group, correct the others"
            )
        what = "rows within groups"
    if n_units < FEWEST_UNITS:
        where = " within levels of the target" if exchange.within_target else ""
        raise LeftOutError(
            f"{n_units} {what} can be exchanged{where}, and at least {FEWEST_UNITS} "
            "are needed"
        )


def _probability_shift(model: OutputModel, probabilities: Any, rows: Any) -> float:
    """Largest difference of a probability between two levels, in percentage points.

    For a number, its change by one standard deviation.
    """
    if probabilities is None:
        return float("nan")
    effects = 100.0 * model.effects(probabilities[rows])
    if len(effects) == 1:
        return float(np.abs(effects).max())
    return float(np.ptp(effects, axis=0).max())


@dataclass(frozen=True)
class UtilizationTests:
    """Utilization of every column by a decision.

    Parameters
    ----------
    table : DataFrame
        One row per column: utilization, raw, low, high, upper (the one-sided limit of
        the claim that it is not used), minimum_detectable_effect, probability_shift,
        pvalue, pvalue_fwer, qvalue.
    null : DataFrame of shape (n_permutations, n_columns)
        Raw utilizations of the shuffles.
    examined : dict of name to Examined
        The columns that could be tested.
    untestable : dict of name to str
        Why the others could not.
    """

    table: pd.DataFrame
    null: pd.DataFrame
    examined: dict[Any, Examined]
    untestable: dict[Any, str]

    @property
    def index(self) -> pd.Index:
        """Names of the columns."""
        return self.table.index

    def row(self, name: Any) -> pd.Series:
        """Entries of one column, whose name may be a tuple."""
        return self.table.iloc[self.index.get_loc(name)]

    def null_of(self, name: Any) -> np.ndarray:
        """Raw utilizations of the shuffles of one column."""
        return self.null.iloc[:, self.index.get_loc(name)].to_numpy()


ESTIMATES = (
    "utilization",
    "raw",
    "low",
    "high",
    "upper",
    "minimum_detectable_effect",
    "probability_shift",
)
PVALUES = ("pvalue", "pvalue_fwer", "qvalue")


def infer_utilization(
    decision: Decision,
    columns: Mapping[Any, Column | None],
    plan: PermutationPlan,
    significance: float,
    run: Any,
) -> UtilizationTests:
    """Test how far the outputs move with each column, with shared shuffles.

    Columns without labels, and those that cannot be compared, are untestable. Without
    shuffles all are, and have an estimate and an interval only.
    """
    tests = no_utilization(columns, "there are no labels")
    for name, column in columns.items():
        try:
            if column is not None:
                tests.examined[name] = examine(decision, column)
                del tests.untestable[name]
        except LeftOutError as reason:
            tests.untestable[name] = str(reason)
    # Shuffled even without columns, so that the announced step of the fit takes place.
    examined = list(tests.examined.values())
    shuffled = _shuffle(examined, plan, run)
    raw = shuffled[:, :, 0]
    at = [tests.index.get_loc(name) for name in tests.examined]
    estimates = [
        _estimates(found, raw[:, i], significance, len(at))
        for i, found in enumerate(examined)
    ]
    n_estimates = len(ESTIMATES)
    tests.table.iloc[at, :n_estimates] = np.reshape(estimates, (len(at), n_estimates))
    tests.table.iloc[at, n_estimates:] = _pvalues(
        list(tests.examined.values()), shuffled
    )
    null = pd.DataFrame(np.full((len(raw), len(columns)), np.nan), columns=tests.index)
    null.iloc[:, at] = raw
    if not plan.n_permutations:
        no_pvalues = "n_permutations=0, so there are no p-values"
        tests.untestable.update(dict.fromkeys(tests.examined, no_pvalues))
    return replace(tests, null=null)


def no_utilization(columns: Any, reason: str) -> UtilizationTests:
    """Stands for tests that cannot be made for a reason."""
    index = name_index(columns)
    return UtilizationTests(
        pd.DataFrame(np.nan, index, [*ESTIMATES, *PVALUES]),
        pd.DataFrame(np.empty((0, len(index))), columns=index),
        {},
        dict.fromkeys(columns, reason),
    )


def _shuffle(examined: list[Examined], plan: PermutationPlan, run: Any) -> np.ndarray:
    """Statistics of all shuffles: (m, n_columns, 3)."""
    models = [found.model for found in examined]
    m = plan.n_permutations if models else 0
    size = max(1, min(SHUFFLES_PER_BATCH, ORDERS_PER_BATCH // plan.n_rows))
    jobs = [
        partial(_shuffle_batch, models=models, batch=batch, plan=plan)
        for batch in split(range(m), size)
    ]
    return np.concatenate([np.empty((0, len(models), 3)), *run(jobs)])


def run_here(jobs: list) -> Iterator:
    """Run jobs that need no coordinates one after another."""
    advice = "Use fewer rows, or a machine with more memory."
    with explain_shortage("shuffles", advice):
        return iter([job(None) for job in jobs])


def _shuffle_batch(T, models, batch, plan) -> np.ndarray:
    """Statistics of a batch: (p, n_columns, 3)."""

    def shuffle(part: range) -> np.ndarray:
        orders = plan.orders(part)
        return np.stack([model.shuffles(orders) for model in models], axis=1)

    return np.concatenate(list(in_parts(shuffle, batch, len(batch))))


def _estimates(found: Examined, null: np.ndarray, significance: float, n_columns: int):
    """Entries of the table by `ESTIMATES`."""
    noise = np.mean(null**2) if len(null) else found.noise.mean_square
    estimate = np.sqrt(max(found.raw**2 - noise, 0.0))
    low, high = found.noise.interval(found.raw, 1.0 - significance)
    # Shuffles even out noise that differs between rows and the interval does not: a
    # reader must not find the estimate outside of it.
    return [
        estimate,
        found.raw,
        min(low, estimate),
        max(high, estimate),
        max(found.noise.upper_limit(found.raw, 1.0 - significance), estimate),
        # What a single test must reach to survive the correction over columns.
        found.typical.detectable(significance / n_columns, POWER),
        found.probability_shift,
    ]


def _pvalues(examined: list[Examined], shuffled: np.ndarray) -> np.ndarray:
    """Entries of the table by `PVALUES` for every column; NaN without shuffles."""
    if not len(shuffled):
        return np.full((len(examined), 3), np.nan)
    observed = np.stack([found.observed for found in examined])[None]
    statistic = combine_shares(np.concatenate([observed, shuffled])[:, :, 1:])
    pvalues = permutation_pvalues(statistic[0], statistic[1:])
    corrected = max_t_pvalues(statistic[0], statistic[1:])
    return np.stack([pvalues, corrected, benjamini_hochberg(pvalues)], axis=1)


def combine_shares(shares: np.ndarray) -> np.ndarray:
    """Larger of the standardised shares (m + 1, n_columns, 2): (m + 1, n_columns).

    Standardised over data and shuffles alike, so they stay exchangeable. Common effects
    have few degrees of freedom and give power; all effects catch those that cancel over
    classes. Rounded, so that what is the same but for rounding is a tie.
    """
    spread = shares.std(axis=0)
    varies = spread > TIES * np.abs(shares).max(axis=0)
    centred = shares - shares.mean(axis=0)
    standard = np.where(varies, centred / np.where(varies, spread, 1.0), 0.0)
    return np.round(standard.max(axis=2), TIE_DIGITS)
