"""Screening of a table: is what it promises found, and what it calls hopeless so?

Run from the repository: ``python -m benchmarks.screening``, about 10 minutes on one
core. Each cell is one kind of table. A table is drawn and screened; networks that use
the column by the minimum detectable effect that was promised are simulated by other
code than that of the package, and tested by `utilization_test`. Promised is a power of
80 %; the claim is 70 to 90 %. Cells that break an assumption show what that costs.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats
from threadpoolctl import threadpool_limits

from benchmarks.markdown import as_markdown
from sklearn_wsca import screen_metadata, utilization_test

TABLES, NETWORKS, PERMUTATIONS = 20, 10, 99
LEVEL = 0.05
LEVELS = np.array(list("ABCDEFGH"))
AUROC, CORRELATION = 0.9, 0.5


@dataclass(frozen=True)
class Design:
    """A kind of table, and what its networks are like.

    Parameters
    ----------
    draw : callable
        From a random generator to a table of target, column, and patient or age.
    auroc, correlation : float
        Of the networks, whatever the screening assumes.
    heavy : bool
        Whether their noise has Student's t of 3 degrees of freedom.
    one_class, one_level : bool
        Whether they use the column in one class of the target only, or in its rarest
        level.
    promise : str
        What of the screening they have.
    claimed : bool
        Whether they are as the screening assumes.
    """

    draw: Callable[[np.random.Generator], pd.DataFrame]
    auroc: float = AUROC
    correlation: float = CORRELATION
    heavy: bool = False
    one_class: bool = False
    one_level: bool = False
    promise: str = "minimum_detectable_effect"
    claimed: bool = True


def table_of(target, column, **others) -> pd.DataFrame:
    """A table with levels as text."""
    codes = np.issubdtype(np.asarray(column).dtype, np.integer)
    column = LEVELS[column] if codes else column
    classes = np.issubdtype(np.asarray(target).dtype, np.integer)
    target = np.array([f"class {c}" for c in target]) if classes else target
    return pd.DataFrame({"target": target, "column": column} | others)


def balanced(rng, n=400):
    """Two even levels and classes."""
    return table_of(rng.integers(0, 2, n), rng.integers(0, 2, n))


def rare_level(rng, n=600):
    """Three levels, of which one holds 4 % of the rows."""
    return table_of(rng.integers(0, 2, n), rng.choice(3, n, p=[0.56, 0.4, 0.04]))


def associated(rng, n=500):
    """The column is the target in 93 % of the rows."""
    y = rng.integers(0, 2, n)
    return table_of(y, np.where(rng.random(n) < 0.93, y, 1 - y))


def few_patients(rng, n=40):
    """40 patients of 10 to 60 images."""
    patient = np.repeat(np.arange(n), rng.integers(10, 61, n))
    y, c = rng.integers(0, 2, (2, n))
    return table_of(y[patient], c[patient], patient=patient)


def changing(rng, n=40):
    """40 patients of 10 images; the column changes within them."""
    patient = np.repeat(np.arange(n), 10)
    y = rng.integers(0, 2, n)[patient]
    return table_of(y, rng.integers(0, 2, len(y)), patient=patient)


def positives(rng, n=3000):
    """2 % positives."""
    return table_of((rng.random(n) < 0.02).astype(int), rng.integers(0, 2, n))


def numbers(rng, n=400):
    """A column and a target of numbers, correlated."""
    y = 50 + 10 * rng.standard_normal(n)
    return table_of(y, 0.05 * y + rng.standard_normal(n))


def confounded(rng, n=400):
    """A column that follows a confounder."""
    age = 60 + 10 * rng.standard_normal(n)
    c = (age + 10 * rng.standard_normal(n) > 60).astype(int)
    return table_of(rng.integers(0, 2, n), c, age=age)


def five_classes(rng, n=600):
    """Five classes, four levels."""
    return table_of(rng.integers(0, 5, n), rng.integers(0, 4, n))


CELLS = {
    "balanced, 400 rows": Design(balanced),
    "a level of 4 %, 600 rows": Design(rare_level),
    "column = target in 93 %, 500 rows": Design(associated),
    "40 patients of 10 to 60 images": Design(few_patients),
    "40 patients, changing column": Design(changing),
    "2 % of 3,000 positive": Design(positives),
    "numbers, 400 rows": Design(numbers),
    "a confounder, 400 rows": Design(confounded),
    "5 classes, 4 levels, 600 rows": Design(five_classes),
    "only the level of 4 % differs": Design(
        rare_level, one_level=True, promise="rarest_level_effect"
    ),
}
BROKEN = {
    "networks of AUROC 0.8": Design(balanced, auroc=0.8, claimed=False),
    "networks of AUROC 0.98": Design(balanced, auroc=0.98, claimed=False),
    "images alike by 0.2": Design(few_patients, correlation=0.2, claimed=False),
    "images alike by 0.8": Design(few_patients, correlation=0.8, claimed=False),
    "heavy tails": Design(balanced, heavy=True, claimed=False),
    "used in one class of two": Design(balanced, one_class=True, claimed=False),
    "the level of 4 % only, by what is found in all": Design(
        rare_level, one_level=True, claimed=False
    ),
}


def screen(table: pd.DataFrame, seed: int):
    """Screen as a user would; the row of the column."""
    found = screen_metadata(
        table,
        "target",
        columns=["column"],
        groups="patient" if "patient" in table else None,
        confounders=["age"] if "age" in table else None,
        n_permutations=0,
        random_state=seed,
    )
    return found.columns.loc["column"]


def base_of(target: np.ndarray, auroc: float) -> np.ndarray:
    """What the target gives: (n, outputs)."""
    separation = np.sqrt(2) * stats.norm.ppf(auroc)
    if target.dtype == float:
        return separation / 2 * stats.zscore(target)[:, None]
    classes, codes = np.unique(target, return_inverse=True)
    if len(classes) == 2:
        return separation * codes[:, None].astype(float)
    return separation * np.eye(len(classes))[codes]


def moves_of(rng, table: pd.DataFrame, design: Design, n_outputs: int) -> np.ndarray:
    """What the column gives, of root mean square 1 over levels: (n, outputs)."""
    column = table["column"].to_numpy()
    if column.dtype == float:
        return stats.zscore(column)[:, None] * np.sign(rng.standard_normal())
    levels, codes, counts = np.unique(column, return_inverse=True, return_counts=True)
    effects = rng.standard_normal((len(levels), n_outputs))
    if design.one_level:
        effects = np.eye(len(levels))[counts.argmin()][:, None]
    effects = effects - effects.mean(axis=0)
    if n_outputs > 1:
        effects -= effects.mean(axis=1, keepdims=True)
    effects /= np.sqrt(np.mean(np.sum(effects**2, axis=1)))
    moves = effects[codes]
    if design.one_class:
        first = (table["target"] == "class 0").to_numpy()
        # The mean square over classes is that of a use in all of them.
        moves = np.sqrt(2) * moves * first[:, None]
    return moves


def draw_outputs(rng, table, design: Design, utilization: float) -> np.ndarray:
    """Outputs of a network whose utilization is known."""
    base = base_of(table["target"].to_numpy(), design.auroc)
    if base.shape[1] > 1:
        base -= base.mean(axis=1, keepdims=True)
    moves = moves_of(rng, table, design, base.shape[1])
    free = max(base.shape[1] - 1, 1)

    def excess(effect):
        variance = np.sum(np.var(base + effect * moves, axis=0)) + free
        return effect / np.sqrt(variance) - utilization

    effect = optimize.brentq(excess, 0, 50)
    noise = rng.standard_normal(base.shape)
    if design.heavy:
        noise = rng.standard_t(3, base.shape) / np.sqrt(3)
    if "patient" in table:
        patient = table["patient"].to_numpy()
        own = rng.standard_normal((patient.max() + 1, base.shape[1]))[patient]
        share = design.correlation
        noise = np.sqrt(share) * own + np.sqrt(1 - share) * noise
    return base + effect * moves + noise


def is_found(table: pd.DataFrame, outputs: np.ndarray, seed: int) -> bool:
    """Whether the test finds a use."""
    result = utilization_test(
        outputs,
        table["column"],
        target=table["target"],
        groups=table.get("patient"),
        confounders=table[["age"]] if "age" in table else None,
        n_permutations=PERMUTATIONS,
        random_state=seed,
    )
    return bool(result.pvalue <= LEVEL)


def measure_power(design: Design, n_tables: int, n_networks: int) -> dict:
    """How often what was promised is found."""
    found, promised = [], []
    for seed in range(n_tables):
        rng = np.random.default_rng([seed, 31])
        table = design.draw(rng)
        row = screen(table, seed)
        promised.append(row[design.promise])
        for number in range(n_networks):
            outputs = draw_outputs(rng, table, design, promised[-1])
            found.append(is_found(table, outputs, number))
    interval = stats.binomtest(int(np.sum(found)), len(found)).proportion_ci()
    return {
        "promised": f"{np.mean(promised):.2f}",
        "found": f"{np.mean(found):.1%}",
        "95 % interval": f"{interval.low:.1%} to {interval.high:.1%}",
        "tables": n_tables,
        "networks": len(found),
    }


def measure_growth(n_tables: int, n_networks: int) -> pd.DataFrame:
    """Power at the margin with as many units as are said to be needed."""
    rows = []
    for name, draw in (("balanced", balanced), ("a level of 4 %", rare_level)):
        found, needed = [], []
        for seed in range(n_tables):
            rng = np.random.default_rng([seed, 37])
            needed.append(screen(draw(rng), seed)["units_needed"])
            larger = draw(rng, n=int(needed[-1]))
            for number in range(n_networks):
                outputs = draw_outputs(rng, larger, Design(draw), 0.1)
                found.append(is_found(larger, outputs, number))
        rows.append(
            {
                "table": name,
                "rows needed": f"{np.mean(needed):.0f}",
                "0.1 found": f"{np.mean(found):.1%}",
                "networks": len(found),
            }
        )
    return pd.DataFrame(rows).set_index("table")


def measure_association(n_tables: int) -> pd.DataFrame:
    """How often an unassociated column of the patient is said to go with the target."""
    rejected = {"patients permuted": [], "rows permuted": []}
    for seed in range(n_tables):
        rng = np.random.default_rng([seed, 41])
        table = few_patients(rng)
        for name, groups in (("patients permuted", "patient"), ("rows permuted", None)):
            found = screen_metadata(
                table,
                "target",
                columns=["column"],
                groups=groups,
                n_permutations=99,
                random_state=seed,
            )
            pvalue = found.columns.loc["column", "association_pvalue"]
            rejected[name].append(pvalue <= LEVEL)
    return pd.DataFrame(
        [
            {"test": name, "p <= 5 %": f"{np.mean(values):.1%}", "tables": len(values)}
            for name, values in rejected.items()
        ]
    ).set_index("test")


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.screening",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="only show that it runs")
    parser.add_argument("--tables", type=int, default=TABLES, help="per cell")
    parser.add_argument("--cells", default="", help="only cells with this in the name")
    options = parser.parse_args(arguments)
    n_tables, n_networks = options.tables, NETWORKS
    if options.quick:
        n_tables, n_networks = 1, 2
    rows = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, design in (CELLS | BROKEN).items():
            if options.cells not in name:
                continue
            row = {"cell": name} | measure_power(design, n_tables, n_networks)
            row["claim"] = "70 to 90 %" if design.claimed else "none"
            print(row, file=sys.stderr, flush=True)
            rows.append(row)
        print(as_markdown(pd.DataFrame(rows).set_index("cell")))
        if not options.cells:
            print(as_markdown(measure_growth(n_tables, n_networks)))
            print(as_markdown(measure_association(10 * n_tables)))


if __name__ == "__main__":
    main()
