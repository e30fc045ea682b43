"""Pairs of trained networks on the same held-out images: is the sign right?

Run from the repository: ``python -m benchmarks.shortcut.pairs``. For each seed,
networks that were trained under other associations, artefacts and tasks see the same
held-out images (of one artefact, each under one scanner); every image is rendered under
every scanner, which tells their true use. Networks are trained again: about two minutes
per seed on an idle core, and five to compare them.
"""

import argparse
import sys
from itertools import combinations, product

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from benchmarks.markdown import as_markdown
from benchmarks.shortcut.networks import (
    ARTEFACTS,
    ASSOCIATIONS,
    Configuration,
    draw_study,
    train_network,
)
from benchmarks.shortcut.truth import true_moves
from sklearn_wsca import compare_utilization

SEEN = (0.3, 1.0)  # artefacts of the images on which networks are compared
SEEN_ASSOCIATION = 0.5
CLEAR = 0.1
N_PERMUTATIONS = 99


def show_images(networks: dict, seed: int, artefact: float) -> tuple[dict, object]:
    """Outputs and true use of every network on the same held-out images."""
    study = draw_study(Configuration(SEEN_ASSOCIATION, artefact, False, seed))
    rows = study.held_out
    target, scanner = study.target[rows], study.scanner[rows]
    seen = {}
    for key, network in networks.items():
        rendered = np.stack([_outputs(network, own[rows]) for own in study.rendered])
        outputs = rendered[scanner, np.arange(len(rows))]
        truth = true_moves(rendered, outputs, target)["class_shift"]
        seen[key] = outputs, truth
    return seen, pd.DataFrame({"target": target, "scanner": scanner}).astype(str)


@torch.no_grad()
def _outputs(network, images: np.ndarray) -> np.ndarray:
    """Outputs of the head of the target."""
    features = network.embed(torch.from_numpy(images.astype(np.float32))[:, None])
    return network.heads[0](features).double().numpy()


def compare_pairs(seen: dict, table: pd.DataFrame) -> list[dict]:
    """One row per pair of networks."""
    found = []
    for (a, truth_a), (b, truth_b) in combinations(seen.values(), 2):
        result = compare_utilization(
            a,
            b,
            table["scanner"],
            target=table["target"],
            n_permutations=N_PERMUTATIONS,
            random_state=0,
        )
        found.append(
            {
                "truth": truth_b - truth_a,
                "difference": result.difference,
                "covered": result.low <= truth_b - truth_a <= result.high,
                "verdict": result.verdict,
            }
        )
    return found


def tabulate(pairs: pd.DataFrame) -> pd.DataFrame:
    """Signs and verdicts by how far the true uses are apart."""
    size = pairs["truth"].abs()
    parts = {
        "below 0.02": size < 0.02,
        "0.02 to 0.1": (size >= 0.02) & (size <= CLEAR),
        "above 0.1": size > CLEAR,
    }
    rows = {}
    for name, chosen in parts.items():
        own = pairs[chosen]
        sign = np.sign(own["truth"])
        said = own["verdict"].map({"less used": -1, "more used": 1}).fillna(0)
        rows[name] = {
            "pairs": str(len(own)),
            "sign right": str((np.sign(own["difference"]) == sign).sum()),
            "verdict right": str((said == sign).sum()),
            "verdict wrong": str((said == -sign).sum()),
            "same": str((own["verdict"] == "same").sum()),
            "in interval": f"{100 * own['covered'].mean():.0f} %",
        }
    return pd.DataFrame(rows).T.rename_axis("true uses apart by")


def main(arguments: list[str] | None = None) -> None:
    """Train, compare, print the table."""
    options = parse_arguments(arguments)
    torch.set_num_threads(1)
    pairs = []
    associations = ASSOCIATIONS[:: 4 if options.quick else options.step]
    artefacts = ARTEFACTS[1:] if options.quick else ARTEFACTS
    with threadpool_limits(1):
        for seed in range(options.seeds):
            networks = {}
            for key in product(associations, artefacts, (False, True)):
                configuration = Configuration(*key, seed)
                study = draw_study(configuration)
                networks[key] = train_network(study, configuration)
                print(f"trained {configuration}", file=sys.stderr, flush=True)
            for artefact in SEEN[-1:] if options.quick else SEEN:
                seen, table = show_images(networks, seed, artefact)
                pairs += compare_pairs(seen, table)
                print(f"compared on {artefact}", file=sys.stderr, flush=True)
    table = pd.DataFrame(pairs)
    print(as_markdown(tabulate(table)))
    print(f"Spearman {table['truth'].corr(table['difference'], 'spearman'):.3f}")


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shortcut.pairs")
    parser.add_argument("--quick", action="store_true", help="few networks")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds")
    parser.add_argument(
        "--step", type=int, default=1, help="every so many associations"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
