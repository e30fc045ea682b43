"""Families about what the outputs do: noise, curves, effects that must be found."""

from functools import partial
from itertools import product

import numpy as np

from benchmarks.families.study import (
    FOUND,
    NEVER_USED,
    SIZE,
    Cell,
    Claim,
    Study,
    exact_share,
    length_of,
    names_of,
    spread_of,
)

RATIOS = {"1/3": 1 / 3, "1": 1.0, "1.5": 1.5, "2": 2.0, "3": 3.0}
SHARES = (0.03, 0.1, 0.5)
N_OUTPUTS = (1, 3, 10)
IMAGES = (1, 6)
# At 3 % there are 12 units in the rarer level.
N_UNITS = 400
CURVES = {
    "quadratic": lambda a: a**2,
    "cubic": lambda a: a**3 / 2,
    "saturating": lambda a: 2 * np.tanh(2 * a),
    "kinked": lambda a: np.where(a > 0, 2 * a, 0.3 * a),
    "U-shaped": lambda a: 2 * np.abs(a),
    "step": lambda a: 2.0 * (a > 0.5),
}
ASSOCIATION = 0.6
COVERED = Claim("in interval", low=0.93)


def draw_noise(rng, ratio=1.0, share=0.5, outputs=1, images=1, units=N_UNITS) -> Study:
    """The outputs of one level are noisier; nothing moves."""
    unit = np.repeat(np.arange(units), images)
    y = rng.integers(0, max(outputs, 2), units)
    c = exact_share(rng, units, share)
    scale = np.where(c, ratio, 1.0)[:, None]
    z = (scale * rng.standard_normal((units, outputs)))[unit]
    if images > 1:
        z = 0.8 * z + 0.6 * scale[unit] * rng.standard_normal(z.shape)
    z = z + 2 * signal(y, outputs)[unit]
    groups = unit if images > 1 else None
    return Study(z, names_of(c[unit]), names_of(y[unit]), groups=groups, truth=0.0)


def signal(y: np.ndarray, outputs: int) -> np.ndarray:
    """Outputs that are right."""
    return np.eye(outputs)[y] if outputs > 1 else y[:, None].astype(float)


def noise() -> list[Cell]:
    """One level is noisier, or less noisy, than the other."""
    cells = []
    for ratio, share, outputs, images in product(RATIOS, SHARES, N_OUTPUTS, IMAGES):
        name = (
            f"noise x {ratio} in {100 * share:.0f} %, {outputs} "
            f"output{'s' * (outputs > 1)}, {images} image{'s' * (images > 1)}"
        )
        simulate = partial(
            draw_noise,
            ratio=RATIOS[ratio],
            share=share,
            outputs=outputs,
            images=images,
        )
        # Few units and ten outputs are allowed more.
        few = outputs == 10 and share * N_UNITS < 20
        claims = (Claim("p <= 5 %", high=0.08 if few else 0.05), NEVER_USED)
        cells.append(Cell("noise", name, simulate, claims))
    return cells


def draw_curve(
    rng, curve="kinked", role="target", kind="categorical", n=200, effect=0.0
) -> Study:
    """Outputs and column both follow a curve of the target or of a confounder."""
    a = rng.standard_normal(n)
    bend = CURVES[curve](a)
    followed = ASSOCIATION * (bend - bend.mean()) / bend.std()
    x = followed + np.sqrt(1 - ASSOCIATION**2) * rng.standard_normal(n)
    if kind == "categorical":
        level = (x > 0.5).astype(int)
        column, moves, length = names_of(level), level, effect / 2
    else:
        column, moves, length = x, x, effect * x.std()
    z = bend + effect * moves
    if role == "target":
        z = (z + 0.5 * rng.standard_normal(n))[:, None]
        return Study(z, column, a, truth=length / spread_of(z))
    y = rng.integers(0, 2, n)
    z = (z + 2 * y + rng.standard_normal(n))[:, None]
    return Study(z, column, names_of(y), a, truth=length / spread_of(z))


def curves() -> list[Cell]:
    """A curve that the column follows too; nothing is used, but in the last cells."""
    cells = []
    for curve, role, kind, n in product(
        CURVES, ("target", "confounder"), ("categorical", "continuous"), (200, 1000)
    ):
        name = f"{curve} {role}, {kind} column, n = {n}"
        simulate = partial(draw_curve, curve=curve, role=role, kind=kind, n=n)
        size = Claim("p <= 5 %") if curve == "step" else SIZE
        cells.append(Cell("curves", name, simulate, (size, NEVER_USED)))
    for role, kind in product(("target", "confounder"), ("categorical", "continuous")):
        name = f"kinked {role}, {kind} column, used"
        simulate = partial(draw_curve, role=role, kind=kind, n=1000, effect=0.6)
        cells.append(Cell("curves", name, simulate, (FOUND, COVERED)))
    return cells


def draw_effect(rng, effect=0.0, classwise=False, everywhere=False, **noise) -> Study:
    """Outputs of one level are moved by so much, in one direction."""
    study = draw_noise(rng, **noise)
    moved = study.column == names_of([1])[0]
    # The mean square of the differences, counting rows, is what utilization measures.
    counted = 1.0
    if classwise:
        first = study.target == names_of([0])[0]
        moved, counted = moved & first, first.mean()
    direction = np.zeros(study.outputs.shape[1])
    direction[0] = 1.0
    if everywhere:
        direction = np.random.default_rng(1).standard_normal(len(direction))
    z = study.outputs + effect * moved[:, None] * direction
    truth = effect / 2 * np.sqrt(counted) * length_of(direction) / spread_of(z)
    return Study(z, study.column, study.target, groups=study.groups, truth=truth)


def draw_slope(rng, effect=0.0, n=300) -> Study:
    """Outputs move along a continuous column."""
    x, y = rng.standard_normal(n), rng.integers(0, 2, n)
    z = (2 * y + rng.standard_normal(n) + effect * x)[:, None]
    return Study(z, x, names_of(y), truth=effect * x.std() / spread_of(z))


DETECTABLE = {
    "two even levels": partial(draw_effect, units=300),
    "a level of 10 %": partial(draw_effect, units=300, share=0.1),
    "10 %, noise x 3": partial(draw_effect, units=300, share=0.1, ratio=3.0),
    "10 %, noise x 1/3": partial(draw_effect, units=300, share=0.1, ratio=1 / 3),
    "in one class of two": partial(draw_effect, units=300, classwise=True),
    "6 images of 150 patients": partial(draw_effect, units=150, images=6),
    "ten outputs, one moves": partial(draw_effect, units=600, outputs=10),
    "ten outputs, all move": partial(
        draw_effect, units=600, outputs=10, everywhere=True
    ),
    "ten outputs, in one class": partial(
        draw_effect, units=600, outputs=10, classwise=True
    ),
    "a slope": draw_slope,
}


def detectable() -> list[Cell]:
    """Power at the detectable effect that the package states."""
    power = Claim("p <= 5 %", low=0.7, high=0.9)
    return [
        Cell("detectable", name, simulate, (power,), at_detectable=True)
        for name, simulate in DETECTABLE.items()
    ]
