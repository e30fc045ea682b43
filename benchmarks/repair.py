"""Repair by erasure where the truth is known: what is left, and what it costs.

Run from the repository: ``python -m benchmarks.repair``, about 10 minutes for 100
studies per cell on one core. Every study is drawn, a column is erased on its training
rows, and the repair is judged on held-out rows as a user would; what is true of the
repaired head follows from how the rows were made, and from very many further rows.
"""

import argparse
import sys
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from threadpoolctl import threadpool_limits

from benchmarks.markdown import as_markdown
from sklearn_wsca import Head, MetadataEraser, RepairResult, repair_test

REPLICATES, PERMUTATIONS = 100, 99
N_TRUTH = 40_000
LEVELS = np.array(list("ABCDEFGH"))


@dataclass(frozen=True)
class World:
    """How rows are made, and what a head does with the column.

    Parameters
    ----------
    use : float
        Weight of the direction of the column in the head.
    association : float
        Share of units whose level is that of their class.
    n, images, d : int
        Training rows (and as many held out), rows of a patient, features.
    classes, levels : int
        Of the target and of the column.
    rare : float or None
        Share of the last level; None: even.
    noisy : float
        How much noisier embeddings are under the last level.
    heavy : bool
        Whether noise has Student's t of 3 degrees of freedom.
    turned : float
        How much covariances of the levels differ (logarithm of the deviations).
    """

    use: float = 0.5
    association: float = 0.4
    n: int = 1000
    images: int = 1
    d: int = 32
    classes: int = 2
    levels: int = 2
    rare: float | None = None
    noisy: float = 1.0
    heavy: bool = False
    turned: float = 0.0

    def head(self) -> Head:
        """Trained head: reads its class, and the level that goes with it."""
        coef = np.zeros((self.classes, self.d))
        for c in range(self.classes):
            coef[c, c] = 1.0
            coef[c, self.classes + c % self.levels] = self.use
        return Head(coef, np.zeros(self.classes), LEVELS[: self.classes])

    def draw(self, seed: int, n: int) -> tuple[np.ndarray, pd.DataFrame]:
        """Embeddings and metadata of n rows."""
        rng = np.random.default_rng([seed, 31])
        n_units = n // self.images
        unit = np.repeat(np.arange(n_units), self.images)
        target = rng.integers(0, self.classes, n_units)
        shares = np.full(self.levels, 1.0 / self.levels)
        if self.rare is not None:
            shares = np.full(self.levels, (1.0 - self.rare) / (self.levels - 1))
            shares[-1] = self.rare
        level = rng.choice(self.levels, n_units, p=shares)
        follows = rng.random(n_units) < self.association
        if self.rare is None:
            level = np.where(follows, target % self.levels, level)
        else:
            # Rare levels stay rare: classes go with two of the others.
            moved = follows & (level < self.levels - 1)
            level = np.where(moved, target % (self.levels - 1), level)
        target, level = target[unit], level[unit]
        noise = self._noise(rng, n_units, unit, level)
        X = noise + 2.0 * np.eye(self.d)[target]
        X += 2.0 * np.eye(self.d)[self.classes + level]
        table = pd.DataFrame({"target": LEVELS[target], "site": LEVELS[level]})
        return X + 5.0, table.assign(patient=unit + seed * n)

    def _noise(self, rng, n_units, unit, level) -> np.ndarray:
        def draw(size: int) -> np.ndarray:
            if self.heavy:
                return rng.standard_t(3, (size, self.d)) / np.sqrt(3.0)
            return rng.standard_normal((size, self.d))

        noise = draw(len(unit))
        if self.images > 1:
            noise = np.sqrt(0.5) * (noise + draw(n_units)[unit])
        noise *= np.where(level == self.levels - 1, self.noisy, 1.0)[:, None]
        if self.turned:
            fixed = np.random.default_rng(7)
            for j in range(self.levels):
                turn = linalg.qr(fixed.standard_normal((self.d, self.d)))[0]
                spread = np.exp(self.turned * fixed.standard_normal(self.d))
                rows = level == j
                noise[rows] = noise[rows] @ (turn * spread) @ turn.T
        return noise

    def true_use(self, head: Head, X: np.ndarray) -> float:
        """Utilization of the column by a head, of which X tells the unit."""
        outputs = head.outputs(X)
        outputs = outputs - outputs.mean(axis=1, keepdims=True)
        moves = 2.0 * head.centred_coef[:, self.classes : self.classes + self.levels]
        moves = moves - moves.mean(axis=1, keepdims=True)
        total = outputs.var(axis=0).sum()
        return float(np.sqrt(np.sum(moves**2) / self.levels / total))


