"""How much of its performance a head keeps with a part of the features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score

from sklearn_wsca._features.maps import FeatureMaps
from sklearn_wsca._heads.head import Head

N_SIZES = 16
N_RANDOM = 10
MOST_SAMPLES = 5000
MOST_MAPS = 100
MOST_MAP_NUMBERS = 2**23
KEPT_PERFORMANCE = 0.99
CONSTANT = 1e-12


@dataclass(frozen=True)
class Decomposition:
    """A head on pooled samples (n, C) with labels, of which features can be left out.

    What is left out of the score of a class counts with the value (C,) of `filling`.
    The decision is between the classes that occur: what the others score without some
    features, or with all of them, would tell who is there. There are feature maps
    (m, C, P) of some samples, unless all are pooled, and the row of the head that their
    activation maps belong to.
    """

    head: Head
    pooled: np.ndarray
    labels: np.ndarray
    filling: np.ndarray
    maps: np.ndarray | None
    map_classes: np.ndarray

    @classmethod
    def of(
        cls,
        head: Head,
        pooled: np.ndarray,
        labels: np.ndarray,
        maps: FeatureMaps,
        fill: Literal["zero", "mean"],
    ) -> Decomposition:
        """Take samples at equal distances, at most 5000, and maps of at most 100.

        A number without some of its features would be off by what they add to all
        samples, so its features are always filled with means.
        """
        outputs = head.outputs(pooled)
        few = spread(len(pooled), MOST_MAPS, maps.n_features * maps.n_positions)
        some = spread(len(pooled), MOST_SAMPLES)
        chosen = np.stack(list(maps.take(few))) if maps.n_positions > 1 else None
        classes = outputs[few].argmax(axis=1)
        filling = np.zeros(pooled.shape[1])
        if fill == "mean" or head.classes is None:
            filling = _mean_of_classes(pooled, labels, head)
        return cls(head, pooled[some], labels[some], filling, chosen, classes)

    def performance(self, kept: np.ndarray) -> dict[str, float]:
        """Performance, and agreement of the maps, with the features (K, C) kept.

        Accuracy, balanced accuracy and AUROC of classes, or R2 of a number.
        """
        outputs = self._outputs(kept)
        if self.head.classes is None:
            found = {"r2": float(r2_score(self.labels, outputs.mean(axis=1)))}
        else:
            found = _measure_decision(outputs, self.labels)
        if self.maps is not None:
            found["map_agreement"] = self._agreement(kept, self.maps)
        return found

    def _outputs(self, kept: np.ndarray) -> np.ndarray:
        constant = self.head.intercept + (self.head.coef * ~kept) @ self.filling
        return self.pooled @ (self.head.coef * kept).T + constant

    def _agreement(self, kept: np.ndarray, maps: np.ndarray) -> float:
        """Mean correlation over positions with the activation maps of all features."""
        own = self.head.coef[self.map_classes][:, None, :]
        some = own * kept[self.map_classes][:, None, :]
        full, part = (own @ maps)[:, 0], (some @ maps)[:, 0]
        # A map without any structure agrees with nothing.
        return float(np.nan_to_num(correlate(full, part)).mean())


def _measure_decision(outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How well classes are told, of those that occur; NaN if there is a single one."""
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) == 1:
        return dict.fromkeys(("accuracy", "balanced_accuracy", "auroc"), np.nan)
    outputs = outputs[:, classes]
    correct = outputs.argmax(axis=1) == codes
    by_class = np.bincount(codes, weights=correct) / np.bincount(codes)
    return {
        "accuracy": float(correct.mean()),
        "balanced_accuracy": float(by_class.mean()),
        "auroc": mean_auroc(outputs, codes),
    }


def _mean_of_classes(pooled: np.ndarray, labels: np.ndarray, head: Head) -> np.ndarray:
    """Mean (C,) over classes of their means; of numbers over the samples."""
    if head.classes is None:
        return pooled.mean(axis=0)
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = 1.0 / (len(counts) * counts[codes])
    return weights @ pooled


def spread(n: int, most: int, width: int = 1) -> np.ndarray:
    """Rows at equal distances: at most so many, and of bounded size in all."""
    m = max(1, min(n, most, MOST_MAP_NUMBERS // width))
    return np.unique(np.linspace(0, n - 1, m).astype(int))


def mean_auroc(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve of each class against the rest, mean over classes.

    The score of a class is its output less the mean over classes. Classes that do not
    occur, or that all samples have, do not count; NaN if there is no other.
    """
    scores = (outputs - outputs.mean(axis=1, keepdims=True)).T
    members = labels == np.arange(len(scores))[:, None]
    areas = [
        _auroc(score[member], score[~member])
        for score, member in zip(scores, members, strict=True)
        if member.any() and not member.all()
    ]
    return float(np.mean(areas)) if areas else float("nan")


def _auroc(own: np.ndarray, others: np.ndarray) -> float:
    """Share of pairs of which the own score is larger; ties count half."""
    others = np.sort(others)
    below, up_to = (np.searchsorted(others, own, side) for side in ("left", "right"))
    return float((below + up_to).mean() / (2 * len(others)))


def correlate(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlation of each row of a with that of b; NaN where one is constant."""
    (a, varies), (b, also) = _unit_rows(a), _unit_rows(b)
    return np.where(varies & also, (a * b).sum(axis=1), np.nan)


def _unit_rows(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of mean 0 and length 1, and which are not constant up to rounding."""
    centred = values - values.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1))
    varies = length > CONSTANT * np.sqrt((values**2).sum(axis=1))
    return centred / np.where(varies, length, 1.0)[:, None], varies


def measure_curve(
    decomposition: Decomposition, ranks: np.ndarray, seed: int
) -> pd.DataFrame:
    """Performance against the number of features that each row of the head keeps.

    One row per number of features, those of rank 1 (K, C) first: share, accuracy,
    balanced_accuracy and auroc (or r2), and map_agreement (mean correlation over
    positions with the map of all features) where maps have more than one position; the
    same of random features of each row of the head, mean of 10 draws, with the suffix
    _random.
    """
    n_features = ranks.shape[1]
    sizes = np.unique(np.geomspace(1, n_features, N_SIZES).round().astype(int))
    generator = np.random.default_rng(seed)
    order = np.broadcast_to(np.arange(1, n_features + 1), ranks.shape)
    draws = [generator.permuted(order, axis=1) for _ in range(N_RANDOM)]
    own = _follow(decomposition, ranks, sizes)
    random = [_follow(decomposition, draw, sizes) for draw in draws]
    mean = sum(random[1:], random[0]) / N_RANDOM
    own.insert(0, "share", sizes / n_features)
    return own.join(mean.add_suffix("_random"))


def _follow(
    decomposition: Decomposition, ranks: np.ndarray, sizes: np.ndarray
) -> pd.DataFrame:
    """Performance with the first features of a ranking, for several numbers."""
    rows = [decomposition.performance(ranks <= size) for size in sizes]
    return pd.DataFrame(rows, pd.Index(sizes, name="n_features"))


def smallest_share(curve: pd.DataFrame) -> float:
    """Smallest share of the features that keeps 99 % of the performance.

    The performance is the balanced accuracy, to which a head that always says the same
    is no better for a frequent class, or R2; NaN if all features have none.
    """
    performance = curve["r2" if "r2" in curve else "balanced_accuracy"]
    whole = performance.iloc[-1]
    if not whole > 0:
        return float("nan")
    return float(curve["share"][performance >= KEPT_PERFORMANCE * whole].iloc[0])
