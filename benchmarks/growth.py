"""How time and memory of a fit grow with rows, columns, permutations, classes, images.

Run from the repository: ``python -m benchmarks.growth [AXIS ...]``. Along each axis one
number doubles while the others are small; every fit is a process of its own with one
thread. All axes take about an hour and a half on an idle core; ``--quick`` only shows
that everything runs.
"""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

import click

from benchmarks.studies import describe_machine, one_fit, product_rate

# Per doubling: twice is linear growth, and other work on the machine adds to it.
SUSPICIOUS = 2.4
# Steps of less than this tell more about the machine than about growth.
SHORT = 0.3


class Axis(NamedTuple):
    """What doubles, from where to where; the same in small; options of all fits."""

    option: str
    sizes: tuple[int, ...]
    quick_sizes: tuple[int, ...]
    options: tuple


def doubled(first: int, last: int) -> tuple[int, ...]:
    """Rising sizes that end with the last, each about half of the next."""
    sizes = [last]
    while sizes[0] >= 1.5 * first:
        sizes.insert(0, round(sizes[0] / 2))
    return tuple(sizes)


FEW_CLASSES, MANY_CLASSES = doubled(8, 32), doubled(8, 1000)
SMALL = ("--target", "--features", 64)
AXES = {
    "rows": Axis(
        "--rows",
        doubled(25_000, 400_000),
        (2_000, 4_000),
        ("--columns", 4, "--permutations", 99),
    ),
    "columns": Axis(
        "--columns",
        doubled(25, 400),
        (2, 4),
        ("--rows", 4_000, "--permutations", 99),
    ),
    "permutations": Axis(
        "--permutations",
        doubled(125, 2_000),
        (19, 39),
        ("--rows", 4_000, "--columns", 4),
    ),
    "classes": Axis(
        "--classes",
        MANY_CLASSES,
        FEW_CLASSES,
        ("--rows", 25_000, "--columns", 3, "--permutations", 99),
    ),
    "classes of patients": Axis(
        "--classes",
        MANY_CLASSES,
        FEW_CLASSES,
        ("--rows", 25_000, "--columns", 3, "--permutations", 99, "--patients"),
    ),
    "classes of a fitted head": Axis(
        "--classes",
        MANY_CLASSES,
        FEW_CLASSES,
        ("--rows", 25_000, "--columns", 3, "--permutations", 19, "--untrained"),
    ),
    "images": Axis(
        "--images",
        doubled(1, 512),
        (2, 4),
        ("--rows", 25_000, "--columns", 4, "--permutations", 99, "--patients"),
    ),
}


def measure(axis: Axis, quick: bool) -> None:
    """Print a line per size, and which steps grow faster than linearly."""
    options = [*SMALL, *axis.options, "--workers", 1]
    if quick and "--rows" in options:
        options[options.index("--rows") + 1] = 1_500
    found = {}
    for size in axis.quick_sizes if quick else axis.sizes:
        found[size] = one_fit(*options, axis.option, size, n_threads=1)
        print(f"  {size}: {describe(found, size)}", flush=True)
    (smallest, first), *_, (largest, last) = found.items()
    exponent = math.log(total(last) / total(first)) / math.log(largest / smallest)
    print(f"  from {smallest} to {largest}: size to the power {exponent:.2f}")


def describe(found: dict[int, dict], size: int) -> str:
    """Seconds and memory of the last fit, and its growth since the one before."""
    last = found[size]
    above = last["peak_memory_gb"] - last["memory_before_gb"]
    text = f"{total(last):.1f} s, {above:.3f} GB above the inputs"
    if len(found) < 2:
        return text
    before, other = list(found.items())[-2]
    doublings = math.log2(size / before)
    times = per_doubling(total(other), total(last), doublings)
    text += f", {times:.2f} times per doubling"
    steep = []
    for step, seconds in last["processor_seconds"].items():
        own = other["processor_seconds"].get(step, 0.0)
        if seconds > SHORT and per_doubling(own, seconds, doublings) > SUSPICIOUS:
            times = per_doubling(own, seconds, doublings)
            steep.append(f"{step} {times:.1f} ({seconds:.1f} s)")
    return text + (f"; above {SUSPICIOUS}: {', '.join(steep)}" if steep else "")


def per_doubling(before: float, after: float, doublings: float) -> float:
    """Factor for twice the size."""
    return (after / max(before, 1e-9)) ** (1.0 / doublings)


def total(found: dict) -> float:
    """Processor seconds of a fit."""
    return sum(found["processor_seconds"].values())


@click.command()
@click.argument("axes", nargs=-1, type=click.Choice(list(AXES)))
@click.option("--quick", is_flag=True, help="Small data: whether everything runs.")
def main(axes, quick):
    """Print how time and memory of a fit grow along each axis."""
    print(f"{describe_machine()}; one thread, {product_rate(1024):.0f} GFLOP/s")
    for name in axes or AXES:
        axis = AXES[name]
        fixed = " ".join(map(str, axis.options))
        print(f"{name} ({fixed}):", flush=True)
        measure(axis, quick)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
