"""The figures and tables of the paper on Weight Space Correlation."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.paper.networks import Digits, Exported, export, train, wide_body
from sklearn_wsca import (
    AlignmentDisplay,
    ComponentSensitivityDisplay,
    Head,
    IntegratedFeatureAnalysis,
    NullDistributionDisplay,
    WeightSpaceCorrelation,
    weight_space_correlation,
)
from sklearn_wsca.datasets import load_heart_hospitals, load_sentiment_sources

N_BINS = 4
# Share of the noisy copy that differs from the target.
FLIPPED = 0.35
SHOWN = {
    "encoding_pvalue": "encoding p",
    "alignment_score": "WSC",
    "alignment_pvalue": "WSC p",
    "utilization": "utilization",
    "utilization_low": "low",
    "utilization_high": "high",
    "verdict": "verdict",
}


@dataclass(frozen=True)
class Settings:
    """How large the study is."""

    width: int
    n_epochs: int
    n_permutations: int


@dataclass(frozen=True)
class Study:
    """A fine-tuned and a multi-task network on the same images, analysed."""

    fine_tuned: WeightSpaceCorrelation
    multi_task: WeightSpaceCorrelation
    given: Exported


def run_study(digits: Digits, settings: Settings) -> Study:
    """Train and analyse."""
    analyses, given = [], []
    for tasks in (("digit",), ("digit", "scanner")):
        networks = train(digits, wide_body, settings.width, tasks, settings.n_epochs)
        exported = export(digits, networks, tasks)
        trained = {task: exported.heads[task] for task in tasks[1:]}
        analysis = WeightSpaceCorrelation(
            "digit",
            target_head=exported.heads["digit"],
            heads=trained or "auto",
            null="sign_flip" if trained else "permutation",
            n_bins=N_BINS,
            n_permutations=settings.n_permutations,
            random_state=0,
        )
        analyses.append(analysis.fit(exported.embeddings, exported.table))
        given.append(exported)
    return Study(*analyses, given[0])


def heads_table(analysis: WeightSpaceCorrelation) -> pd.DataFrame:
    """Encodability of every column beside its WSC, and its use."""
    wanted = ["accuracy", "macro_precision", "macro_f1", "auroc"]
    metrics = analysis.encoding_metrics_.reindex(columns=wanted)
    metrics = metrics.set_axis(
        ["accuracy", "macro precision", "macro F1", "AUROC"], axis="columns"
    )
    shown = analysis.summary_[["target_association", *SHOWN]].rename(columns=SHOWN)
    shown = shown.rename(columns={"target_association": "association"})
    return metrics.join(shown.infer_objects(), how="right").rename_axis("column")


def count_linked(analysis: WeightSpaceCorrelation) -> str:
    """Digits that are most aligned with the scanner that recorded most of them."""
    cosines = analysis.alignment_["scanner"].to_numpy()
    linked = np.arange(len(cosines)) % cosines.shape[1]
    return f"{(cosines.argmax(axis=1) == linked).sum()} of {len(cosines)}"


def pairs_table(study: Study) -> pd.DataFrame:
    """Cosines of pairs of rows of one head, and of different heads."""
    rows = {}
    for name, analysis in {
        "fine-tuned": study.fine_tuned,
        "multi-task": study.multi_task,
    }.items():
        heads = {"digit": analysis.target_head_, **analysis.heads_}
        for centred in (True, False):
            within, between = _cosines(heads, analysis.components_, centred)
            words = "centred over classes" if centred else "as they are"
            rows[name, "within heads", words] = _describe(within)
            rows[name, "between heads", words] = _describe(between)
    table = pd.DataFrame(rows).T.infer_objects()
    table["pairs"] = table["pairs"].astype(int)
    return table.rename_axis(["network", "pairs of rows", "rows"])


def _cosines(heads: dict, components: np.ndarray, centred: bool) -> tuple:
    within, between = [], []
    names = list(heads)
    for i, first in enumerate(names):
        for second in names[i:]:
            cosines = weight_space_correlation(
                heads[first].coef, heads[second].coef, components, center=centred
            )
            if first == second:
                within.append(cosines[np.triu_indices(len(cosines), 1)])
            else:
                between.append(cosines.ravel())
    return np.concatenate(within), np.concatenate(between)


def _describe(cosines: np.ndarray) -> dict[str, float]:
    return {
        "pairs": len(cosines),
        "mean": cosines.mean(),
        "standard deviation": cosines.std(),
        "2.5 %": np.quantile(cosines, 0.025),
        "97.5 %": np.quantile(cosines, 0.975),
    }


def sensitivity_table(study: Study) -> pd.DataFrame:
    """WSC by the dimension of the subspace."""
    found = study.fine_tuned.component_sensitivity(
        study.given.embeddings, study.given.table
    )
    table = found.reset_index()
    table["projected"] = table["projected"].map({True: "yes", False: "no"})
    table["chosen"] = table["chosen"].map({True: "chosen", False: ""})
    return table.rename(columns={"explained_variance": "variance"}).set_index("k")


def hospitals_table(n_permutations: int) -> pd.DataFrame:
    """A trained network and the hospitals of its patients."""
    heart = load_heart_hospitals()
    analysis = WeightSpaceCorrelation(
        "disease", target_head=heart.head, n_permutations=n_permutations, random_state=0
    ).fit(heart.data, heart.metadata)
    return heads_table(analysis)


def sentences_table(n_permutations: int) -> pd.DataFrame:
    """Sources of sentences, and a column as the birth weight is in the paper.

    The birth weight is associated with preterm birth in the patients, whatever a
    network sees of it. So is a noisy copy of the target with the sentiment.
    """
    sentences = load_sentiment_sources()
    generator = np.random.default_rng(0)
    is_copied = generator.random(len(sentences.data)) >= FLIPPED
    copy = (sentences.target == "positive") == is_copied
    table = sentences.metadata.assign(**{"noisy copy": np.where(copy, "high", "low")})
    analysis = WeightSpaceCorrelation(
        "sentiment",
        columns=["source", "n_words", "noisy copy"],
        n_permutations=n_permutations,
        random_state=0,
    ).fit(sentences.data, table)
    return heads_table(analysis)


def absent_class_table() -> pd.DataFrame:
    """Mean AUROC of four classes that are told apart perfectly, one without images."""
    labels = np.repeat([0, 1, 2], 50)
    scores = np.eye(4)[labels]
    areas = [roc_auc_score(labels == code, scores[:, code]) for code in range(3)]
    head = Head(np.eye(4), np.zeros(4), (0, 1, 2, 3), "logistic")
    with warnings.catch_warnings():
        # It says that there is no image of the fourth class.
        warnings.simplefilter("ignore", UserWarning)
        analysis = IntegratedFeatureAnalysis(head).fit(scores, labels)
    rows = {
        "absent class counted as 0": np.mean([*areas, 0.0]),
        "this package (absent class left out)": (
            analysis.performance_curve_["auroc"].iloc[-1]
        ),
    }
    return pd.Series(rows, name="mean AUROC").rename_axis("average").to_frame()


def ones_table(digits: Digits, n_permutations: int) -> pd.DataFrame:
    """Images as maps that are averaged: a head of ones."""
    table = digits.held_out
    maps = digits.images.numpy()[~digits.is_train].reshape(len(table), -1)
    is_bold = table["ink"] > table["ink"].median()
    table = table.assign(target=np.where(is_bold, "bold", "thin"))
    parameters = {
        "target": "target",
        "target_head": np.ones(maps.shape[1]),
        # A sum of pixels is no prediction.
        "check_head": False,
        "n_permutations": n_permutations,
        "random_state": 0,
    }
    plain = WeightSpaceCorrelation(columns=["scanner", "width", "reader"], **parameters)
    adjusted = WeightSpaceCorrelation(
        columns=["width"], confounders=["scanner"], **parameters
    )
    rows = heads_table(adjusted.fit(maps, table))
    rows = rows.rename({"width": "width, scanner held fixed"})
    rows = pd.concat([heads_table(plain.fit(maps, table)), rows])
    return rows.rename_axis("column")


def draw(study: Study, directory: Path) -> None:
    """Save matrix, pairs and sensitivity."""
    matrix = AlignmentDisplay.from_estimator(study.multi_task)
    matrix.figure_.savefig(directory / "paper_matrix.png", dpi=90)
    pairs = NullDistributionDisplay.from_estimator(study.fine_tuned, kind="pairs")
    pairs.figure_.savefig(directory / "paper_pairs.png", dpi=110)
    found = ComponentSensitivityDisplay.from_estimator(
        study.fine_tuned, study.given.embeddings, study.given.table
    )
    found.figure_.savefig(directory / "paper_sensitivity.png", dpi=110)
