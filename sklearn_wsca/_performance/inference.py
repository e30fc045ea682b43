"""Performance of a decision by several columns: tables, gaps and p-values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._backend.namespace import is_tensor
from sklearn_wsca._input.column import Column, LeftOutError, common_rows
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.table import name_index
from sklearn_wsca._performance.gaps import (
    ComparedLevels,
    Gap,
    Measures,
    exchange_at_target,
)
from sklearn_wsca._performance.levels import (
    COUNTS,
    names_of_measures,
    tabulate_levels,
)
from sklearn_wsca._performance.measures import (
    Judged,
    compared_measures,
    number_measures,
)
from sklearn_wsca._permutation.exchangeability import (
    FEWEST_UNITS,
    exchange_units,
    share_sources,
)
from sklearn_wsca._permutation.plan import (
    PermutationPlan,
    benjamini_hochberg,
    max_t_pvalues,
    permutation_pvalues,
    split,
    split_like,
)
from sklearn_wsca._permutation.rounds import JOBS_PER_WORKER
from sklearn_wsca._utilization.inference import stack_columns
from sklearn_wsca._utilization.regression import N_THIRDS, spline_terms

PVALUES = ("pvalue", "pvalue_fwer", "qvalue")
GAP_ENTRIES = tuple(field.name for field in fields(Gap))
NO_GAP = Gap("", None, None, None, np.nan, np.nan, np.nan, np.nan, "")
NO_PREDICTIONS = "the outputs are no predictions of the target"
NOT_COMPARED = "no two levels have enough units of every class"
NOT_EXCHANGED = "fewer than {} units can be exchanged at fixed target"
# With so many inner knots the error of a number may depend on its target.
KNOTS_OF_TARGET = 5
NUMBERS_AT_ONCE, NUMBERS_AT_ONCE_OF_TENSORS = 2**22, 2**27


@dataclass(frozen=True)
class Decisions:
    """Decisions of all rows whose target is known.

    Parameters
    ----------
    judged : Judged
        The decisions, in the order of the rows of the target.
    target : Column
        The target.
    groups : Groups or None
        Which rows of the table belong together.
    n_rows : int
        Rows of the table.
    """

    judged: Judged
    target: Column
    groups: Groups | None
    n_rows: int


@dataclass(frozen=True)
class PerformanceTests:
    """Performance by the levels of every column.

    Parameters
    ----------
    by_level : dict of name to DataFrame
        Tables of `tabulate_levels`.
    gaps : dict of name to Gap
        What stands out most.
    pvalues : DataFrame
        One row per column: pvalue, pvalue_fwer, qvalue.
    statistics : ndarray of shape (1 + m, n_tested)
        Statistics of the data, and of the permutations.
    tested : list
        Names of these columns.
    left_out : dict of name to str
        Why a column has no gap, or no p-value.
    measures : list of str
        What the tables hold.
    schemes : dict of name to str
        What was permuted, in words.
    """

    by_level: dict[Any, pd.DataFrame]
    gaps: dict[Any, Gap]
    pvalues: pd.DataFrame
    statistics: np.ndarray
    tested: list
    left_out: dict[Any, str]
    measures: list[str]
    schemes: dict[Any, str]

    def table(self) -> pd.DataFrame:
        """Performance by column and level, with the gap of each column."""
        entries = [
            *COUNTS,
            *(
                f"{name}{end}"
                for name in self.measures
                for end in ("", "_low", "_high")
            ),
        ]
        table = stack_columns(self.by_level, ["level"], entries)
        at = [self.pvalues.index.get_loc(name) for name in self.by_level]
        lengths = [len(self.by_level[name]) for name in self.by_level]
        sizes = [
            self.gaps[name].size if name in self.gaps else np.nan
            for name in self.by_level
        ]
        table["gap"] = np.repeat(sizes, lengths)
        for name in ("pvalue", "qvalue"):
            found = self.pvalues[name].to_numpy()[at]
            table[f"gap_{name}"] = np.repeat(found, lengths)
        return table.astype(dict.fromkeys(COUNTS, int))

    def gap_of(self, name: Any) -> dict[str, Any]:
        """The gap of one column, and its p-values; NaN and "" where there is none.

        An interaction has none.
        """
        found = asdict(self.gaps.get(name, NO_GAP))
        if name not in self.pvalues.index:
            return found | dict.fromkeys(PVALUES, np.nan)
        return found | self.pvalues.iloc[self.pvalues.index.get_loc(name)].to_dict()

    def gap_table(self) -> pd.DataFrame:
        """The gap of every column, and its p-values."""
        rows = [self.gap_of(name) for name in self.pvalues.index]
        return pd.DataFrame(rows, self.pvalues.index, columns=[*GAP_ENTRIES, *PVALUES])

    def null_of(self, name: Any) -> np.ndarray:
        """Statistics of the permutations of one column."""
        if name not in self.tested:
            return np.empty(0)
        return self.statistics[1:, self.tested.index(name)]


def infer_performance(
    decisions: Decisions | None,
    columns: Mapping[Any, Column | None],
    plan: PermutationPlan,
    significance: float,
    runner: Any,
) -> PerformanceTests:
    """Measure performance by every column, and test its largest gap.

    Without decisions nothing is, and the announced steps of a fit still take place.
    """
    tests = no_performance(columns, NO_PREDICTIONS)
    known = columns if decisions is not None else {}
    judge = partial(_judge, decisions=decisions, significance=significance)
    jobs = [partial(judge, column=column) for column in known.values()]
    compared, left_out = {}, {} if known else tests.left_out
    for name, found in zip(known, runner.run("performance", jobs), strict=True):
        if isinstance(found, str):
            left_out[name] = found
            continue
        tests.by_level[name], own = found
        if own is None:
            left_out[name] = NOT_COMPARED
        else:
            compared[name] = own
    tested = [name for name in compared if _can_be_exchanged(compared[name])]
    null = _permute([compared[name] for name in tested], plan, runner)
    for name, own in compared.items():
        critical = _bonferroni(own, significance)
        if name in tested and len(null):
            drawn = null[:, tested.index(name)]
            critical = float(np.quantile(drawn, 1.0 - significance, method="higher"))
        elif name not in tested:
            left_out[name] = NOT_EXCHANGED.format(FEWEST_UNITS)
        tests.gaps[name] = own.gap(critical, significance)
    observed = np.array([[compared[name].observed for name in tested]])
    tests = replace(
        tests,
        statistics=np.concatenate([observed.reshape(1, -1), null]),
        tested=tested,
        left_out=left_out,
        measures=[] if decisions is None else names_of_measures(decisions.judged),
        schemes={name: compared[name].exchange.describe() for name in tested},
    )
    return correct([tests])[0]


def no_performance(columns: Any, reason: str) -> PerformanceTests:
    """Stands for what cannot be measured for a reason."""
    return PerformanceTests(
        {},
        {},
        pd.DataFrame(np.nan, name_index(columns), list(PVALUES)),
        np.empty((1, 0)),
        [],
        dict.fromkeys(columns, reason),
        [],
        {},
    )


def correct(several: list[PerformanceTests]) -> list[PerformanceTests]:
    """Fill in p-values, with one correction over all columns of all tests."""
    statistics = np.hstack(
        [tests.statistics for tests in several if tests.tested] or [np.empty((1, 0))]
    )
    pvalues = np.full((statistics.shape[1], len(PVALUES)), np.nan)
    if len(statistics) > 1 and len(pvalues):
        single = permutation_pvalues(statistics[0], statistics[1:])
        corrected = max_t_pvalues(statistics[0], statistics[1:])
        pvalues = np.stack([single, corrected, benjamini_hochberg(single)], axis=1)
    corrected_tests = []
    parts = split_like(pvalues, [tests.tested for tests in several])
    for tests, own in zip(several, parts, strict=True):
        table = tests.pvalues.copy()
        table.iloc[[table.index.get_loc(name) for name in tests.tested]] = own
        corrected_tests.append(replace(tests, pvalues=table))
    return corrected_tests


def _judge(
    T: Any, decisions: Any, column: Column | None, significance: float
) -> tuple[pd.DataFrame, ComparedLevels | None] | str:
    """Table of one column, and its levels beside each other; or why there is none."""
    if column is None:
        return "there are no labels"
    try:
        own, judged, target = _bring_together(decisions, column)
        levels = list(own.levels)
        table = tabulate_levels(judged, own.labels, levels, significance)
        return table, _compare(decisions, own, judged, target)
    except LeftOutError as reason:
        return str(reason)


def _bring_together(
    decisions: Decisions, column: Column
) -> tuple[Column, Judged, Column]:
    """A column with levels, the decisions and the target on the rows of all."""
    if not column.n_levels:
        column = in_thirds(column)
    column, (target,) = common_rows(column, [decisions.target])
    place = np.searchsorted(decisions.target.rows, column.rows)
    return column, decisions.judged.take(place), target


def in_thirds(column: Column) -> Column:
    """A continuous column as its lowest, middle and highest third.

    Equal values are in one third, by the mean of their ranks; on its edge they are in
    the middle one, so that the thirds of a number and of its negative are the same.

    Raises
    ------
    LeftOutError
        If its values are too often the same.
    """
    place = (stats.rankdata(column.labels) - 0.5) * N_THIRDS / len(column.labels)
    codes = 1 - (place < 1.0) + (place > N_THIRDS - 1.0)
    present, codes = np.unique(codes, return_inverse=True)
    if len(present) < 2:
        raise LeftOutError("most rows share one value, so it has no thirds")
    parts = [column.labels[codes == j] for j in range(len(present))]
    levels = tuple(f"{part.min():.4g} to {part.max():.4g}" for part in parts)
    return replace(column, kind="categorical", labels=codes, levels=levels)


def _compare(
    decisions: Decisions, column: Column, judged: Judged, target: Column
) -> ComparedLevels | None:
    exchange = exchange_at_target(exchange_units(column, decisions.groups), target)
    return ComparedLevels.of(
        column, judged, _measures_at_target(judged, target), exchange
    )


def _measures_at_target(judged: Judged, target: Column) -> Measures:
    """Measures that are compared, by rows; errors of numbers at fixed target."""
    if judged.classes is not None:
        return lambda rows: list(compared_measures(judged.take(rows)))
    design = np.ones((len(judged.labels), 1))
    if not target.n_levels:
        values = judged.labels[:, None] / max(np.abs(judged.labels).max(), 1e-300)
        curve = spline_terms(target, judged.weights, KNOTS_OF_TARGET)
        design = np.hstack([design, values, curve])
    errors = judged.scores[:, 0] - judged.labels
    adjusted = {
        m.name: _adjust(m.parts[0].values, design, judged.weights)
        for m in number_measures(errors)
    }

    def measures(rows: np.ndarray):
        return [
            replace(m, parts=[replace(m.parts[0], values=adjusted[m.name][rows])])
            for m in number_measures(errors[rows])
        ]

    return measures


def _adjust(values: np.ndarray, design: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values less what goes with the design, and their mean."""
    roots = np.sqrt(weights)[:, None]
    solved = np.linalg.lstsq(design * roots, values * roots[:, 0], rcond=None)[0]
    return values - design @ solved + np.average(values, weights=weights)


