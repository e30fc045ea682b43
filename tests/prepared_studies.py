"""Studies as the steps of `fit` take them: read, and in canonical order of the rows."""

from __future__ import annotations

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._alignment.comparison import compare_heads
from sklearn_wsca._alignment.metrics import METRICS, AlignmentSpace
from sklearn_wsca._analysis.prepare import check_something_left, find_subspace
from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._heads.fit import fit_heads
from sklearn_wsca._heads.probe import tie_tolerance
from sklearn_wsca._heads.reader import TaskReader
from sklearn_wsca._input.checked_input import check_input
from sklearn_wsca._input.roles import RoleNames
from sklearn_wsca._permutation.column_tests import Testing
from sklearn_wsca._permutation.plan import PermutationPlan


class Runner(SequentialRunner):
    """Runs the jobs of a step here."""

    n_workers = 1

    def __init__(self, rows):
        super().__init__("a step", rows.T)


def read_study(X, table, weight=None, *, confounders=(), groups=None, **options):
    """Input and tasks in the order of the table."""
    settings = {"target": "disease", "target_head": None, "columns": None}
    settings |= {
        "kinds": {},
        "heads": "auto",
        "n_bins": None,
        "C": 1.0,
        "alpha": 1.0,
        "min_rows": 2,
    }
    settings |= options
    target, head, columns = (
        settings.pop(name) for name in ("target", "target_head", "columns")
    )
    given = check_input(WeightSpaceCorrelation(), X, table, weight, reset=True)
    given = given.with_roles(RoleNames(target, list(confounders), groups))
    return given, TaskReader(given, **settings).read(target, head, columns, groups)


def prepare_study(
    *study,
    n_components=0.99,
    min_components=50,
    adjust_for_target=False,
    memory=None,
    n_jobs=None,
    **options,
):
    """Input and tasks in canonical order, and the rows."""
    given, tasks = read_study(*study, **options)
    check_something_left(tasks)
    given, rows = find_subspace(
        given, tasks, n_components, min_components, memory, n_jobs
    )
    tasks.assign_units(given.roles.groups)
    tasks.balance(given.roles, given.weights, adjust_for_target)
    return given, tasks, rows


def compare_study(*study, metric="weight", aggregate="rms", **options):
    """The same with fitted heads, and their comparison."""
    given, tasks, rows = prepare_study(*study, **options)
    assert fit_heads(tasks.all, rows, Runner(rows)) == []
    projected = options.get("n_components", 0.99) is not None
    space = AlignmentSpace(rows.subspace, METRICS[metric], projected)
    return given, tasks, rows, compare_heads(tasks, given, space, aggregate)


def make_testing(rows, n_permutations=39, seed=0, stop_after=None, extrapolate=False):
    """How permutations are turned into p-values."""
    n = len(rows.weights)
    plan = PermutationPlan(seed, n_permutations, n)
    return Testing(plan, stop_after, extrapolate, tie_tolerance(n))
