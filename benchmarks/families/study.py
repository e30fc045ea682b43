"""What a family consists of: studies with known truth, and claims on their rates."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

NAMES = np.array([f"level {i:02d}" for i in range(60)])


@dataclass(frozen=True)
class Study:
    """Data of one study.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_outputs)
        Of the network.
    column, target : ndarray of shape (n_samples,)
        Metadata.
    confounder, groups : ndarray of shape (n_samples,) or None
        What else is held fixed; the patient.
    kinds : dict or None
        Kinds that are said.
    truth : float
        True utilization; NaN where it is not needed.
    other : ndarray of shape (n_samples,) or None
        A second column, whose interaction with the first is tested.
    """

    outputs: np.ndarray
    column: np.ndarray
    target: np.ndarray
    confounder: np.ndarray | None = None
    groups: np.ndarray | None = None
    kinds: dict[str, str] | None = None
    truth: float = float("nan")
    other: np.ndarray | None = None


@dataclass(frozen=True)
class Claim:
    """Limits of a rate.

    Parameters
    ----------
    what : str
        What is counted, see `OUTCOMES` of the family, or of `measure`.
    low, high : float
        Between these the rate must lie; 0 and 1 claim nothing.
    """

    what: str
    low: float = 0.0
    high: float = 1.0

    def __str__(self) -> str:
        if self.low == 0.0 and self.high == 1.0:
            return "a stated limit"
        if self.low == 0.0:
            return f"at most {100 * self.high:.0f} %"
        if self.high == 1.0:
            return f"at least {100 * self.low:.0f} %"
        return f"{100 * self.low:.0f} to {100 * self.high:.0f} %"

    def excess(self, rate: float) -> float:
        """How far a rate is outside; negative inside."""
        above, below = rate - self.high, self.low - rate
        if self.low == 0.0:
            return above
        return below if self.high == 1.0 else max(above, below)


NEVER_USED = Claim("used", high=0.05)
NEVER_SAFE = Claim("not used", high=0.0)
FOUND = Claim("used", low=0.9)
SAFE = Claim("not used", low=0.9)
SIZE = Claim("p <= 5 %", high=0.08)


@dataclass(frozen=True)
class Cell:
    """One kind of study, and what must be true of it.

    Parameters
    ----------
    family, name : str
        Where it belongs, and what it is.
    simulate : callable
        Draws a study from a random generator; with `at_detectable` from one and the
        size of an effect.
    claims : tuple of Claim
        What must be true.
    at_detectable : bool
        Whether the effect is to be the detectable one that the package states.
    answer : callable or None
        Names of what is true of the study of a seed, with so many permutations; for
        studies that are not of one column and one network.
    truth : callable or None
        Numbers that are true of such studies, to be printed beside the rates.
    """

    family: str
    name: str
    simulate: Callable[..., Study] | None = None
    claims: tuple[Claim, ...] = ()
    at_detectable: bool = False
    answer: Callable[[int, int], list[str]] | None = None
    truth: Callable[[], dict[str, float]] | None = None

    @property
    def key(self) -> str:
        """Name among all cells."""
        return f"{self.family}: {self.name}"


def names_of(codes) -> np.ndarray:
    """Levels as text."""
    return NAMES[np.asarray(codes, dtype=int)]


def spread_of(outputs: np.ndarray) -> float:
    """Standard deviation of the outputs, centred over classes: the unit."""
    if outputs.shape[1] > 1:
        outputs = outputs - outputs.mean(axis=1, keepdims=True)
    return float(np.sqrt(outputs.var(axis=0).sum()))


def length_of(direction: np.ndarray) -> float:
    """Length of a direction of outputs, centred over classes."""
    centred = direction - direction.mean() if len(direction) > 1 else direction
    return float(np.linalg.norm(centred))


def exact_share(rng, n: int, share: float) -> np.ndarray:
    """A level, 1, that exactly this share of n units has."""
    return rng.permutation(np.arange(n) < round(share * n)).astype(int)


def frame_of(confounder: np.ndarray | None) -> pd.DataFrame | None:
    """Confounder as a table."""
    return None if confounder is None else pd.DataFrame({"confounder": confounder})