WORLDS = {
    "used": World(),
    "used, 4,000 rows": World(n=4000),
    "used, 200 features of 400 rows": World(n=400, d=200),
    "used, 60 patients of 5 images": World(n=300, images=5),
    "used, 3 classes, 4 levels": World(classes=3, levels=4),
    "used, third level of 5 %": World(levels=3, rare=0.05),
    "used, second level 3 times noisier": World(noisy=3.0),
    "used, heavy tails": World(heavy=True),
    "not used": World(use=0.0),
    "not used, 60 patients of 5 images": World(use=0.0, n=300, images=5),
    "not used, not associated": World(use=0.0, association=0.0),
}


def area(head: Head, X: np.ndarray, table: pd.DataFrame) -> float:
    """AUROC, mean over classes, of the outputs less those of the other classes."""
    scores = head.outputs(X)
    scores = scores - np.log(np.exp(scores - scores.max()).sum(axis=1))[:, None]
    return float(
        np.mean(
            [
                roc_auc_score(table["target"] == name, scores[:, c])
                for c, name in enumerate(head.classes or ())
            ]
        )
    )


def repair_once(world: World, seed: int, truth: tuple) -> dict:
    """One study, repaired with the target and without it."""
    head = world.head()
    X, table = world.draw(seed, world.n)
    new, others = world.draw(seed + 50_000, world.n)
    eraser = MetadataEraser(["site"], target="target").fit(X, table)
    without = MetadataEraser(["site"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        without.fit(X, table[["site", "target"]])
    result: RepairResult = repair_test(
        head,
        eraser,
        new,
        others,
        groups="patient" if world.images > 1 else None,
        n_permutations=PERMUTATIONS,
        random_state=seed,
    )
    rows, labels = truth
    repaired = eraser.repair_head(head)
    change = area(repaired, rows, labels) - area(head, rows, labels)
    interval = result.performance.loc["auroc"]
    return {
        "before": world.true_use(head, rows),
        "after": world.true_use(repaired, rows),
        "without target": world.true_use(without.repair_head(head), rows),
        "warned": any("target: without" in str(one.message) for one in caught),
        "verdict": result.verdicts["site"],
        "change": change,
        "covered": interval["change_low"] <= change <= interval["change_high"],
    }


def measure(world: World, replicates: int) -> dict:
    """Rates over studies of one world."""
    truth = world.draw(999_999, N_TRUTH)
    found = pd.DataFrame(
        [repair_once(world, seed, truth) for seed in range(replicates)]
    )
    repaired = found["verdict"] == "repaired"
    wrong = repaired & (found["after"] >= 0.1)
    return {
        "true use": f"{found['before'].mean():.2f}",
        "after": f"{found['after'].median():.3f}",
        "95th percentile": f"{found['after'].quantile(0.95):.3f}",
        "without target": f"{found['without target'].median():.2f}",
        "warned": f"{100 * found['warned'].mean():.0f} %",
        "repaired": f"{100 * repaired.mean():.0f} %",
        "partly": f"{100 * (found['verdict'] == 'partly repaired').mean():.0f} %",
        "wrongly repaired": f"{wrong.sum()} of {replicates}",
        "AUROC": f"{found['change'].median():+.3f}",
        "in interval": f"{100 * found['covered'].mean():.0f} %",
    }


QUADRATIC = {
    "2,000 rows, 16 features": World(n=2000, d=16, turned=0.4),
    "400 rows, 32 features": World(n=400, turned=0.4),
    "300 rows, 100 features": World(n=300, d=100, turned=0.4),
    "3 levels, one of 5 %": World(n=2000, d=16, turned=0.4, levels=3, rare=0.05),
    "equal covariances": World(n=2000, d=16),
}


def probe(X, table, new, others, column: str, quadratic: bool) -> float:
    """Balanced accuracy of a probe on held-out rows, mean over the target's classes."""
    found = []
    parts = [None] if column == "target" else sorted(table["target"].unique())
    for part in parts:
        rows, held = (
            np.ones(len(own), bool) if part is None else (own["target"] == part)
            for own in (table, others)
        )
        labels = table[column][rows]
        n_levels = labels.nunique()
        model = LogisticRegression(max_iter=500)
        if quadratic:
            # Of classes that are known and equally frequent.
            model = QuadraticDiscriminantAnalysis(
                solver="eigen", shrinkage="auto", priors=np.full(n_levels, 1 / n_levels)
            )
        model.fit(X[rows], labels)
        predicted = model.predict(new[held])
        found.append(balanced_accuracy_score(others[column][held], predicted))
    return float(np.mean(found))


def erase_once(world: World, seed: int) -> list[dict]:
    """What a quadratic probe of the level, and the head, make of a study."""
    X, table = world.draw(seed, world.n)
    new, others = world.draw(seed + 50_000, world.n)
    rows = []
    for method in ("nothing", "linear", "quadratic"):
        erased, fresh = X, new
        if method != "nothing":
            eraser = MetadataEraser(["site"], target="target", method=method)
            erased = eraser.fit(X, table).transform(X, metadata=table)
            fresh = eraser.transform(new, metadata=others)
        size = np.sum((new - new.mean(axis=0)) ** 2)
        rows.append(
            {
                "erased": method,
                "quadratic probe": probe(erased, table, fresh, others, "site", True),
                "new head": probe(erased, table, fresh, others, "target", False),
                "AUROC of the head": area(world.head(), fresh, others),
                "change": float(np.sqrt(np.sum((fresh - new) ** 2) / size)),
            }
        )
    return rows


def measure_quadratic(world: World, replicates: int) -> pd.DataFrame:
    """Means over studies of one world, by what was erased."""
    rows = [row for seed in range(replicates) for row in erase_once(world, seed)]
    return pd.DataFrame(rows).groupby("erased", sort=False).mean().round(2)


# How levels differ, rows of the fit, features.
MARKED = [
    (kind, *shape)
    for kind in ("noisier", "turned", "alike")
    for shape in ((2000, 4), (2000, 16), (400, 32), (300, 100), (100, 60))
]
N_NEW = 3000


def draw_levels(kind: str, n: int, d: int, seed: int):
    """Three levels of even variance or covariances of their own, one of 10 %."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(7)
    target, level = rng.integers(0, 2, n), rng.choice(3, n, p=[0.45, 0.45, 0.1])
    turns = [linalg.qr(fixed.standard_normal((d, d)))[0] for _ in range(3)]
    X = rng.standard_normal((n, d))
    if kind == "noisier":
        X *= np.where(level == 1, 2.5, 1.0)[:, None]
    if kind == "turned":
        sizes = np.exp(0.5 * fixed.standard_normal((3, d)))
        roots = np.stack([(a * b) @ a.T for a, b in zip(turns, sizes, strict=True)])
        X = np.einsum("nij,nj->ni", roots[level], X)
    X[:, 0] += 2 * target - 1
    X[:, 1] += 1.5 * (level == 2)
    return X, pd.DataFrame({"site": LEVELS[level], "target": target})


def mark_levels(kind: str, n: int, d: int, replicates: int) -> dict:
    """What a probe that is trained on new rows reads before and after the erasure."""
    found = []
    for seed in range(replicates):
        X, table = draw_levels(kind, n + N_NEW, d, seed)
        eraser = MetadataEraser(["site"], target="target", method="quadratic")
        erased = eraser.fit(X[:n], table[:n]).transform(X, metadata=table)
        found.append([read_levels(rows[n:], table["site"][n:]) for rows in (X, erased)])
    before, after = np.mean(found, axis=0)
    return {"before": f"{before:.2f}", "after": f"{after:.2f}"}


def read_levels(X: np.ndarray, site: pd.Series) -> float:
    """Balanced accuracy of a shrunk quadratic probe of one half on the other."""
    half = len(X) // 2
    scaled = (X - X[:half].mean(axis=0)) / X[:half].std(axis=0)
    shrunk = 0.1 if X.shape[1] > 20 else 0.01
    probe = QuadraticDiscriminantAnalysis(priors=np.full(3, 1 / 3), reg_param=shrunk)
    probe.fit(scaled[:half], site[:half])
    return balanced_accuracy_score(site[half:], probe.predict(scaled[half:]))


def main(arguments: list[str] | None = None) -> None:
    """Measure all cells and print three tables."""
    options = parse_arguments(arguments)
    names = list(WORLDS)[:: 8 if options.quick else 1]
    replicates = 3 if options.quick else options.replicates
    rows, tables = {}, {}
    with threadpool_limits(1):
        for name in names:
            rows[name] = measure(WORLDS[name], replicates)
            print(name, rows[name], file=sys.stderr, flush=True)
        for name in list(QUADRATIC)[: 1 if options.quick else None]:
            tables[name] = measure_quadratic(QUADRATIC[name], max(replicates // 10, 2))
            print(name, tables[name], file=sys.stderr, flush=True)
        marked = {
            cell: mark_levels(*cell, max(replicates // 30, 1))
            for cell in MARKED[:: len(MARKED) if options.quick else 1]
        }
    print(as_markdown(pd.DataFrame(rows).T.rename_axis("world")))
    print(as_markdown(pd.concat(tables, names=["world"]).astype(str)))
    print(as_markdown(pd.DataFrame(marked).T.rename_axis(["levels", "rows", "d"])))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.repair",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--quick", action="store_true", help="only show that it runs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
