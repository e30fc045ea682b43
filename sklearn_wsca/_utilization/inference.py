"""The utilization of several columns by one decision: nulls, p-values, estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._backend.namespace import is_tensor
from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._input.table import level_index, name_index
from sklearn_wsca._permutation.exchangeability import Exchangeability
from sklearn_wsca._permutation.plan import (
    PermutationPlan,
    benjamini_hochberg,
    max_t_pvalues,
    permutation_pvalues,
    split,
    split_like,
)
from sklearn_wsca._permutation.rounds import run_groups
from sklearn_wsca._utilization.adjusted_effect import Examined, examine, prepare
from sklearn_wsca._utilization.by_class import CLASS_ENTRIES
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.effects import ENTRIES, NUMBERS, POINTS
from sklearn_wsca._utilization.interval import limits
from sklearn_wsca._utilization.robustness import (
    TO_MARGIN,
    TO_ZERO,
    robustness_values,
)
from sklearn_wsca._utilization.statistic import N_STATISTICS

# Models are made anew for every batch.
PERMUTATIONS_PER_BATCH = 1024
# To draw permutations takes as long as to score those of a few columns.
COLUMNS_PER_JOB = 6
ORDERS_PER_BATCH, ORDERS_PER_BATCH_OF_TENSORS = 2**24, 2**27
POWER = 0.8
# Name of the step in progress and errors.
STEP = "utilization"
# Rounding of the statistics, which are closed forms in double precision.
TIES = 1e-9
TIE_DIGITS = 7
DETECTABLE = "minimum_detectable_effect"
ESTIMATES = (
    "utilization",
    "low",
    "high",
    "upper",
    "raw",
    "balanced",
    "balanced_low",
    "balanced_high",
    "balanced_upper",
    DETECTABLE,
    "probability_shift",
    "probability_shift_low",
    "probability_shift_high",
)
PVALUES = ("pvalue", "pvalue_fwer", "qvalue")
NO_DECISION = "no target column, so there is nothing to hold fixed; name it in target"


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
        Raw utilizations of the permutations.
    statistics : ndarray of shape (1 + n_permutations, n_examined)
        Statistics that are tested, of the data and of the permutations.
    examined : dict of name to Examined
        The columns that could be tested.
    untestable : dict of name to str
        Why the others could not.
    """

    table: pd.DataFrame
    null: pd.DataFrame
    statistics: np.ndarray
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
        """Raw utilizations of the permutations of one column."""
        return self.null.iloc[:, self.index.get_loc(name)].to_numpy()

    def corrected(self, pvalues: np.ndarray, level: float) -> UtilizationTests:
        """Return the same with p-values (n_examined, 3) of the columns examined.

        `level` is what a single test must reach to survive the correction.
        """
        table = self.table.copy()
        at = [self.index.get_loc(name) for name in self.examined]
        table.iloc[at, len(ESTIMATES) :] = pvalues
        effects = [detectable_effect(found, level) for found in self.examined.values()]
        table.iloc[at, ESTIMATES.index(DETECTABLE)] = effects
        return replace(self, table=table)

    def robustness(self, margin: float) -> pd.DataFrame:
        """Robustness values by column; NaN where there is no estimate."""
        table = pd.DataFrame(np.nan, self.index, [TO_MARGIN, TO_ZERO])
        for name, found in self.examined.items():
            raw, estimate, low = self.row(name)[["raw", "utilization", "low"]]
            values = robustness_values(found.strength, raw, estimate, low, margin)
            table.iloc[self.index.get_loc(name)] = list(values.values())
        return table

    def by_class(self) -> pd.DataFrame:
        """Utilization by column and class of the target."""
        entries = [*CLASS_ENTRIES[:4]]
        parts = {name: found.by_class[entries] for name, found in self.examined.items()}
        return stack_columns(parts, ["target_class"], entries)

    def effects(self) -> pd.DataFrame:
        """Signed effects by column, level, output and class of the target."""
        parts = {name: found.effects for name, found in self.examined.items()}
        return stack_columns(parts, [*ENTRIES], [*NUMBERS, *POINTS])


