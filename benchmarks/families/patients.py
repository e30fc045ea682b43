"""Family about patients: unequal, measured repeatedly, with a column that changes."""

from functools import partial

import numpy as np

from benchmarks.families.study import (
    FOUND,
    NEVER_USED,
    SIZE,
    Cell,
    Claim,
    Study,
    names_of,
)


def draw_patients(rng, c, sizes, effect, patient=0.7, image=0.7, changed=None) -> Study:
    """Outputs with effects of the patient; `changed` images have the other level."""
    n = len(sizes)
    y, g = rng.integers(0, 2, n), np.repeat(np.arange(n), sizes)
    c = c[g]
    if changed is not None:
        c = np.where(changed, 1 - c, c)
    noise = patient * rng.standard_normal(n)[g] + image * rng.standard_normal(len(g))
    z = (2 * y[g] + effect * c + noise)[:, None]
    return Study(z, names_of(c), names_of(y[g]), groups=g)


def draw_unequal(rng, effect=0.0, n=80) -> Study:
    """Patients of 20 images with scanner A, of one image with scanner B."""
    c = (rng.random(n) < 0.3).astype(int)
    return draw_patients(rng, c, np.where(c == 1, 1, 20), effect)


def draw_wrong_cell(rng, effect=0.0, n=150) -> Study:
    """A scanner that is constant within patients, but for a typing error."""
    changed = np.arange(4 * n) == 17
    c, sizes = rng.integers(0, 2, n), np.full(n, 4)
    return draw_patients(rng, c, sizes, effect, 0.5, 1.0, changed)


def draw_changed(rng, effect=0.0, n=300, n_changed=20) -> Study:
    """20 of 300 patients came back to another scanner."""
    image = np.arange(4 * n)
    changed = (image // 4 < n_changed) & (image % 4 >= 2)
    return draw_patients(
        rng, rng.integers(0, 2, n), np.full(n, 4), effect, changed=changed
    )


def draw_age(rng, effect=0.0, n=150) -> Study:
    """Age at four visits, 1.5 years apart; patients differ by ten years."""
    years = 10 * rng.standard_normal(n)
    y, g = rng.integers(0, 2, n), np.repeat(np.arange(n), 4)
    age = 60 + years[g] + 1.5 * np.tile(np.arange(4), n)
    noise = 0.7 * rng.standard_normal(n)[g] + 0.7 * rng.standard_normal(len(g))
    z = (2 * y[g] + effect * (age - 60) / 10 + noise)[:, None]
    return Study(z, age, names_of(y[g]), groups=g)


def serial(rng, n: int, visits: int, rho=0.8) -> np.ndarray:
    """Visits of n patients, each like the one before."""
    e = rng.standard_normal((n, visits))
    for i in range(1, visits):
        e[:, i] = rho * e[:, i - 1] + np.sqrt(1 - rho**2) * e[:, i]
    return e.ravel()


def draw_serial(rng, effect=0.0, column="serial", n=60, visits=10) -> Study:
    """Outputs are serially dependent; the column too, or a scanner is replaced."""
    y, g = rng.integers(0, 2, n), np.repeat(np.arange(n), visits)
    z = serial(rng, n, visits) + 2 * y[g]
    if column == "serial":
        x = serial(rng, n, visits)
        return Study((z + effect * x)[:, None], x, names_of(y[g]), groups=g)
    last = rng.integers(0, visits + 1, n)
    c = (np.tile(np.arange(visits), n) >= last[g]).astype(int)
    return Study((z + effect * c)[:, None], names_of(c), names_of(y[g]), groups=g)


# Name -> simulation, effect of the used one, and what must be found of it.
DESIGNS = {
    "1 and 20 images": (draw_unequal, 0.7, Claim("p <= 5 %", low=0.8)),
    "one wrong cell": (draw_wrong_cell, 0.8, FOUND),
    "scanner changed in 20 of 300": (draw_changed, 0.8, FOUND),
    "age at visit": (draw_age, 0.5, FOUND),
    "AR(0.8), serial column": (draw_serial, 0.5, FOUND),
    "AR(0.8), scanner replaced": (
        partial(draw_serial, column="scanner"),
        1.0,
        FOUND,
    ),
}


def patients() -> list[Cell]:
    """Each design without an effect and with one."""
    cells = []
    for name, (simulate, effect, found) in DESIGNS.items():
        unused = Cell("patients", f"{name}, unused", simulate, (SIZE, NEVER_USED))
        moved = partial(simulate, effect=effect)
        cells += [unused, Cell("patients", f"{name}, used", moved, (found,))]
    return cells
