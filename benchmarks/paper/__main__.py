"""The figures and tables of both papers, on public data.

Run from the root of the repository: ``python -m benchmarks.paper``. It needs the extras
torch and plot, takes about a minute on one idle core, prints the tables of
docs/evidence/reproducing.md and writes its pictures. ``--quick`` only shows that
everything runs, and leaves its pictures in the directory.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from benchmarks.markdown import as_markdown
from benchmarks.paper import experiment, features, weight_space
from benchmarks.paper.networks import Digits, record
from benchmarks.shortcut.networks import DEFAULT_DIRECTORY

IMAGES = Path(__file__).parents[2] / "docs" / "images"
ASSOCIATION = 0.75


@dataclass(frozen=True)
class Size:
    """How large everything is."""

    seeds: tuple[int, ...]
    # Wider than the number of images, so that no projection differs from all k.
    width: int
    n_features: int
    n_epochs: int
    n_permutations: int


FULL = Size((0, 1, 2), 1024, 64, 15, 199)
QUICK = Size((0,), 80, 16, 8, 99)


def main() -> None:
    """Train, analyse, print, draw."""
    options = parse_arguments()
    size = QUICK if options.quick else FULL
    figures = options.directory if options.quick else IMAGES
    figures.mkdir(parents=True, exist_ok=True)
    # Sums of several threads differ in the last digit, and so would networks.
    torch.set_num_threads(1)
    with threadpool_limits(1):
        digits = record(ASSOCIATION)
        print_weight_space(digits, size, figures)
        print_experiment(size, options.directory, figures)
        print_features(digits, size)
    print(f"\nfigures in {figures}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.paper", description=__doc__
    )
    parser.add_argument(
        "--directory", type=Path, default=DEFAULT_DIRECTORY, help="of the networks"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small networks, few permutations"
    )
    return parser.parse_args()


def show_progress(name: str) -> None:
    """Say what is being done."""
    print(name, file=sys.stderr, flush=True)


def print_table(title: str, table: pd.DataFrame) -> None:
    """Print a table as Markdown."""
    print(f"\n# {title}\n\n{as_markdown(table)}", flush=True)


def print_weight_space(digits: Digits, size: Size, figures: Path) -> None:
    """Heads and their alignments."""
    show_progress("heads")
    settings = weight_space.Settings(size.width, size.n_epochs, size.n_permutations)
    study = weight_space.run_study(digits, settings)
    for name, analysis in {
        "fine-tuned": study.fine_tuned,
        "multi-task": study.multi_task,
    }.items():
        table = weight_space.heads_table(analysis)
        print_table(f"Encodability, WSC and use: {name} network", table)
        linked = weight_space.count_linked(analysis)
        print(f"\ndigits most aligned with the scanner of most of them: {linked}")
    print_table("Pairs of rows (Fig. 2)", weight_space.pairs_table(study))
    print_table("Dimension (Figs. 4, 13, 14)", weight_space.sensitivity_table(study))
    weight_space.draw(study, figures)
    show_progress("other data")
    for title, table in {
        "A trained network and four hospitals": weight_space.hospitals_table(
            size.n_permutations
        ),
        "Sentences, and a noisy copy of the target (birth weight)": (
            weight_space.sentences_table(size.n_permutations)
        ),
        "AUROC with an absent class (Tables 5, 6)": weight_space.absent_class_table(),
        "A head of ones": weight_space.ones_table(digits, size.n_permutations),
    }.items():
        print_table(title, table)


def print_experiment(size: Size, directory: Path, figures: Path) -> None:
    """The controlled experiment."""
    networks = experiment.run_experiment(
        size.seeds, directory, size.n_permutations, show_progress
    )
    print_table("The controlled experiment", experiment.summarise(networks))
    experiment.draw_nulls(networks, figures / "paper_compositions.png")


def print_features(digits: Digits, size: Size) -> None:
    """Integrated Feature Analysis."""
    show_progress("features")
    study = features.run_features(
        digits, size.n_features, size.n_epochs, size.n_permutations
    )
    consistency = features.consistency_table(study, size.width, size.n_epochs)
    for title, table in {
        "Consistency": consistency,
        "Feature decomposition": features.decomposition_table(study),
        "Feature distributions": features.shifts_table(study),
        "Common intensity scale": features.scale_table(study),
        "Evaluation of maps": features.evaluation_table(study),
    }.items():
        print_table(title, table)
    print("\n" + "\n".join(features.profile_lines(study)))


if __name__ == "__main__":
    main()
