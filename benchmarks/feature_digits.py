"""Feature analysis of a network whose shortcut is known: a mark in a corner.

Digits are recorded by two scanners; images of scanner B carry a mark in their top left
corner, and in the training set B recorded most of the digits 5 to 9. A small network is
trained to tell these from 0 to 4. Which of its features carry the decision, does the
comparison of scanners find those that see the mark, and do their maps point at the
corner?

Run with ``python -m benchmarks.feature_digits [--quick] [--directory docs/images]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import matplotlib
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch import nn

from sklearn_wsca import (
    ActivationMapDisplay,
    FeatureImportanceDisplay,
    IntegratedFeatureAnalysis,
    WeightSpaceCorrelation,
)
from sklearn_wsca._features.shift import OUTPUTS
from sklearn_wsca.torch import extract_feature_maps, head_from_module

MARGIN, MARK = 3, 2
# A position of the maps sees so many pixels to each side.
REACH = 3
BIAS = 0.9
BATCH = 64
TARGETS = ("0 to 4", "5 to 9")


@dataclass(frozen=True)
class Images:
    """Images (n, 1, h, w) with digit and scanner."""

    pixels: np.ndarray
    table: pd.DataFrame


def record(numbers: np.ndarray, bias: float, generator: np.random.Generator) -> Images:
    """Digits by two scanners; `bias` is the share of 5 to 9 that B records."""
    digits = load_digits()
    edges = (0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)
    pixels = np.pad(digits.images[numbers] / 16.0, edges)
    labels = digits.target[numbers]
    share = np.where(labels >= 5, bias, 1.0 - bias)
    by_b = generator.random(len(labels)) < share
    pixels += generator.normal(0.0, 0.1, pixels.shape)
    pixels[by_b, :MARK, :MARK] += 1.0
    table = pd.DataFrame(
        {
            "half": np.where(labels >= 5, TARGETS[1], TARGETS[0]),
            "scanner": np.where(by_b, "B", "A"),
            # Who looked at the image changes nothing in it.
            "reader": generator.choice(["R", "S"], len(labels)),
        }
    )
    return Images(pixels[:, None].astype(np.float32), table)


class Network(nn.Module):
    """Three convolutions, average pooling and a linear layer."""

    def __init__(self, width: int):
        super().__init__()
        layers = []
        for n_inputs in (1, width, width):
            convolution = nn.Conv2d(n_inputs, width, 3, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(width, 2)

    def forward(self, pixels):
        """Scores of both halves."""
        return self.head(self.pool(self.features(pixels)).flatten(1))


def train(images: Images, epochs: int, width: int, seed: int) -> Network:
    """Train a network with Adam."""
    # Sums of several threads differ in the last digit, and so would the network.
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = Network(width)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    pixels = torch.from_numpy(images.pixels)
    labels = torch.tensor((images.table["half"] == TARGETS[1]).tolist()).long()
    for _ in range(epochs):
        for batch in torch.randperm(len(pixels)).split(BATCH):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(network(pixels[batch]), labels[batch])
            loss.backward()
            optimiser.step()
    return network.eval()


def export(network: Network, images: Images) -> np.ndarray:
    """Feature maps in front of the average pooling."""
    return extract_feature_maps(network, torch.from_numpy(images.pixels).split(BATCH))


def localise(
    analysis: IntegratedFeatureAnalysis, maps: np.ndarray, features: np.ndarray
) -> tuple[float, float]:
    """How far maps of some features point at the corner.

    Returns the share of images whose strongest position is in the corner, and the share
    of the strength that is there. The strength of a position is how far its value on
    the common scale is from that of nothing.
    """
    shown = analysis.activation_maps(maps, TARGETS[1], features=features)
    nothing = analysis.activation_maps(
        np.zeros_like(maps[:1]), TARGETS[1], features=features
    )
    strength = np.abs(shown - nothing)
    corner = np.zeros(strength.shape[1:], dtype=bool)
    corner[: MARK + REACH, : MARK + REACH] = True
    strongest = strength.reshape(len(maps), -1).argmax(axis=1)
    pointing = corner.ravel()[strongest].mean()
    inside = strength[:, corner].sum() / max(strength.sum(), 1e-300)
    return float(pointing), float(inside)


@dataclass(frozen=True)
class Study:
    """Everything that is printed and drawn."""

    images: Images
    maps: np.ndarray
    analysis: IntegratedFeatureAnalysis
    shifts: pd.DataFrame
    shares: pd.DataFrame
    utilization: pd.Series

    @property
    def features(self) -> pd.DataFrame:
        """Shifts of the features, without what they add up to."""
        return self.shifts.drop(index=list(OUTPUTS), level=1, errors="ignore")

    @property
    def seeing(self) -> np.ndarray:
        """Features that make up half of the utilization of the scanner."""
        share = self.shares["share"].sort_values(ascending=False)
        return share.index[: int((share.cumsum() < 0.5).sum()) + 1].to_numpy()


def run(seed: int, epochs: int, width: int) -> Study:
    """Train on biased images, analyse balanced ones."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(1797)
    network = train(record(order[:900], BIAS, generator), epochs, width, seed)
    images = record(order[900:], 0.5, generator)
    maps = export(network, images)
    head = head_from_module(network, classes=TARGETS)
    analysis = IntegratedFeatureAnalysis(head, target="half", random_state=0)
    analysis.fit(maps, images.table)
    shifts = analysis.compare(maps, images.table)
    use = WeightSpaceCorrelation("half", target_head=head, random_state=0)
    pooled = maps.mean(axis=(2, 3))
    use.fit(pooled, images.table)
    shares = use.utilization_by_feature(pooled, images.table, "scanner")
    return Study(images, maps, analysis, shifts, shares, use.summary_.loc["scanner"])