def stack_columns(
    parts: dict[Any, pd.DataFrame], levels: list, entries: list
) -> pd.DataFrame:
    """One table of the tables of several columns, whose names may be tuples."""
    names = ["column", *levels]
    rows = [
        (name, *(key if isinstance(key, tuple) and len(levels) > 1 else (key,)))
        for name, part in parts.items()
        for key in part.index
    ]
    labels: list = list(zip(*rows, strict=True)) or [[]] * len(names)
    index = level_index(labels, names)
    values = [part.to_numpy(dtype=float) for part in parts.values()]
    empty = np.empty((0, len(entries)))
    return pd.DataFrame(np.concatenate([empty, *values]), index, entries)


def infer_utilization(
    decision: Decision | None,
    columns: Mapping[Any, Column | None],
    plan: PermutationPlan,
    significance: float,
    runner: Any,
) -> UtilizationTests:
    """Test how far the outputs move with each column, with shared permutations.

    Columns without labels, and those that cannot be compared, are untestable; without
    a decision all are. Without permutations they are too, and have an estimate and an
    interval only.
    """
    if decision is None:
        return no_utilization(columns, NO_DECISION)
    decision, columns = decision.in_own_order(columns)
    tests = no_utilization(columns, "there are no labels")
    labelled = {name: column for name, column in columns.items() if column is not None}
    jobs = [
        partial(_examine, decision=decision, column=column, significance=significance)
        for column in labelled.values()
    ]
    for name, found in zip(labelled, runner.run("effects", jobs), strict=True):
        if isinstance(found, Examined):
            tests.examined[name] = found
            del tests.untestable[name]
        else:
            tests.untestable[name] = found
    # Permuted even without columns, so that the announced step of the fit takes place.
    examined = list(tests.examined.values())
    permuted = _permute(decision, labelled, tests.examined, plan, runner)
    raw = permuted[:, :, 0]
    at = [tests.index.get_loc(name) for name in tests.examined]
    estimates = [
        _estimates(found, raw[:, i], significance) for i, found in enumerate(examined)
    ]
    n_estimates = len(ESTIMATES)
    tests.table.iloc[at, :n_estimates] = np.reshape(estimates, (len(at), n_estimates))
    null = pd.DataFrame(np.full((len(raw), len(columns)), np.nan), columns=tests.index)
    null.iloc[:, at] = raw
    if not plan.n_permutations:
        no_pvalues = "n_permutations=0, so there are no p-values"
        tests.untestable.update(dict.fromkeys(tests.examined, no_pvalues))
    observed = np.reshape(
        [found.observed for found in examined], (1, *permuted.shape[1:])
    )
    statistics = combine(np.concatenate([observed, permuted])[:, :, 1:])
    tests = replace(tests, null=null, statistics=statistics)
    return correct([tests], significance)[0]


def _examine(T, decision, column, significance) -> Examined | str:
    """Utilization of a column, or why it cannot be tested."""
    try:
        return examine(decision, column, significance)
    except LeftOutError as reason:
        return str(reason)


def no_utilization(columns: Any, reason: str) -> UtilizationTests:
    """Stands for tests that cannot be made for a reason."""
    index = name_index(columns)
    return UtilizationTests(
        pd.DataFrame(np.nan, index, [*ESTIMATES, *PVALUES]),
        pd.DataFrame(np.empty((0, len(index))), columns=index),
        np.empty((1, 0)),
        {},
        dict.fromkeys(columns, reason),
    )


