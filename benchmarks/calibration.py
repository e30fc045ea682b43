"""Size, power and coverage of the tests, with binomial intervals.

Simulated embeddings hold a target, a metadata column, effects of patients and noise; a
head reads the target and, if it uses the column, the column too. Run from the
repository: ``python -m benchmarks.calibration``, about an hour on two cores; parts by
name: ``python -m benchmarks.calibration utilization alignment schemes power coverage``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import click
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats
from threadpoolctl import threadpool_limits

from benchmarks.calibration_figure import draw
from sklearn_wsca._alignment.comparison import Primary
from sklearn_wsca._alignment.null import RefitNull, refit_scores
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.probe import Probe, fit_probes, tie_tolerance
from sklearn_wsca._heads.task import Task, Tasks
from sklearn_wsca._input.column import LeftOutError, common_rows
from sklearn_wsca._input.groups import Groups, restrict_to_groups
from sklearn_wsca._input.roles import Roles
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._linear.subspace import fit_subspace
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import (
    PermutationPlan,
    canonical_order,
    permutation_pvalues,
)
from sklearn_wsca._utilization.inference import combine
from sklearn_wsca._utilization.noise import NoiseSource
from sklearn_wsca._utilization.preparation import prepare_outputs

LEVEL = 0.05
# With 99 permutations p <= 0.05 happens in exactly 5 % under the null.
N_PERMUTATIONS = 99
KINDS = ("binary", "4 levels", "continuous")
ASSOCIATIONS = (0.0, 0.4, 0.8)
N_FEATURES = 12
# Images per patient -> patients.
PATIENTS = {1: 240, 5: 100, 20: 80}


@dataclass(frozen=True)
class Setting:
    """One kind of study.

    Parameters
    ----------
    kind : str
        Of the column.
    association : float
        Of column and target.
    images : int
        Per patient.
    use : float
        Weight of the column's direction in the head; that of the target's is 1.
    encoding : float
        Displacement of the embedding by the column.
    column_within, target_within : bool
        Whether column or target vary within patients.
    target_kind : str
        "binary" or "continuous".
    confounded : bool
        Whether an age moves both column and outputs, and is held fixed.
    n_patients : int or None
        None takes the default.
    """

    kind: str
    association: float = 0.0
    images: int = 1
    use: float = 0.0
    encoding: float = 1.0
    column_within: bool = False
    target_within: bool = False
    target_kind: str = "binary"
    confounded: bool = False
    n_patients: int | None = None


@dataclass(frozen=True)
class Study:
    """Data of one study."""

    embeddings: np.ndarray
    outputs: np.ndarray
    table: pd.DataFrame
    head: np.ndarray


def simulate(setting: Setting, seed: int) -> Study:
    """Draw a study."""
    rng = np.random.default_rng([seed, 1])
    patients = setting.n_patients or PATIENTS[setting.images]
    patient = np.repeat(np.arange(patients), setting.images)
    n = len(patient)

    def draw(varies_within):
        if varies_within:
            return rng.standard_normal(n)
        return rng.standard_normal(patients)[patient]

    age, tendency = draw(False), draw(False)
    target = tendency
    if setting.target_within:
        target = 0.8 * tendency + 0.6 * draw(True)
    if setting.target_kind == "binary":
        target, tendency = (np.where(t > 0, 1.0, -1.0) for t in (target, tendency))
    free, link = draw(setting.column_within), draw(setting.column_within)
    if setting.confounded:
        free = (free + age) / np.sqrt(2.0)
    linked = stats.norm.cdf(link) < setting.association
    # A column of the patient cannot follow a target that differs between images.
    followed = target if setting.column_within else tendency
    column, displacement = _draw_column(setting, followed, free, linked)
    embeddings = rng.standard_normal((n, N_FEATURES))
    if setting.images > 1:
        embeddings += rng.standard_normal((patients, N_FEATURES))[patient]
    embeddings[:, 0] += target
    embeddings[:, 1] += setting.encoding * displacement
    embeddings[:, 2] += setting.confounded * age
    head = np.zeros(N_FEATURES)
    head[:3] = 1.0, setting.use, setting.confounded
    table = pd.DataFrame({"target": target, "column": column, "age": age})
    if setting.target_kind == "binary":
        table["target"] = np.where(target > 0, "ill", "well")
    table["patient"] = patient
    return Study(embeddings, embeddings @ head, table, head)


def _draw_column(setting, target, free, linked):
    """Labels, and how far they displace the embedding (mean square 1 over levels)."""
    if setting.kind == "continuous":
        rho = setting.association
        column = rho * target + np.sqrt(1.0 - rho**2) * free
        return 40.0 + 7.0 * column, column
    n_levels = 2 if setting.kind == "binary" else 4
    codes = np.floor(n_levels * stats.norm.cdf(free)).astype(int)
    codes = np.where(linked, np.where(target > 0, n_levels - 1, 0), codes)
    positions = np.linspace(-1.0, 1.0, n_levels)
    positions /= np.sqrt(np.mean(positions**2))
    return np.array(list("abcd"))[codes], positions[codes]


def true_utilization(setting: Setting) -> float:
    """Effect by the parameters over the deviation of the outputs of a large sample."""
    large = replace(setting, n_patients=200_000 // setting.images)
    return setting.use * setting.encoding / simulate(large, seed=10**6).outputs.std()


def prepare(setting: Setting, seed: int):
    """Draw a study and regress its outputs as `utilization_test` does."""
    study = simulate(setting, seed)
    table, n = study.table, len(study.outputs)
    groups = Groups.of(table["patient"]) if setting.images > 1 else None
    column, *held = (read_column(table[c]) for c in ("column", "target", "age"))
    if groups is not None:
        column = restrict_to_groups(column, groups)
    column, (target, age) = common_rows(column, held)
    outputs, weights = study.outputs[column.rows, None], np.ones(len(column.rows))
    confounders = [age] if setting.confounded else []
    exchange = exchange_units(column, groups)
    model = prepare_outputs(outputs, column, target, confounders, weights, exchange)
    return model, outputs, n


def alignment_pvalue(setting: Setting, seed: int) -> float:
    """p-value of the alignment of balanced heads: the test of the package, alone."""
    study = simulate(setting, seed)
    table, weights = study.table, np.ones(len(study.outputs))
    subspace = fit_subspace(study.embeddings, weights, None, 0)
    T, distance = subspace.coordinates(study.embeddings)
    order = canonical_order(distance, lambda: np.arange(len(weights)))
    rows = Rows(T[order], weights, subspace)
    groups = Groups.of(table["patient"]).take(order) if setting.images > 1 else None
    column, target = (read_column(table[c]).take(order) for c in ("column", "target"))
    probe = Probe("logistic" if column.n_levels else "ridge", column.n_levels)
    task = Task("column", column, probe)
    tasks = Tasks(None, [task], [column.name], {})
    tasks.assign_units(groups)
    tasks.balance(Roles(groups, [target]), weights, adjust_for_target=False)
    if task.refusal:
        return float("nan")
    filters = subspace.project(study.head[None])
    primary = Primary(filters / np.linalg.norm(filters), 1.0, "rms")
    column, _ = task.to_fit()
    null = RefitNull(
        rows.design(column.rows), column, probe, task.balance, task.units_to_fit()
    )
    unpermuted = np.arange(len(weights), dtype=np.int32)[None]
    unmoved = null.exchange.unit_sources(unpermuted)
    (fit,) = fit_probes([null.to_fit(rows.T, unmoved)])
    observed, _ = null.scores(fit, primary)
    plan = PermutationPlan(seed, N_PERMUTATIONS, len(weights))
    ((scores, _),) = refit_scores(rows.T, [null], range(N_PERMUTATIONS), plan, primary)
    tolerance = tie_tolerance(len(weights))
    return float(permutation_pvalues(observed, scores[:, None], tolerance)[0])


def utilization_pvalue(setting: Setting, seed: int) -> float:
    """p-value of the test of utilization, alone; NaN where the package refuses it."""
    try:
        model, _, n = prepare(setting, seed)
    except LeftOutError:
        return float("nan")
    orders = PermutationPlan(seed, N_PERMUTATIONS, n).orders(range(N_PERMUTATIONS))
    statistics = np.vstack([model.observed(), model.permutations(orders)])[:, None, 1:]
    statistic = combine(statistics)
    return float(permutation_pvalues(statistic[0], statistic[1:])[0])


def covers(setting: Setting, seed: int, truth: float) -> float:
    """Whether the interval holds the true utilization; NaN where there is none."""
    try:
        model, outputs, _ = prepare(setting, seed)
    except LeftOutError:
        return float("nan")
    source = NoiseSource.of(model, outputs, np.ones(len(outputs)))
    rows = model.effect_rows()
    noise = source.noise(rows)
    low, high = noise.interval(float(model.observed()[0]), 0.95)
    return float(low <= truth <= high)


def outcomes(workers: Parallel, study, setting: Setting, n_studies: int) -> np.ndarray:
    """Outcomes of so many studies; those that the package refuses are drawn anew.

    There are at most five times as many draws.
    """
    found = np.empty(0)
    for start in range(0, 5 * n_studies, n_studies):
        seeds = range(start, start + n_studies)
        drawn = np.array(workers(delayed(study)(setting, seed) for seed in seeds))
        found = np.append(found, drawn[~np.isnan(drawn)])
        if len(found) >= n_studies:
            break
    return found[:n_studies]


def describe(setting: Setting) -> str:
    """Setting as a row of a table."""
    within = {False: "", True: ", column within patients"}[setting.column_within]
    within += ", target within patients" if setting.target_within else ""
    within += ", continuous target" if setting.target_kind != "binary" else ""
    within += ", confounder" if setting.confounded else ""
    return f"{setting.kind}{within} | {setting.association} | {setting.images}"


def size(workers, n_studies: int, pvalue, settings: list[Setting]) -> Iterator[str]:
    """Rejections of true nulls, by cell and over all cells."""
    yield f"{n_studies} studies per cell; inside: the 99% binomial interval around 5%"
    yield (
        "column | association | images per patient | rejected at 5% | inside | studies"
    )
    everything = []
    for setting in settings:
        hits = outcomes(workers, pvalue, setting, n_studies) <= LEVEL
        n = len(hits)
        low, high = stats.binom.interval(0.99, n, LEVEL) / np.array(n)
        inside = "yes" if low <= hits.mean() <= high else "NO"
        row = f"{describe(setting)} | {hits.mean():.1%} | {inside} | {n}"
        yield row
        everything.append(hits)
    yield f"all cells: {np.concatenate(everything).mean():.2%}"


def grid(**fixed) -> list[Setting]:
    """All cells of association, images per patient and kind of column."""
    return [
        Setting(kind, association, images, **fixed)
        for kind, association, images in product(KINDS, ASSOCIATIONS, PATIENTS)
    ]


def size_of_utilization(workers, n_studies: int) -> Iterator[str]:
    """The column is encoded and not used."""
    yield "# Utilization: rejections of an encoded column that is not used"
    yield from size(workers, n_studies, utilization_pvalue, grid())


def size_of_alignment(workers, n_studies: int) -> Iterator[str]:
    """The column is not encoded."""
    yield "# Alignment within target: rejections of a column that is not encoded"
    yield from size(workers, n_studies, alignment_pvalue, grid(encoding=0.0))


def size_of_conservative_alignment(workers, n_studies: int) -> Iterator[str]:
    """The column is encoded and not used: conservative by construction."""
    yield "# Alignment within target: an encoded column that is not used (conservative)"
    cells = [Setting("4 levels", association) for association in ASSOCIATIONS]
    yield from size(workers, n_studies, alignment_pvalue, cells)


def size_of_other_schemes(workers, n_studies: int) -> Iterator[str]:
    """Exchanges within patients, and residuals (Freedman-Lane)."""
    yield "# Utilization: further schemes"
    cells = []
    for kind in KINDS:
        cells += [
            Setting(kind, 0.8, 5, column_within=True),
            Setting(kind, 0.8, 5, column_within=True, target_within=True),
            Setting(kind, 0.8, 5, target_within=True),
            Setting(kind, 0.8, 1, target_kind="continuous"),
            Setting(kind, 0.8, 5, target_kind="continuous"),
            Setting(kind, 0.8, 1, confounded=True),
            Setting(kind, 0.8, 5, confounded=True),
        ]
    yield from size(workers, n_studies, utilization_pvalue, cells)


def power(workers, n_studies: int) -> Iterator[str]:
    """A column with weight 0.3 in the head."""
    yield "# Utilization: power at use 0.3, one image per patient"
    yield "column | association | images per patient | patients | found at 5% | true"
    for n, kind, association in product((400, 1000), KINDS, ASSOCIATIONS):
        setting = Setting(kind, association, use=0.3, n_patients=n)
        hits = outcomes(workers, utilization_pvalue, setting, n_studies) <= LEVEL
        truth = true_utilization(setting)
        row = f"{describe(setting)} | {n} | {hits.mean():.1%} | {truth:.3f}"
        yield row
    yield ""


def coverage_of_nothing(workers, n_studies: int) -> Iterator[str]:
    """Intervals of 95 % where the column is not used."""
    yield from coverage(workers, n_studies, (0.0,))


def coverage(workers, n_studies: int, uses: tuple = (0.2, 0.5)) -> Iterator[str]:
    """Intervals of 95 % at utilizations of the margin and more."""
    yield "# Utilization: coverage of the 95% interval"
    yield "column | association | images per patient | covered | 93 to 97% | true"
    for use, kind, association, images in product(uses, KINDS, ASSOCIATIONS, PATIENTS):
        setting = Setting(kind, association, images, use)
        truth = true_utilization(setting)
        study = partial(covers, truth=truth)
        hits = outcomes(workers, study, setting, n_studies)
        inside = "yes" if 0.93 <= hits.mean() <= (0.97 if use else 1.0) else "NO"
        row = f"{describe(setting)} | {hits.mean():.1%} | {inside} | {truth:.3f}"
        yield row


PARTS = {
    "utilization": size_of_utilization,
    "alignment": size_of_alignment,
    "coverage": coverage,
    "power": power,
    "schemes": size_of_other_schemes,
    "conservative": size_of_conservative_alignment,
    "nothing": coverage_of_nothing,
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--studies", default=1000, show_default=True, help="Of every setting.")
def main(parts: tuple[str, ...], studies: int) -> None:
    """Run the parts asked for; all of them together also draw the figure."""
    lines = []
    with threadpool_limits(1), Parallel(n_jobs=-1, batch_size=10) as workers:
        for name in parts or PARTS:
            for line in PARTS[name](workers, studies):
                print(line, flush=True)
                lines.append(line)
    if not parts:
        draw(lines, studies)


if __name__ == "__main__":
    main()
