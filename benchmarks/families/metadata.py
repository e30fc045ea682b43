"""Families about the metadata: codes, rare classes, rare levels, unequal patients."""

from functools import partial

import numpy as np

from benchmarks.families.study import (
    FOUND,
    NEVER_SAFE,
    NEVER_USED,
    SAFE,
    Cell,
    Claim,
    Study,
    names_of,
)

WARNED = Claim("warned", low=1.0)
N_CODES = 12


def draw_coded_target(rng, outputs=N_CODES, said=False, n=1000) -> Study:
    """Classes coded 0 to 11; the scanner goes with odd ones and is not used."""
    y = rng.integers(0, N_CODES, n)
    c = np.where(rng.random(n) < 0.4, y % 2, rng.integers(0, 2, n))
    means = 3 * np.eye(N_CODES)
    if outputs == 1:
        means = np.random.default_rng(3).standard_normal((N_CODES, 1))
    z = means[y] + rng.standard_normal((n, outputs))
    kinds = {"target": "categorical"} if said else None
    return Study(z, names_of(c), y, kinds=kinds)


def effects_of_codes() -> np.ndarray:
    """An effect of each code, in no order."""
    effects = np.random.default_rng(5).standard_normal(N_CODES)
    return (effects - effects.mean()) / effects.std()


def draw_coded_confounder(rng, said=True, n=1000) -> Study:
    """Hospitals coded 0 to 11 move the outputs; the scanner goes with them."""
    effects = effects_of_codes()
    h, y = rng.integers(0, N_CODES, n), rng.integers(0, 2, n)
    c = (effects[h] + rng.standard_normal(n) > 0).astype(int)
    z = (2 * y + effects[h] + rng.standard_normal(n))[:, None]
    kinds = {"confounder": "categorical"} if said else None
    return Study(z, names_of(c), names_of(y), h, kinds=kinds)


def draw_coded_column(rng, said=True, n=1000) -> Study:
    """Hospitals coded 0 to 11 that the network uses."""
    h, y = rng.integers(0, N_CODES, n), rng.integers(0, 2, n)
    z = (2 * y + 0.5 * effects_of_codes()[h] + rng.standard_normal(n))[:, None]
    return Study(z, h, names_of(y), kinds={"column": "categorical"} if said else None)


def kinds() -> list[Cell]:
    """Categories that are coded as numbers."""
    one_score = partial(draw_coded_target, outputs=1)
    cells = [
        ("coded target, an output per class", draw_coded_target, (NEVER_USED,)),
        (
            "coded target, one score, kind said",
            partial(one_score, said=True),
            (NEVER_USED,),
        ),
        ("coded target, one score, kind not said", one_score, (WARNED, Claim("used"))),
        ("coded confounder, kind said", draw_coded_confounder, (NEVER_USED,)),
        (
            "coded confounder, kind not said",
            partial(draw_coded_confounder, said=False),
            (WARNED, Claim("used")),
        ),
        ("coded column, used, kind said", draw_coded_column, (FOUND, NEVER_SAFE)),
        (
            "coded column, used, kind not said",
            partial(draw_coded_column, said=False),
            (WARNED, Claim("not used")),
        ),
    ]
    return [Cell("kinds", *cell) for cell in cells]


def draw_classes(rng, n=1000, classes=10, loss=0.0, only=None) -> Study:
    """One scanner takes a share of each class's own logit, or of that of one class."""
    y, c = rng.integers(0, classes, n), rng.integers(0, 2, n)
    lost = loss * c if only is None else loss * c * (y == only)
    z = rng.standard_normal((n, classes)) + 5 * np.eye(classes)[y] * (1 - lost)[:, None]
    return Study(z, names_of(c), names_of(y))


def draw_screening(rng, n=4000, share=0.02, shift=0.0) -> Study:
    """Two percent positives, which one scanner moves down."""
    y, c = (rng.random(n) < share).astype(int), rng.integers(0, 2, n)
    z = (rng.standard_normal(n) + 4 * y - shift * y * c)[:, None]
    return Study(z, names_of(c), names_of(y))


def draw_even_classes(rng, classes=10, rows=96) -> Study:
    """Classes of the same size; nothing is used."""
    y = np.repeat(np.arange(classes), rows)
    c = rng.integers(0, 2, len(y))
    z = rng.standard_normal((len(y), classes)) + 3 * np.eye(classes)[y]
    return Study(z, names_of(c), names_of(y))


def classes() -> list[Cell]:
    """Effects of single classes, and rare classes."""
    many = partial(draw_classes, n=1500, classes=21, loss=0.4)
    cells = [
        ("21 classes, 40 % of the own logit", many, (FOUND, NEVER_SAFE)),
        (
            "one class of ten, 40 % of its logit",
            partial(draw_classes, loss=0.4, only=3),
            (Claim("p <= 5 %", low=0.9), NEVER_SAFE),
        ),
        (
            "80 positives of 4,000, sensitivity 95 -> 74 %",
            partial(draw_screening, shift=1.5),
            (FOUND, NEVER_SAFE),
        ),
        (
            "80 positives of 4,000, no effect",
            draw_screening,
            (NEVER_USED, Claim("not used", high=0.05)),
        ),
        (
            "ten classes of 96 rows, no effect",
            draw_even_classes,
            (NEVER_USED, Claim("not used", low=0.8)),
        ),
    ]
    return [Cell("classes", *cell) for cell in cells]


def draw_unknown(rng, n=5000, unknown=12, shift=0.0) -> Study:
    """Two even levels that are not used, and a few rows of a third."""
    y, c = rng.integers(0, 2, n), rng.integers(0, 2, n)
    c[rng.choice(n, unknown, replace=False)] = 2
    z = (2 * y + shift * (c == 2) + rng.standard_normal(n))[:, None]
    return Study(z, names_of(c), names_of(y))


def draw_third_level(rng, n=1000, share=0.05, shift=1.5) -> Study:
    """Two even levels, and a third of 5 % that moves the outputs."""
    y, c = rng.integers(0, 2, n), rng.integers(0, 2, n)
    c[rng.choice(n, round(share * n), replace=False)] = 2
    z = (2 * y + shift * (c == 2) + rng.standard_normal(n))[:, None]
    return Study(z, names_of(c), names_of(y))


def levels() -> list[Cell]:
    """Rare levels."""
    many = partial(draw_unknown, n=10_015, unknown=57)
    cells = [
        ("12 'unknown' of 5,000, no effect", draw_unknown, (NEVER_USED, SAFE)),
        ("57 'unknown' of 10,015, no effect", many, (NEVER_USED, SAFE)),
        (
            "57 'unknown' of 10,015, only these are moved",
            partial(many, shift=1.0),
            (SAFE,),
        ),
        ("a third level of 5 % moves by 1.5", draw_third_level, (FOUND, NEVER_SAFE)),
    ]
    return [Cell("levels", *cell) for cell in cells]
