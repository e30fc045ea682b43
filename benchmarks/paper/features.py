"""The headline claims of the paper on Integrated Feature Analysis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from benchmarks.paper.networks import Digits, pooled_body, train, wide_body
from sklearn_wsca import (
    IntegratedFeatureAnalysis,
    evaluate_activation_maps,
)
from sklearn_wsca._features.shift import MARGIN, OUTPUTS
from sklearn_wsca.torch import (
    extract_contributions,
    extract_feature_maps,
    head_from_module,
)

LEVEL = 0.05
SHARES = (0.05, 0.1, 0.25, 1.0)
N_EVALUATED = 200


@dataclass(frozen=True)
class FeatureStudy:
    """A network with average pooling, analysed on held-out images."""

    network: nn.Sequential
    analysis: IntegratedFeatureAnalysis
    digits: Digits
    maps: np.ndarray
    train_maps: np.ndarray

    @property
    def outputs(self) -> np.ndarray:
        """Scores of the held-out images."""
        return self.analysis.head_.outputs(self.maps.mean(axis=(2, 3)))


def run_features(
    digits: Digits, width: int, n_epochs: int, n_permutations: int
) -> FeatureStudy:
    """Train a network and analyse its feature maps."""
    (network,) = train(digits, pooled_body, width, ("digit",), n_epochs)
    held_out, trained = (
        extract_feature_maps(network, digits.batches(np.flatnonzero(rows)))
        for rows in (~digits.is_train, digits.is_train)
    )
    head = head_from_module(network, classes=np.unique(digits.table["digit"]))
    analysis = IntegratedFeatureAnalysis(
        head,
        target="digit",
        metadata=["scanner", "reader"],
        n_permutations=n_permutations,
        random_state=0,
    ).fit(held_out, digits.held_out, run(network, digits))
    return FeatureStudy(network, analysis, digits, held_out, trained)


@torch.no_grad()
def run(network: nn.Sequential, digits: Digits) -> np.ndarray:
    """Logits of the held-out images by the network itself."""
    batches = digits.batches(np.flatnonzero(~digits.is_train))
    return np.concatenate([network(batch).numpy() for batch in batches])


def consistency_table(study: FeatureStudy, width: int, n_epochs: int) -> pd.DataFrame:
    """Correlation of the mean of the activation map with the score, per class."""
    rows = {"average pooling, linear head": study.analysis.consistency_.to_numpy()}
    for words, activation in {"ReLU": nn.ReLU, "tanh": nn.Tanh}.items():
        make_body = partial(wide_body, activation=activation)
        (network,) = train(study.digits, make_body, width, ("digit",), n_epochs)
        name = f"hidden layer ({words}) behind the maps, gradient x activation"
        rows[name] = _gradient_consistency(network, study.digits, "3")
    table = {
        name: {"lowest": values.min(), "mean": values.mean(), "highest": values.max()}
        for name, values in rows.items()
    }
    return pd.DataFrame(table).T.rename_axis("architecture")


def _gradient_consistency(
    network: nn.Sequential, digits: Digits, layer: str
) -> np.ndarray:
    batches = digits.batches(np.flatnonzero(~digits.is_train))
    found = []
    for code in range(digits.table["digit"].nunique()):
        maps, scores = extract_contributions(
            network, batches, layer=layer, target=code, return_scores=True
        )
        means = maps.mean(axis=(2, 3)).sum(axis=1)
        found.append(np.corrcoef(means, scores[:, code])[0, 1])
    return np.array(found)


def decomposition_table(study: FeatureStudy) -> pd.DataFrame:
    """Performance with a part of the features, beside random ones."""
    curve = study.analysis.performance_curve_
    nearest = [int(np.abs(curve["share"] - share).argmin()) for share in SHARES]
    columns = ["share", "accuracy", "accuracy_random", "auroc", "auroc_random"]
    columns += ["map_agreement", "map_agreement_random"]
    return curve.iloc[sorted(set(nearest))][columns].set_index("share")


def shifts_table(study: FeatureStudy) -> pd.DataFrame:
    """How many features shift between splits and groups, at fixed class."""
    fitted_on_train = IntegratedFeatureAnalysis(
        study.analysis.head_,
        target="digit",
        metadata=["scanner", "reader"],
        n_permutations=study.analysis.n_permutations,
        random_state=0,
    ).fit(study.train_maps, study.digits.table[study.digits.is_train])
    shifts = fitted_on_train.compare(study.maps, study.digits.held_out)
    rows = {}
    for name, meaning in {
        "split": "training and held-out images",
        "scanner": "scanners",
        "reader": "readers, who change nothing",
    }.items():
        found = shifts.loc[name].drop(index=list(OUTPUTS), errors="ignore")
        margin = shifts.loc[(name, MARGIN)]
        rows[meaning] = {
            "features": len(found),
            "shifted (max-T, 5 %)": int((found["pvalue_fwer"] <= LEVEL).sum()),
            "median absolute smd": float(found["smd"].abs().median()),
            "largest": float(found["smd"].abs().max()),
            "own margin": float(margin["smd"]),
            "its p-value": float(margin["pvalue_fwer"]),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis("compared")


def scale_table(study: FeatureStudy) -> pd.DataFrame:
    """Part of the common range that the map of a single image takes up."""
    drawn = study.analysis.activation_maps(study.maps)
    spans = np.ptp(drawn.reshape(len(drawn), -1), axis=1)
    rows = {
        f"{share} % of images": np.quantile(spans, share / 100) for share in (5, 50, 95)
    }
    table = pd.Series(rows, name="part of the common range, at most")
    return table.rename_axis("").to_frame()


def evaluation_table(study: FeatureStudy) -> pd.DataFrame:
    """How good the maps are, where the network can be asked."""
    images = study.digits.images.numpy()[~study.digits.is_train]
    maps = study.analysis.activation_maps(study.maps, resize_to=(8, 8))
    scores = study.outputs
    predicted = scores.argmax(axis=1)
    found = evaluate_activation_maps(
        maps[:N_EVALUATED],
        images[:N_EVALUATED],
        lambda batch: _probabilities(study.network, batch),
        classes=predicted[:N_EVALUATED],
        channels="first",
        random_state=0,
    )
    measures = {
        "insertion (higher is better)": "insertion",
        "deletion (lower is better)": "deletion",
        "average drop (lower is better)": "average_drop",
        "share with increase (higher is better)": "increase",
    }
    rows = {
        words: {
            "maps": found[name].mean(),
            "random order": found[f"{name}_random"].mean(),
        }
        for words, name in measures.items()
    }
    rows["AUROC of the sum of the map, predicted class (mean)"] = {
        "maps": np.mean(_sum_areas(study, predicted)),
        "random order": np.nan,
    }
    return pd.DataFrame(rows).T.rename_axis("measure")


def _sum_areas(study: FeatureStudy, predicted: np.ndarray) -> list[float]:
    """AUROC of the mean of the map of each class for being the predicted one."""
    means = study.outputs - study.analysis.head_.intercept
    return [
        roc_auc_score(predicted == code, means[:, code])
        for code in range(means.shape[1])
    ]


@torch.no_grad()
def _probabilities(network: nn.Sequential, batch: np.ndarray) -> np.ndarray:
    return network(torch.from_numpy(batch)).softmax(dim=1).numpy()


def profile_lines(study: FeatureStudy) -> list[str]:
    """Outliers and redundancy in words."""
    scores = study.analysis.outlier_scores_
    wrong = (
        study.outputs.argmax(axis=1)
        != np.unique(study.digits.held_out["digit"], return_inverse=True)[1]
    )
    profile = study.analysis.redundancy_
    linked = (profile["group"] >= 0).sum()
    return [
        f"smallest share of the features that keeps 99 % of the accuracy: "
        f"{study.analysis.smallest_share_:.2f}",
        f"outlier score, median of images recognised: {np.median(scores[~wrong]):.2f}, "
        f"of the {wrong.sum()} others: {np.median(scores[wrong]):.2f}",
        f"features that carry nothing: {profile['carries_nothing'].sum()}, "
        f"linked with another (0.95): {linked}, of {len(profile)}",
    ]
