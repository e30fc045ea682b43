"""Two networks on the same rows whose utilization of a column is known."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sklearn_wsca._comparison.contributions import pair_networks
from sklearn_wsca._utilization.samples import read_samples

SCALES = (3.0, 0.2)
MEANS = (-40.0, 7.0)


@dataclass
class Study:
    """Outputs of two networks with a table: scanner, disease, patient, age."""

    a: np.ndarray
    b: np.ndarray
    table: pd.DataFrame
    true_a: float
    true_b: float

    def pair(self, name="scanner", groups=False):
        """What units contribute, as the comparison sees it."""
        given = read_samples(
            {"outputs_a": self.a, "outputs_b": self.b},
            self.table[name],
            target=self.table["disease"],
            confounders=None,
            groups=self.table["patient"] if groups else None,
            kinds=None,
            adjustment="spline",
            stacklevel=2,
        )
        return pair_networks(*given.decisions, given.tested[name])


def draw(
    seed=0,
    use_a=0.0,
    use_b=0.0,
    n=300,
    n_patients=None,
    opposite=False,
    separation=(2.0, 2.0),
    shared=0.5,
    noisy=1.0,
):
    """Two outputs that move by so many standard deviations between two scanners.

    `opposite` turns the direction of the second one; `separation` is how well each
    tells the classes, which makes everything else smaller in its unit; `shared` is the
    share of noise that both have in common; scanner B is `noisy` times noisier.
    """
    rng = np.random.default_rng([seed, 3])
    patient = np.arange(n) if n_patients is None else rng.integers(0, n_patients, n)
    every = patient.max() + 1
    ill = rng.integers(0, 2, every)
    scanner = np.where(rng.random(every) < 0.4, ill, rng.integers(0, 2, every))
    ill, scanner = ill[patient], scanner[patient]

    def noise():
        if n_patients is None:
            return rng.standard_normal(n)
        own = rng.standard_normal(n_patients)[patient]
        return np.sqrt(0.5) * (own + rng.standard_normal(n))

    common, outputs = noise(), []
    for own, use, sign, scale, mean in zip(
        separation,
        (use_a, use_b),
        (1, -1 if opposite else 1),
        SCALES,
        MEANS,
        strict=True,
    ):
        error = np.sqrt(shared) * common + np.sqrt(1.0 - shared) * noise()
        error = error * np.where(scanner == 1, noisy, 1.0)
        # Variance within cells, of the classes, and of the scanner with both.
        rest = (1.0 + noisy**2) / 2.0 + own**2 / 4.0
        step = _step(use, rest, sign * own)
        values = error + own * ill + sign * step * (scanner - 0.5)
        outputs.append(scale * values + mean)
    table = pd.DataFrame(
        {
            "scanner": np.array(["A", "B"])[scanner],
            "disease": np.array(["no", "yes"])[ill],
            "patient": [f"p{number}" for number in patient],
            "age": 50.0 + 8.0 * rng.standard_normal(every)[patient],
        }
    )
    return Study(outputs[0], outputs[1], table, use_a, use_b)


def _step(use, rest, own):
    """Difference between the scanners s that is so large in units of the whole.

    use = (s / 2) / sqrt(rest + s^2 / 4 + s own / 2 x 0.4), where scanner and class
    agree in 70 % of the units.
    """
    square = (1.0 - use**2) / 4.0
    half = use**2 * own * 0.4 / 4.0
    return (half + np.sqrt(half**2 + square * use**2 * rest)) / square
