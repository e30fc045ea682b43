"""Who finds the scanner that a network uses, where the use is known.

Run from the repository: ``python -m benchmarks.shortcut``. It trains the networks that
are not in the directory (about two minutes), measures them (about three) and writes
the figures of docs/evidence/shortcut.md. ``--quick`` only shows that everything runs,
and leaves its figures in the directory.
"""

import argparse
import sys
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from benchmarks.markdown import as_markdown
from benchmarks.shortcut.figure import draw_measures, draw_utilization
from benchmarks.shortcut.measures import Results, measure_networks
from benchmarks.shortcut.networks import (
    DEFAULT_DIRECTORY,
    SEEDS,
    association_study,
    composition_study,
)
from benchmarks.shortcut.table import (
    composition_table,
    confusion_table,
    coverage_table,
    goals_table,
    measures_table,
)

IMAGES = Path(__file__).parents[2] / "docs" / "images"
N_PERMUTATIONS, N_QUICK_PERMUTATIONS = 199, 19
# One of so many networks of the first seed: some fine-tuned, some multi-task, with true
# uses that differ clearly.
QUICK_STEP = 13


def main() -> None:
    """Measure all networks, print the tables, write the figures."""
    options = parse_arguments()
    seeds = range(1 if options.quick else options.seeds)
    step = QUICK_STEP if options.quick else 1
    n_permutations = N_QUICK_PERMUTATIONS if options.quick else N_PERMUTATIONS
    # Matrices are small: threads would only wait for each other.
    torch.set_num_threads(1)
    with threadpool_limits(1):
        associations, compositions = (
            measure_networks(study, options.directory, n_permutations, show_progress)
            for study in (
                association_study(seeds)[::step],
                composition_study(seeds)[::step],
            )
        )
    print_tables(associations, compositions)
    figures = options.directory if options.quick else IMAGES
    draw_measures(associations, figures / "shortcut_measures.png")
    draw_utilization(associations, figures / "shortcut_utilization.png")
    print(f"\nfigures in {figures}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shortcut", description=__doc__
    )
    parser.add_argument(
        "--directory", type=Path, default=DEFAULT_DIRECTORY, help="of the networks"
    )
    parser.add_argument(
        "--seeds", type=int, default=len(SEEDS), help="networks of each kind"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few networks, few permutations"
    )
    return parser.parse_args()


def show_progress(name: str) -> None:
    """Say which network is measured."""
    print(name, file=sys.stderr, flush=True)


def print_tables(associations: Results, compositions: Results) -> None:
    """Print what docs/evidence/shortcut.md explains."""
    print("# Measures beside the true use of the scanner (Spearman; networks found)\n")
    print(as_markdown(measures_table(associations)))
    print("\n# Verdicts by true use\n")
    print(as_markdown(confusion_table(associations)))
    print("\n# Utilization and its interval beside two definitions of the truth\n")
    print(as_markdown(coverage_table(associations)))
    print("\n# Compositions of the ultrasound study\n")
    print(as_markdown(composition_table(compositions)))
    print("\n# Goals\n")
    print(as_markdown(goals_table(associations)))


if __name__ == "__main__":
    main()
