"""Family about interactions: strong main effects, and what is beyond them or is not."""

from functools import partial

import numpy as np

from benchmarks.families.study import (
    FOUND,
    NEVER_SAFE,
    NEVER_USED,
    SIZE,
    Cell,
    Claim,
    Study,
    names_of,
    spread_of,
)

NOISES = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "heavy": lambda rng, shape: rng.standard_t(3, shape) / np.sqrt(3),
    "skewed": lambda rng, shape: rng.exponential(1.0, shape) - 1.0,
}
COVERED = Claim("in interval", low=0.93)


def draw_levels(
    rng,
    effect=0.0,
    n=500,
    levels=(2, 2),
    association=0.0,
    noisy=1.0,
    noise="normal",
    classwise=0.0,
    outputs=1,
    shares=(0.5, 0.5),
) -> Study:
    """Two columns with levels; `noisy` is how noisy one combination is."""
    shape = max(outputs, 2)
    a, b = (
        rng.integers(0, k, n) if k > 2 else (rng.random(n) < share).astype(int)
        for k, share in zip(levels, shares, strict=True)
    )
    b = np.where(rng.random(n) < association, a % levels[1], b)
    # Sites whose patients are iller: what the scanner does in one class looks like it.
    goes = rng.random(n) < (0.5 if classwise else 0.0)
    y = np.where(goes, (a + b) % shape, rng.integers(0, shape, n))
    scale = np.where((a == 1) & (b == 1), noisy, 1.0)[:, None]
    direction = np.random.default_rng(1).standard_normal(outputs)
    direction = direction if outputs > 1 else np.ones(1)
    exclusive = (2.0 * (a % 2) - 1.0) * (2.0 * (b % 2) - 1.0)
    alone = 1.5 * a + (b == 1) + classwise * ((y == 1) * a + (y == 0) * b)
    z = 2 * np.eye(shape)[y][:, -outputs:] + scale * NOISES[noise](rng, (n, outputs))
    z = z + np.outer(alone + effect * exclusive, direction)
    truth = effect * np.linalg.norm(direction) / spread_of(z)
    return Study(z, names_of(a), names_of(y), other=names_of(b), truth=truth)


def draw_numbers(
    rng,
    effect=0.0,
    n=500,
    first="level",
    along=False,
    confounded=False,
    noisy=1.0,
    noise="normal",
    skewed=False,
) -> Study:
    """A number that goes with a column and the target, with a curve of its own."""
    y = rng.standard_normal(n) if along else rng.integers(0, 2, n)
    shared = rng.standard_normal(n)
    x = 0.5 * shared + 0.85 * rng.standard_normal(n) + 0.5 * y
    curve = np.sin(1.5 * x) + x**2 / 4
    age = np.exp(x) if skewed else x
    a = shared + 0.3 * rng.standard_normal(n)
    a = a if first == "number" else (a > 0.3).astype(int)
    scale = np.where((a > 0.3) & (x > 0.3), noisy, 1.0)
    z = 2 * y + curve + 1.2 * a + y * a + y * x + scale * NOISES[noise](rng, n)
    z = z + effect * (a * x if first == "number" else (2 * a - 1) * x)
    confounder = None
    if confounded:
        confounder = 0.6 * x + 0.8 * rng.standard_normal(n)
        z = z + np.sin(2 * confounder) + confounder * a
    column = a if first == "number" else names_of(a)
    target = y if along else names_of(y)
    return Study(z[:, None], column, target, confounder, other=age)


def draw_patients(rng, effect=0.0, within=(False, True), n=120, slope=0.0) -> Study:
    """Patients of 1 to 10 images; columns of the patient, or of the image."""
    g = np.repeat(np.arange(n), rng.choice([1, 2, 4, 10], n))
    a, b = (
        rng.integers(0, 2, len(g)) if own else rng.integers(0, 2, n)[g]
        for own in within
    )
    y = rng.integers(0, 2, n)[g]
    patient = 0.7 * rng.standard_normal(n)[g]
    patient += slope * rng.standard_normal(n)[g] * (2 * b - 1)
    z = 2 * y + 1.5 * a + b + patient + 0.7 * rng.standard_normal(len(g))
    z = (z + effect * (2 * a - 1) * (2 * b - 1))[:, None]
    return Study(z, names_of(a), names_of(y), groups=g, other=names_of(b))


