"""The package beside its rivals: size, power, rank correlation and time.

Run from the repository: ``python -m benchmarks.rivals [--networks DIRECTORY]``, about
40 minutes on one core, in an environment of its own::

    python3 -m venv .venv-rivals
    .venv-rivals/bin/pip install -c constraints.txt -e .
    .venv-rivals/bin/pip install -r benchmarks/rivals/requirements.txt
    .venv-rivals/bin/pip install --no-deps shortkit-ml==0.1.0

ShortKit-ML's own dependencies (torch below 2.3, numpy below 2) are not needed for its
probe. The directory holds the exports of ``python -m benchmarks.shortcut.varied
train``; without one there are no rank correlations. ``--methods GEE mixed`` takes those
whose names hold one of the words, ``--quick`` only shows that everything runs.
"""

import argparse
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.markdown import as_markdown
from benchmarks.rivals.methods import LEVEL, METHODS, Method
from benchmarks.rivals.studies import WORLDS, Study, load_study, simulate
from benchmarks.shortcut.varied.measuring import MARGIN, NOISE

QUICK = {"n_studies": 1, "n_permutations": 19, "n_permutations_of_networks": 19}
QUICK_STEP = 20


def main() -> None:
    """Run every method and print the table."""
    options = parse_arguments()
    # Other packages warn of their own dependencies.
    warnings.simplefilter("ignore")
    paths = sorted(options.networks.glob("*.npz")) if options.networks else []
    networks = [
        load_study(path) for path in paths[:: QUICK_STEP if options.quick else 1]
    ]
    rows = {}
    with threadpool_limits(1):
        for name in choose_methods(options.methods):
            print(name, file=sys.stderr, flush=True)
            method = METHODS[name]
            method = replace(method, **QUICK) if options.quick else method
            rows[name] = run_method(method, networks)
    print(as_markdown(pd.DataFrame(rows).T.rename_axis("method")))


def choose_methods(words: list[str] | None) -> list[str]:
    """Methods whose names hold one of the words, or all."""
    return [
        name for name in METHODS if words is None or any(word in name for word in words)
    ]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rivals", description=__doc__
    )
    parser.add_argument("--networks", type=Path, help="directory of exports")
    parser.add_argument("--methods", nargs="*", help="words in the names")
    parser.add_argument("--quick", action="store_true", help="one study of each kind")
    return parser.parse_args()


def run_method(method: Method, networks: list[tuple[Study, float]]) -> dict:
    """One row of the table: alarms in every world, seconds, networks."""
    row: dict[str, str] = {}
    start, n_done = time.perf_counter(), 0
    for world in WORLDS:
        alarms = {used: find_alarms(method, world, used) for used in (False, True)}
        row[world] = " / ".join(as_percent(found) for found in alarms.values())
        n_done += sum(len(found) for found in alarms.values())
        print(world, row[world], file=sys.stderr, flush=True)
    row["ms"] = f"{1000 * (time.perf_counter() - start) / n_done:.0f}"
    return {**row, **judge_networks(method, networks)}


def find_alarms(method: Method, world: str, used: bool) -> list[bool]:
    """Whether the method raises an alarm, in every study that it is meant for."""
    studies = (simulate(world, used, seed) for seed in range(method.n_studies))
    return [
        method.measure(study, method.n_permutations)[1] <= LEVEL
        for study in studies
        if method.takes(study)
    ]


def as_percent(alarms: list[bool]) -> str:
    """Share of alarms."""
    return f"{100 * np.mean(alarms):.0f}" if alarms else "-"


def judge_networks(
    method: Method, networks: list[tuple[Study, float]]
) -> dict[str, str]:
    """Spearman correlation with the true moves of class means, and alarms."""
    answers = pd.DataFrame(
        [
            (*method.measure(study, method.n_permutations_of_networks), move)
            for study, move in networks
            if method.takes(study)
        ],
        columns=["value", "p", "move"],
    )
    is_alarm = answers["p"] <= LEVEL
    noise, large = answers["move"] < NOISE, answers["move"] > 2 * MARGIN
    return {
        "rank": spearman(answers),
        "rank above noise": spearman(answers[~noise]),
        "alarms at noise": count(is_alarm[noise]),
        f"alarms above {2 * MARGIN}": count(is_alarm[large]),
    }


def count(is_alarm: pd.Series) -> str:
    """Alarms among so many networks."""
    return f"{is_alarm.sum()} of {len(is_alarm)}" if len(is_alarm) else "-"


def spearman(answers: pd.DataFrame) -> str:
    """Rank correlation of value and true move."""
    rank = answers["value"].corr(answers["move"], method="spearman")
    return "-" if np.isnan(rank) else f"{rank:.2f}"


if __name__ == "__main__":
    main()
