"""Networks unlike those of ``python -m benchmarks.shortcut``, in two commands.

``python -m benchmarks.shortcut.varied train DIRECTORY`` trains 80 residual and
transformer networks (about ten minutes on one core; the textures need scikit-image) and
writes an export of each; those that are there are kept. ``python -m
benchmarks.shortcut.varied measure DIRECTORY`` runs the package on the exports and
prints the tables of docs/evidence/shortcut.md. ``--quick`` takes a few networks.
"""

import argparse
import sys
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from benchmarks.markdown import as_markdown
from benchmarks.shortcut.varied.measuring import make_tables, measure_networks
from benchmarks.shortcut.varied.plan import plan_networks, plan_quick

N_PERMUTATIONS, N_QUICK_PERMUTATIONS = 199, 19


def main() -> None:
    """Train what is missing, or measure what is there."""
    options = parse_arguments()
    # Matrices are small: threads would only wait for each other.
    torch.set_num_threads(1)
    with threadpool_limits(1):
        work = train if options.work == "train" else measure
        work(options.directory, options.quick)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shortcut.varied", description=__doc__
    )
    parser.add_argument("work", choices=("train", "measure"))
    parser.add_argument("directory", type=Path, help="of the exports")
    parser.add_argument("--quick", action="store_true", help="a few networks")
    return parser.parse_args()


def train(directory: Path, quick: bool) -> None:
    """Train the networks that are not in the directory."""
    # Measuring needs no images.
    from benchmarks.shortcut.varied.training import export_network

    directory.mkdir(parents=True, exist_ok=True)
    for configuration in plan_quick() if quick else plan_networks():
        path = directory / configuration.file_name
        if not path.exists():
            print(path.name, file=sys.stderr, flush=True)
            export_network(configuration, path)
    print(f"networks in {directory}")


def measure(directory: Path, quick: bool) -> None:
    """Measure the networks of the directory and print the tables."""
    n_permutations = N_QUICK_PERMUTATIONS if quick else N_PERMUTATIONS
    results = measure_networks(directory, n_permutations)
    for title, table in make_tables(results).items():
        print(f"\n# {title}\n\n{as_markdown(table)}")


if __name__ == "__main__":
    main()