def _can_be_exchanged(found: ComparedLevels) -> bool:
    labels = found.codes
    if not found.exchange.varies_within_groups:
        labels = found.codes[found.exchange.unit]
    return found.exchange.n_exchangeable(labels) >= FEWEST_UNITS


def _permute(
    compared: list[ComparedLevels], plan: PermutationPlan, runner: Any
) -> np.ndarray:
    """Statistics of all permutations: (m, n_columns).

    Every job scores all columns, which share what is drawn.
    """
    m = plan.n_permutations if compared else 0
    most, fewest_jobs = NUMBERS_AT_ONCE, JOBS_PER_WORKER * runner.n_workers
    if is_tensor(runner.T):
        # An accelerator takes as many permutations as it holds.
        most, fewest_jobs = NUMBERS_AT_ONCE_OF_TENSORS, 1
    batches = split(range(m), max(1, most // plan.n_rows), fewest_jobs)
    score = partial(_permute_batch, compared=compared, plan=plan)
    found = runner.run("performance null", [partial(score, batch=b) for b in batches])
    return np.concatenate([np.empty((0, len(compared))), *found])


def _permute_batch(
    T: Any, compared: list[ComparedLevels], plan: PermutationPlan, batch: range
) -> np.ndarray:
    """Statistics of a batch: (p, n_columns)."""
    exchanges = [own.exchange for own in compared]

    def score(part: range) -> np.ndarray:
        orders = plan.orders(part, T)
        found = np.empty((len(part), len(compared)))
        for i, sources in share_sources(exchanges, orders):
            found[:, i] = compared[i].null(sources)
        return found

    return np.concatenate(list(in_parts(score, batch, len(batch))))


def _bonferroni(found: ComparedLevels, significance: float) -> float:
    return float(stats.norm.isf(significance / 2.0 / max(found.n_tests(), 1)))