def report(study: Study) -> None:
    """Print what was found."""
    analysis, curve = study.analysis, study.analysis.performance_curve_
    print(f"smallest consistency of a class: {analysis.consistency_.min():.6f}")
    share = analysis.smallest_share_
    print(f"smallest share that keeps 99 % of the balanced accuracy: {share}")
    print(curve.round(3).to_string())
    row = study.utilization
    print(f"scanner: {row['verdict']}, utilization {row['utilization']:.2f}")
    for name in ("scanner", "reader"):
        shift = study.features.loc[name]["pvalue_fwer"] <= 0.05
        print(f"features that shift with the {name}: {shift.sum()} of {len(shift)}")
    found = (study.features.loc["scanner"]["pvalue_fwer"] <= 0.05).to_numpy()
    seeing = study.seeing
    print(f"features that make up half of its utilization: {seeing.tolist()}")
    print(f"of these found by compare: {found[seeing].sum()}")
    others = np.setdiff1d(np.arange(len(found)), seeing)
    by_b = (study.images.table["scanner"] == "B").to_numpy()
    for words, rows, features in (
        ("their maps, images with the mark", by_b, seeing),
        ("their maps, images without it", ~by_b, seeing),
        ("maps of the other features, with the mark", by_b, others),
    ):
        pointing, inside = localise(analysis, study.maps[rows], features)
        print(
            f"{words}: strongest position in the corner {pointing:.1%}, "
            f"strength in the corner {inside:.1%}"
        )


def draw(study: Study, directory: Path) -> None:
    """Save the figures."""
    by_b = np.flatnonzero(study.images.table["scanner"] == "B")[:4]
    by_a = np.flatnonzero(study.images.table["scanner"] == "A")[:4]
    chosen = np.r_[by_b, by_a]
    maps = study.analysis.activation_maps(
        study.maps[chosen], TARGETS[1], features=study.seeing
    )
    titles = [f"scanner {s}" for s in study.images.table["scanner"].iloc[chosen]]
    display = ActivationMapDisplay(
        maps, images=study.images.pixels[chosen, 0], titles=titles
    ).plot()
    display.figure_.savefig(directory / "features_corner.png", dpi=110)
    display = FeatureImportanceDisplay.from_estimator(study.analysis, kind="curve")
    display.figure_.savefig(directory / "features_curve.png", dpi=110)


@click.command()
@click.option("--quick", is_flag=True, help="A smaller network, trained for a moment.")
@click.option("--seed", default=0)
@click.option("--directory", type=click.Path(path_type=Path), help="Save figures.")
def main(quick: bool, seed: int, directory: Path | None) -> None:
    """Train, analyse, print."""
    matplotlib.use("Agg")
    study = run(seed, *((3, 8) if quick else (25, 32)))
    report(study)
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        draw(study, directory)


if __name__ == "__main__":
    main()
