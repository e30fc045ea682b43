"""Simulated studies with and without use, and exported networks, in one shape."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.shortcut.varied.measuring import load_network

N_ROWS = 300
N_PATIENTS = 60
N_MARKS = 4


@dataclass(frozen=True)
class Study:
    """What a method may see; the head reads the outputs off the embeddings."""

    embeddings: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    outputs: np.ndarray
    target: np.ndarray
    column: np.ndarray
    groups: np.ndarray | None = None

    @property
    def has_classes(self) -> bool:
        """Whether the target is categorical."""
        return np.issubdtype(self.target.dtype, np.integer)


def load_study(path: Path) -> tuple[Study, float]:
    """An exported network, and the true move of its class means."""
    network = load_network(path)
    names = ("embeddings", "coef", "intercept", "outputs", "target")
    study = Study(**{name: network[name] for name in names}, column=network["scanner"])
    return study, float(network["class_shift"])


def simulate(world: str, used: bool, seed: int) -> Study:
    """One study of a world."""
    draw, effect = WORLDS[world]
    return draw(np.random.default_rng([seed, 5]), effect if used else 0.0)


def _equal(rng: np.random.Generator, effect: float) -> Study:
    """The column goes with the target, outputs with both."""
    target, column = _draw_columns(rng, N_ROWS)
    outputs = 2.0 * target + effect * column + rng.standard_normal(N_ROWS)
    return _pack(rng, outputs, target, column)


def _opposite(rng: np.random.Generator, effect: float) -> Study:
    """The column moves the two classes in opposite directions."""
    target, column = _draw_columns(rng, N_ROWS)
    moves = effect * column * (target - 0.5)
    return _pack(
        rng, 2.0 * target + moves + rng.standard_normal(N_ROWS), target, column
    )


def _noisy(rng: np.random.Generator, effect: float) -> Study:
    """A tenth of the rows has outputs of three times the spread."""
    target = rng.integers(0, 2, N_ROWS)
    column = (rng.random(N_ROWS) < 0.1).astype(int)
    noise = rng.standard_normal(N_ROWS) * np.where(column, 3.0, 1.0)
    return _pack(rng, 2.0 * target + effect * column + noise, target, column)


def _curved(rng: np.random.Generator, effect: float) -> Study:
    """Outputs and column both follow the square of a numeric target."""
    target = rng.standard_normal(N_ROWS)
    column = (target**2 + rng.standard_normal(N_ROWS) > 1.0).astype(int)
    outputs = target**2 + effect * column + rng.standard_normal(N_ROWS)
    return _pack(rng, outputs, target, column)


def _grouped(rng: np.random.Generator, effect: float) -> Study:
    """Patients of five images; column and target belong to the patient."""
    patient = np.repeat(np.arange(N_PATIENTS), N_ROWS // N_PATIENTS)
    target, column = (values[patient] for values in _draw_columns(rng, N_PATIENTS))
    noise = rng.standard_normal(N_PATIENTS)[patient] + rng.standard_normal(N_ROWS)
    outputs = 2.0 * target + effect * column + noise / np.sqrt(2.0)
    return _pack(rng, outputs, target, column, patient)


def _draw_columns(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two classes, and a column that is in 20 % of one and 40 % of the other."""
    target = rng.integers(0, 2, n)
    return target, (rng.random(n) < 0.2 + 0.2 * target).astype(int)


def _pack(rng, outputs, target, column, groups=None) -> Study:
    """Embeddings hold the outputs and the column beside them, which is no use."""
    marks = 3.0 * np.eye(2)[column] + rng.standard_normal((len(column), 2))
    other = rng.standard_normal((len(column), N_MARKS))
    embeddings = np.column_stack([outputs, marks, other])
    coef = np.eye(1, embeddings.shape[1])
    outputs = outputs[:, None]
    return Study(embeddings, coef, np.zeros(1), outputs, target, column, groups)


# World -> how it is drawn, and the effect where the column is used: one that the
# better methods find in most studies.
WORLDS: dict[str, tuple[Callable[[np.random.Generator, float], Study], float]] = {
    "equal variance": (_equal, 0.4),
    "noisy level": (_noisy, 1.6),
    "curve": (_curved, 0.45),
    "groups": (_grouped, 0.7),
    "opposite classes": (_opposite, 0.8),
}
