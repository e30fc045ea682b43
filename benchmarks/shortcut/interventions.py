"""The same images under every scanner: what 200 of them say of all others.

Run from the repository: ``python -m benchmarks.shortcut.interventions [--directory
DIRECTORY] [--varied DIRECTORY]``. It trains the networks of ``python -m
benchmarks.shortcut`` that are not in the directory, and prints the tables of
docs/evidence/interventions.md; of the networks that ``python -m
benchmarks.shortcut.varied train`` left in a directory, too. ``--quick`` only shows that
everything runs.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from benchmarks.markdown import as_markdown
from benchmarks.shortcut.measures import analyse
from benchmarks.shortcut.networks import (
    DEFAULT_DIRECTORY,
    association_study,
    load_or_train,
)
from benchmarks.shortcut.truth import true_moves
from benchmarks.shortcut.varied.images import classes_or_thirds
from benchmarks.shortcut.varied.measuring import analyse as analyse_varied
from benchmarks.shortcut.varied.measuring import load_network
from sklearn_wsca import InterventionResult, intervention_test

N_PERMUTATIONS, N_QUICK_PERMUTATIONS = 199, 19
QUICK_STEP = 30
N_SHOWN = 200
ERROR, MARGIN = 0.1, 0.1
NAMES = {"sensitivity": "shift", "shift": "class_shift"}
MEANINGS = {
    "sensitivity": "move of single images",
    "shift": "move of class means",
}


def measure_networks(directory: Path, step: int, n_permutations: int) -> pd.DataFrame:
    """One row per network of the association study."""
    rows = []
    for configuration in association_study()[::step]:
        print(configuration.file_name, file=sys.stderr, flush=True)
        network = load_or_train(configuration, directory)
        analysis = analyse(network, n_permutations)
        rendered, target = network["rendered"], network["target"]
        found = intervene(rendered, target, target, n_permutations)
        rows.append({"by": configuration.artefact, **found, **describe(analysis)})
    return pd.DataFrame(rows)


def measure_varied(directory: Path, step: int, n_permutations: int) -> pd.DataFrame:
    """One row per export of networks of other kinds."""
    rows = []
    for path in sorted(directory.glob("*.npz"))[::step]:
        print(path.name, file=sys.stderr, flush=True)
        network = load_network(path)
        analysis = analyse_varied(network, n_permutations)
        rendered, target = network["rendered_outputs"], network["target"]
        found = intervene(rendered, target, classes_or_thirds(target), n_permutations)
        kind = network["artefact"].item()
        rows.append({"by": kind, **found, **describe(analysis)})
    return pd.DataFrame(rows)


def describe(analysis) -> dict:
    """What labels say of the scanner."""
    return {
        "utilization": analysis.utilization_["scanner"],
        "verdict": analysis.verdicts_["scanner"],
    }


def intervene(
    rendered: np.ndarray, target: np.ndarray, classes: np.ndarray, n_permutations: int
) -> dict:
    """Estimates from the first images of a random order, and truth of the rest.

    `rendered` (n_levels, n_images, n_outputs) are the outputs of every image under
    every level. The unit of the truth is the standard deviation of the same outputs,
    every level counted alike, as in an intervention.
    """
    _, n_images, n_outputs = rendered.shape
    rendered = rendered.astype(float)
    order = np.random.default_rng(0).permutation(n_images)
    shown, others = order[:N_SHOWN], order[N_SHOWN:]
    found = show(rendered[:, shown], target[shown], n_permutations)
    of_others = rendered[:, others]
    truth = true_moves(of_others, of_others.reshape(-1, n_outputs), classes[others])
    row = {"n_others": len(others), "pvalue": found.pvalue, "flipped": found.flipped}
    for name, true in NAMES.items():
        row[name] = getattr(found, name)
        row[f"{name}_low"] = getattr(found, f"{name}_low")
        row[f"{name}_high"] = getattr(found, f"{name}_high")
        row[f"true {name}"] = truth[true]
    return row


def show(
    rendered: np.ndarray, target: np.ndarray, n_permutations: int
) -> InterventionResult:
    """Test of images under every level, in long form."""
    n_levels, n_images, n_outputs = rendered.shape
    with warnings.catch_warnings():
        # Of rare classes, 200 images may hold one or none.
        warnings.simplefilter("ignore", UserWarning)
        return intervention_test(
            rendered.swapaxes(0, 1).reshape(-1, n_outputs),
            np.tile(np.arange(n_levels), n_images),
            np.repeat(np.arange(n_images), n_levels),
            target=np.repeat(target, n_levels),
            n_permutations=n_permutations,
            random_state=0,
        )


def intervention_table(results: pd.DataFrame) -> pd.DataFrame:
    """How well 200 images tell the truth of the others."""
    rows = {}
    for name, meaning in MEANINGS.items():
        true = results[f"true {name}"]
        error = (results[name] / true - 1.0).abs()
        inside = true.between(results[f"{name}_low"], results[f"{name}_high"])
        rows[meaning] = {
            "networks": len(results),
            "Spearman": results[name].corr(true, method="spearman"),
            "median error": f"{error.median():.0%}",
            "within 10 %": int((error <= ERROR).sum()),
            "largest error": f"{error.max():.0%}",
            "in 95 % interval": int(inside.sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("truth")


def side_by_side(results: pd.DataFrame) -> pd.DataFrame:
    """Utilization from labels beside the intervention: means over networks."""
    columns = results[["utilization", "shift", "sensitivity", "flipped"]].assign(
        unseen=unseen(results)
    )
    table = columns.groupby(results["by"], sort=False).mean()
    counted = results.groupby("by", sort=False)
    table.insert(0, "networks", counted.size())
    # Used by single images beyond the margin of the verdicts, and labels say it is not.
    hidden = (results["verdict"] == "not used") & (results["true sensitivity"] > MARGIN)
    table["hidden"] = hidden.groupby(results["by"], sort=False).sum()
    return table.rename_axis("artefact")


def unseen(results: pd.DataFrame) -> np.ndarray:
    """Share of the squared move of single images that class means do not show."""
    ratio = results["shift"] / results["sensitivity"].where(results["sensitivity"] > 0)
    return np.clip(1.0 - ratio.to_numpy() ** 2, 0.0, 1.0)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shortcut.interventions", description=__doc__
    )
    parser.add_argument(
        "--directory", type=Path, default=DEFAULT_DIRECTORY, help="of the networks"
    )
    parser.add_argument("--varied", type=Path, help="of networks of other kinds")
    parser.add_argument("--quick", action="store_true", help="few networks")
    options = parser.parse_args()
    step = QUICK_STEP if options.quick else 1
    n_permutations = N_QUICK_PERMUTATIONS if options.quick else N_PERMUTATIONS
    # Matrices are small: threads would only wait for each other.
    torch.set_num_threads(1)
    with threadpool_limits(1):
        print_tables(measure_networks(options.directory, step, n_permutations))
        if options.varied is not None:
            print("\n# Networks of other kinds")
            print_tables(measure_varied(options.varied, step, n_permutations))


def print_tables(results: pd.DataFrame) -> None:
    """Print what docs/evidence/interventions.md explains."""
    least, most = results["n_others"].min(), results["n_others"].max()
    print(f"\n# {N_SHOWN} re-rendered images beside {least} to {most} others\n")
    print(as_markdown(intervention_table(results)))
    print("\n# Utilization from labels beside the intervention\n")
    print(as_markdown(side_by_side(results)), flush=True)


if __name__ == "__main__":
    main()