# Name -> simulation without an interaction.
UNUSED = {
    "2 x 2, main effects": draw_levels,
    "2 x 2, columns that go together": partial(draw_levels, association=0.6),
    "2 x 2, one combination noisier": partial(draw_levels, noisy=3.0),
    "2 x 2, together and noisier": partial(draw_levels, association=0.6, noisy=3.0),
    "2 x 2, heavy tails": partial(draw_levels, noise="heavy", noisy=3.0),
    "2 x 2, skewed noise": partial(draw_levels, noise="skewed", association=0.6),
    "3 x 4, one combination noisier": partial(draw_levels, levels=(3, 4), noisy=3.0),
    "8 x 8, one combination noisier": partial(draw_levels, levels=(8, 8), noisy=3.0),
    "2 x 2, a rare combination": partial(draw_levels, n=1000, shares=(0.1, 0.2)),
    "2 x 2, a rare one, noisier": partial(
        draw_levels, n=1000, shares=(0.1, 0.2), noisy=3.0
    ),
    "2 x 2, main effects by class": partial(draw_levels, classwise=1.5),
    "2 x 2, by class, together, noisier": partial(
        draw_levels, classwise=1.5, association=0.5, noisy=3.0
    ),
    "2 x 2, ten classes": partial(draw_levels, outputs=10, classwise=1.0),
    "2 x 2, ten classes, noisier": partial(draw_levels, outputs=10, noisy=3.0),
    "2 x 2, ten classes of 10 rows": partial(draw_levels, n=100, outputs=10),
    "levels and a number": draw_numbers,
    "levels and a number, noisier, heavy": partial(
        draw_numbers, noisy=3.0, noise="heavy"
    ),
    "levels and a number, numeric target": partial(draw_numbers, along=True),
    "levels and a number, confounder": partial(draw_numbers, confounded=True),
    "levels and a skewed number": partial(draw_numbers, skewed=True, noisy=2.0),
    "two numbers": partial(draw_numbers, first="number"),
    "two numbers, noisier, heavy": partial(
        draw_numbers, first="number", noisy=3.0, noise="heavy"
    ),
    "two numbers, numeric target": partial(draw_numbers, first="number", along=True),
    "two numbers, confounder": partial(draw_numbers, first="number", confounded=True),
    "columns of the patient": partial(draw_patients, within=(False, False)),
    "columns of patient and image": draw_patients,
    "columns of patient and image, patients differ": partial(draw_patients, slope=0.5),
    "columns of the image": partial(draw_patients, within=(True, True)),
}
# Name -> simulation, and its effect.
USED = {
    "2 x 2, exclusive-or": (draw_levels, 0.4),
    "2 x 2, exclusive-or, noisier": (partial(draw_levels, noisy=3.0), 0.6),
    "2 x 2, exclusive-or, ten classes": (partial(draw_levels, outputs=10), 0.4),
    "levels and a number, opposite slopes": (draw_numbers, 0.5),
    "two numbers, product": (partial(draw_numbers, first="number"), 0.5),
    "columns of the patient, exclusive-or": (
        partial(draw_patients, within=(False, False)),
        0.5,
    ),
    "columns of patient and image, exclusive-or": (draw_patients, 0.4),
}


def interactions() -> list[Cell]:
    """Interactions that are not there, and some that are."""
    cells = [
        Cell("interactions", name, simulate, (SIZE, NEVER_USED))
        for name, simulate in UNUSED.items()
    ]
    for name, (simulate, effect) in USED.items():
        known = simulate is draw_levels or getattr(simulate, "func", 0) is draw_levels
        claims = (FOUND, NEVER_SAFE, *([COVERED] if known else []))
        moved = partial(simulate, effect=effect)
        cells.append(Cell("interactions", name, moved, claims))
    return cells