def _permute(
    decision: Decision,
    columns: Mapping[Any, Column],
    examined: Mapping[Any, Examined],
    plan: PermutationPlan,
    runner: Any,
) -> np.ndarray:
    """Statistics of all permutations: (m, n_columns, 1 + N_STATISTICS).

    Every job makes the models of its columns anew, one after the other, so that memory
    does not grow with their number.
    """
    m = plan.n_permutations if examined else 0
    size = max(1, min(PERMUTATIONS_PER_BATCH, ORDERS_PER_BATCH // plan.n_rows))
    if is_tensor(runner.T):
        size = max(1, ORDERS_PER_BATCH_OF_TENSORS // plan.n_rows)
    # Those that are moved alike follow each other, and share what is drawn.
    names = sorted(
        examined, key=lambda name: (examined[name].moved_alike, -columns[name].n_levels)
    )
    parts: dict[Any, list] = {name: [] for name in examined}

    def make_job(group: list, batch: range) -> Callable:
        own = [columns[name] for name in group]
        return partial(
            _permute_batch, decision=decision, columns=own, batch=batch, plan=plan
        )

    if not m:
        runner.run(STEP, [])
        return np.empty((0, len(examined), 1 + N_STATISTICS))
    batches, n_workers = list(split(range(m), size)), runner.n_workers
    n_jobs = n_workers * -(-len(names) // (COLUMNS_PER_JOB * n_workers))
    if is_tensor(runner.T):
        # An accelerator takes all columns, and as many permutations as it holds.
        n_jobs = 1
    for name, found in run_groups(names, batches, make_job, runner, STEP, n_jobs):
        parts[name].append(found)
    return np.stack([np.concatenate(own) for own in parts.values()], axis=1)


def _permute_batch(T, decision, columns, batch, plan) -> list[np.ndarray]:
    """Statistics of a batch for every column: (p, 1 + N_STATISTICS)."""
    work = partial(_permute_part, T, decision, columns, plan)
    parts = zip(*in_parts(work, batch, len(batch)), strict=True)
    return [np.concatenate(own) for own in parts]


def _permute_part(
    T: Any,
    decision: Decision,
    columns: list[Column],
    plan: PermutationPlan,
    part: range,
) -> list[np.ndarray]:
    """The same; columns whose units are moved alike share what is drawn."""
    orders, found = plan.orders(part, T), []
    exchange: Exchangeability | None = None
    sources: Any = None
    for column in columns:
        model = prepare(decision, column).model
        if exchange is None or not model.exchange.moves_like(exchange):
            exchange = model.exchange
            sources = exchange.unit_sources(orders)
        found.append(model.statistics(sources))
    return found


def _estimates(found: Examined, null: np.ndarray, significance: float):
    """Entries of the table by `ESTIMATES`; `correct` adds the detectable effect."""
    # Permutations even out noise that differs between rows, and may remove too little.
    noise = max(np.mean(null**2) if len(null) else 0.0, found.noise.mean_square)
    balanced, shift = found.balanced, found.shift
    return [
        *limits(found.raw, found.noise, noise, significance).values(),
        found.raw,
        *balanced.values(),
        np.nan,
        shift.points,
        shift.low,
        shift.high,
    ]


def detectable_effect(found: Examined, significance: float) -> float:
    """Smallest utilization along the estimated contrast that is found with `POWER`.

    The test takes the larger of two statistics, of the part that is found most easily
    and of all effects; the level is halved for that.
    """
    level = significance / 2.0 if found.tests_several else significance
    leading = found.leading_noise.detectable(level, POWER)
    share = max(found.leading_share, TIES)
    return min(leading / share, found.noise.detectable(level, POWER))


def correct(
    several: list[UtilizationTests], significance: float
) -> list[UtilizationTests]:
    """Fill in p-values, with one correction over all columns of all tests.

    Tests may be of several targets. Where each permutes in the order of its own outputs
    max-T takes them for independent, which is on the careful side. Without permutations
    p-values stay NaN.
    """
    statistics = np.hstack(
        [tests.statistics for tests in several if tests.examined] or [np.empty((1, 0))]
    )
    pvalues = np.full((statistics.shape[1], len(PVALUES)), np.nan)
    if len(statistics) > 1:
        single = permutation_pvalues(statistics[0], statistics[1:])
        corrected = max_t_pvalues(statistics[0], statistics[1:])
        pvalues = np.stack([single, corrected, benjamini_hochberg(single)], axis=1)
    level = significance / max(len(pvalues), 1)
    parts = split_like(pvalues, [tests.examined for tests in several])
    return [
        tests.corrected(own, level) for tests, own in zip(several, parts, strict=True)
    ]


def combine(statistics: np.ndarray) -> np.ndarray:
    """Largest of several statistics (m + 1, n_columns, N): (m + 1, n_columns).

    Cube roots of sums of squares are nearly normal whatever the number of squares, so
    none of the statistics has a heavier tail than the others. They are standardised
    over data and permutations alike, and stay exchangeable. Common effects have few
    degrees of freedom and give power; effects by class catch those that cancel over
    classes. Rounded, so that what is the same but for rounding is a tie.
    """
    roots = np.cbrt(statistics)
    spread = roots.std(axis=0)
    varies = spread > TIES * np.abs(roots).max(axis=0)
    centred = roots - roots.mean(axis=0)
    standard = np.where(varies, centred / np.where(varies, spread, 1.0), 0.0)
    return np.round(standard.max(axis=2), TIE_DIGITS)
