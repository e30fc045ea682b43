"""The figures and tables of both papers, by their numbers, on public data.

Run from the root of the repository: ``python -m benchmarks.paper``. It needs the extras
torch and plot and takes a few minutes on one idle core. It prints what every figure or
table shows, what came out and where that differs, as docs/evidence/reproducing.md has
it, writes the pictures, and ends with one table of the claims of both papers.
``--quick`` only shows that everything runs, and leaves its pictures in the directory.
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
from benchmarks.paper.claims import Evidence, claims_table
from benchmarks.paper.networks import Digits, record
from benchmarks.shortcut.networks import DEFAULT_DIRECTORY
from sklearn_wsca import WeightSpaceCorrelation

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
# Two seeds, because of one there is no spread.
QUICK = Size((0, 1), 80, 16, 8, 99)


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
        study = print_weight_space(digits, size, figures)
        copied, ones = print_other_data(digits, size)
        networks = print_experiment(size, options.directory, figures)
        found = print_features(digits, size)
        evidence = Evidence(study, networks, copied, ones, **found)
        print_table("Claims of both papers", claims_table(evidence))
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


def print_figure(number: str, shows: str, table: pd.DataFrame, differs: str) -> None:
    """Print what a figure or table of the paper shows, and what came out here."""
    print(f"\n# {number}\n\nShows: {shows}\n\n{as_markdown(table)}")
    print(f"\nDiffers: {differs}", flush=True)


def print_weight_space(digits: Digits, size: Size, figures: Path) -> weight_space.Study:
    """Heads and their alignments, by the numbers of the figures."""
    show_progress("heads")
    settings = weight_space.Settings(size.width, size.n_epochs, size.n_permutations)
    study = weight_space.run_study(digits, settings, size.seeds)
    weight_space.draw(study, figures)
    print_figure(
        "Fig. 2",
        "cosines of pairs of rows, within heads and between heads.",
        weight_space.pairs_table(study),
        "the paper pools pairs between heads over separately trained networks; here "
        "these stand apart.",
    )
    print_figure(
        "Figs. 3 and 5",
        "cosines of the primary head with the heads of all metadata.",
        weight_space.rows_table(study),
        "the paper gives no p-values; those of the multi-task network are of sign "
        "flips.",
    )
    for setting, analyses in study.analyses.items():
        linked = [weight_space.count_linked(a) for a in analyses.values()]
        print(f"\n{setting}: digits most aligned with their main scanner: {linked}")
    print_sensitivity(study, figures)
    print_figure(
        "Figs. 6 to 12",
        "cosines of all heads with all heads (root mean square of every block here).",
        weight_space.blocks_table(study, "multi-task"),
        "one matrix of the first seed is drawn, with lines between the tasks.",
    )
    for setting, analyses in study.analyses.items():
        print_figure(
            f"Tables of probes, {setting}",
            "performance of each probe, beside its WSC; mean and standard deviation "
            f"over {len(analyses)} networks.",
            weight_space.networks_table(analyses),
            "probes are cross-validated; WSC with its p-value, utilization and verdict "
            "are added.",
        )
    return study


def print_sensitivity(study: weight_space.Study, figures: Path) -> None:
    """How scores and single pairs depend on k."""
    for pairs, setting, name in (
        (False, "fine-tuned", "paper_sensitivity.png"),
        (True, "multi-task", "paper_sensitivity_pairs.png"),
    ):
        tables = weight_space.measure_sensitivity(study, setting, pairs)
        display = weight_space.draw_sensitivity(tables, figures / name)
        print_figure(
            f"Figs. 4, 13 and 14, {'single pairs' if pairs else 'columns'}, {setting}",
            "WSC by the dimension k; mean and standard deviation over networks.",
            weight_space.sensitivity_table(display),
            "k above the rank of the embeddings do not exist; of single pairs the most "
            "aligned are listed.",
        )


def print_other_data(
    digits: Digits, size: Size
) -> tuple[WeightSpaceCorrelation, WeightSpaceCorrelation]:
    """What the paper says outside of its figures; analyses of copy and ones."""
    show_progress("other data")
    hospitals = weight_space.analyse_hospitals(size.n_permutations)
    print_table(
        "A trained network and four hospitals", weight_space.heads_table(hospitals)
    )
    copied = weight_space.analyse_sentences(size.n_permutations)
    print_figure(
        "Birth weight",
        "a strong WSC of a column that is hardly encoded.",
        weight_space.heads_table(copied),
        "sentences and a noisy copy of the target.",
    )
    print_figure(
        "Tables 5 and 6",
        "AUROC 75.0 of a nearly perfect head of four classes.",
        weight_space.absent_class_table(),
        "not reproduced, on purpose.",
    )
    plain, adjusted = weight_space.analyse_ones(digits, size.n_permutations)
    print_figure(
        "SA-SonoNet",
        "a head of ones.",
        weight_space.ones_table(plain, adjusted),
        "digit images as maps.",
    )
    return copied, plain


def print_experiment(size: Size, directory: Path, figures: Path) -> pd.DataFrame:
    """The controlled experiment; one row per network."""
    networks = experiment.run_experiment(
        size.seeds, directory, size.n_permutations, show_progress
    )
    print_figure(
        "The controlled experiment",
        "WSC of plane and scanner for three compositions of the training set.",
        experiment.summarise(networks),
        "full and balanced networks use the scanner too; biased fine-tuned ones show "
        "no WSC.",
    )
    experiment.draw_nulls(networks, figures / "paper_compositions.png")
    return networks


def print_features(digits: Digits, size: Size) -> dict:
    """Integrated Feature Analysis; what the claims are judged by."""
    show_progress("features")
    study = features.run_features(
        digits, size.n_features, size.n_epochs, size.n_permutations
    )
    found = {
        "consistency": features.consistency_table(study, size.width, size.n_epochs),
        "decomposition": features.decomposition_table(study),
        "shifts": features.shifts_table(study),
    }
    for title, table in {
        "Consistency": found["consistency"],
        "Feature decomposition": found["decomposition"],
        "Feature distributions": found["shifts"],
        "Common intensity scale": features.scale_table(study),
        "Evaluation of maps": features.evaluation_table(study),
    }.items():
        print_table(title, table)
    print("\n" + "\n".join(features.profile_lines(study)))
    return {"features": study, **found}


if __name__ == "__main__":
    main()
