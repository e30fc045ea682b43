"""The figures and tables of the paper on Weight Space Correlation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.paper.networks import Digits, Exported, export, train, wide_body
from benchmarks.paper.spreads import count_alarms, say_spread
from sklearn_wsca import (
    AlignmentDisplay,
    ComponentSensitivityDisplay,
    Head,
    IntegratedFeatureAnalysis,
    NullDistributionDisplay,
    WeightSpaceCorrelation,
    network_spread,
    reference_cosines,
)
from sklearn_wsca.datasets import load_heart_hospitals, load_sentiment_sources

N_BINS = 4
# Of pairs of rows, those with the largest cosines are in the table.
MOST_PAIRS = 6
SETTINGS = {"fine-tuned": ("digit",), "multi-task": ("digit", "scanner")}
METRICS = {
    "accuracy": "accuracy",
    "macro_precision": "macro precision",
    "macro_f1": "macro F1",
    "auroc": "AUROC",
}
NUMBERS = {"alignment_score": "WSC", "utilization": "utilization"}
ALARMS = {"encoding_pvalue": "encoding p <= 5 %", "alignment_pvalue": "WSC p <= 5 %"}
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
    """Networks of several seeds on the same images, analysed.

    Parameters
    ----------
    analyses : dict of setting to dict of seed to WeightSpaceCorrelation
        Of the networks for the digit alone ("fine-tuned"), and for digit and scanner.
    given : dict of setting to dict of seed to Exported
        What was analysed.
    """

    analyses: dict[str, dict[int, WeightSpaceCorrelation]]
    given: dict[str, dict[int, Exported]]

    def first(self, setting: str) -> WeightSpaceCorrelation:
        """Analysis of the network of the first seed."""
        return next(iter(self.analyses[setting].values()))


def run_study(digits: Digits, settings: Settings, seeds: Sequence[int]) -> Study:
    """Train and analyse."""
    analyses: dict = {setting: {} for setting in SETTINGS}
    given: dict = {setting: {} for setting in SETTINGS}
    for (setting, tasks), seed in product(SETTINGS.items(), seeds):
        networks = train(
            digits, wide_body, settings.width, tasks, settings.n_epochs, seed
        )
        exported = export(digits, networks, tasks)
        trained = {task: exported.heads[task] for task in tasks[1:]}
        analysis = WeightSpaceCorrelation(
            "digit",
            target_head=exported.heads["digit"],
            heads=trained or "auto",
            null="sign_flip" if trained else "permutation",
            n_bins=N_BINS,
            binning="uniform",
            n_permutations=settings.n_permutations,
            random_state=0,
        )
        analyses[setting][seed] = analysis.fit(exported.embeddings, exported.table)
        given[setting][seed] = exported
    return Study(analyses, given)


def networks_table(analyses: dict[int, WeightSpaceCorrelation]) -> pd.DataFrame:
    """Encodability of every column beside its WSC, and its use: mean and deviation."""
    spread, every = network_spread(analyses), analyses.values()
    rows = {}
    for name, (_, verdicts, *_) in zip(
        spread.verdicts.index, spread.rows(), strict=True
    ):
        metrics = {
            words: say_spread([a.encoding_metrics_.loc[name, key] for a in every])
            for key, words in METRICS.items()
        }
        tests = {
            words: count_alarms(a.summary_.loc[name, key] for a in every)
            for key, words in ALARMS.items()
        }
        numbers = {
            words: say_spread(spread.values.loc[(name, key)])
            for key, words in NUMBERS.items()
        }
        association = next(iter(every)).summary_.loc[name, "target_association"]
        rows[name] = {
            **metrics,
            "association": association,
            **numbers,
            **tests,
            "verdict": verdicts,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("column")


def heads_table(analysis: WeightSpaceCorrelation) -> pd.DataFrame:
    """Encodability of every column beside its WSC, and its use."""
    metrics = analysis.encoding_metrics_.reindex(columns=METRICS)
    metrics = metrics.rename(columns=METRICS)
    shown = analysis.summary_[["target_association", *SHOWN]].rename(columns=SHOWN)
    shown = shown.rename(columns={"target_association": "association"})
    return metrics.join(shown.infer_objects(), how="right").rename_axis("column")


def count_linked(analysis: WeightSpaceCorrelation) -> int:
    """Digits that are most aligned with the scanner that recorded most of them."""
    cosines = analysis.alignment_["scanner"].to_numpy()
    linked = np.arange(len(cosines)) % cosines.shape[1]
    return int((cosines.argmax(axis=1) == linked).sum())


def rows_table(study: Study) -> pd.DataFrame:
    """Rows of the primary head against those of every column."""
    rows = {}
    for setting, analyses in study.analyses.items():
        for column in study.first(setting).alignment_scores_.index:
            cosines = [a.alignment_[column].to_numpy() for a in analyses.values()]
            pvalues = (a.pvalues_[column] for a in analyses.values())
            rows[setting, column] = {
                "root mean square": say_spread(
                    np.sqrt([(c**2).mean() for c in cosines])
                ),
                "lowest cosine": say_spread(c.min() for c in cosines),
                "highest cosine": say_spread(c.max() for c in cosines),
                "p <= 5 %": count_alarms(pvalues),
            }
    return pd.DataFrame(rows).T.rename_axis(["network", "column"])


def blocks_table(study: Study, setting: str) -> pd.DataFrame:
    """Root mean square of the cosines of every two tasks, without rows themselves."""
    pairs = reference_cosines(study.analyses[setting])
    own = pairs[pairs["network"] == pairs["other_network"]]
    squares = own.assign(square=own["cosine"] ** 2).groupby(
        ["network", "task", "other_task"]
    )["square"]
    blocks = np.sqrt(squares.mean()).unstack("network")
    tasks = study.first(setting).correlation_.index.unique("task")
    rows = {
        task: {
            other: say_spread(blocks.loc[(task, other)])
            if (task, other) in blocks.index
            else ""
            for other in tasks
        }
        for task in tasks
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("task")


def pairs_table(study: Study) -> pd.DataFrame:
    """Cosines of pairs of rows, of one head, of one network and of several.

    The last column is the share of the pairs between heads of one network that lies
    outside of the central 95 % of the distribution.
    """
    rows = {}
    for setting, analyses in study.analyses.items():
        pairs = reference_cosines(analyses)
        between = pairs.loc[pairs["pair"] == "between heads", "cosine"].to_numpy()
        for pair, found in pairs.groupby("pair", sort=False)["cosine"]:
            rows[setting, pair] = _describe(found.to_numpy(), between)
    table = pd.DataFrame(rows).T.infer_objects()
    table["pairs"] = table["pairs"].astype(int)
    return table.rename_axis(["network", "pairs of rows"])


def _describe(cosines: np.ndarray, between: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(cosines, [0.025, 0.975])
    return {
        "pairs": len(cosines),
        "mean": cosines.mean(),
        "standard deviation": cosines.std(),
        "2.5 %": low,
        "97.5 %": high,
        "between heads outside": np.mean((between < low) | (between > high)),
    }


def measure_sensitivity(study: Study, setting: str, pairs: bool) -> list[pd.DataFrame]:
    """WSC by the dimension of the subspace, of every seed."""
    return [
        analysis.component_sensitivity(
            study.given[setting][seed].embeddings,
            study.given[setting][seed].table,
            pairs=pairs,
        )
        for seed, analysis in study.analyses[setting].items()
    ]


def sensitivity_table(display: ComponentSensitivityDisplay) -> pd.DataFrame:
    """What a display of several seeds shows, in numbers."""
    mean, spread = display.mean_, display.spread_
    shown = mean.abs().iloc[-1].nlargest(MOST_PAIRS).index
    table = pd.DataFrame(
        {
            _name(column): [
                f"{m:.3f} ± {s:.3f}"
                for m, s in zip(mean[column], spread[column], strict=True)
            ]
            for column in mean.columns
            if column in shown
        },
        mean.index,
    ).reset_index()
    table["projected"] = table["projected"].map({True: "yes", False: "no"})
    table["chosen"] = table["chosen"].map({True: "chosen", False: ""})
    return table.rename(columns={"explained_variance": "variance"}).set_index("k")


def _name(column: Any) -> str:
    """Column, or pair of rows, in words."""
    if not isinstance(column, tuple):
        return str(column)
    return " ".join(map(str, column))


def analyse_hospitals(n_permutations: int) -> WeightSpaceCorrelation:
    """A trained network and the hospitals of its patients."""
    heart = load_heart_hospitals()
    return WeightSpaceCorrelation(
        "disease", target_head=heart.head, n_permutations=n_permutations, random_state=0
    ).fit(heart.data, heart.metadata)


def analyse_sentences(n_permutations: int) -> WeightSpaceCorrelation:
    """Sources of sentences, and a column as the birth weight is in the paper.

    The birth weight is associated with preterm birth in the patients, whatever a
    network sees of it. So is a noisy copy of the target with the sentiment.
    """
    sentences = load_sentiment_sources()
    generator = np.random.default_rng(0)
    is_copied = generator.random(len(sentences.data)) >= FLIPPED
    copy = (sentences.target == "positive") == is_copied
    table = sentences.metadata.assign(**{"noisy copy": np.where(copy, "high", "low")})
    return WeightSpaceCorrelation(
        "sentiment",
        columns=["source", "n_words", "noisy copy"],
        n_permutations=n_permutations,
        random_state=0,
    ).fit(sentences.data, table)


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


def analyse_ones(
    digits: Digits, n_permutations: int
) -> tuple[WeightSpaceCorrelation, WeightSpaceCorrelation]:
    """Images as maps that are averaged: a head of ones, plain and with confounder."""
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
    return plain.fit(maps, table), adjusted.fit(maps, table)


def ones_table(
    plain: WeightSpaceCorrelation, adjusted: WeightSpaceCorrelation
) -> pd.DataFrame:
    """Columns beside a head of ones."""
    rows = heads_table(adjusted).rename({"width": "width, scanner held fixed"})
    return pd.concat([heads_table(plain), rows]).rename_axis("column")


def draw(study: Study, directory: Path) -> None:
    """Save matrix, rows of the primary head, and pairs."""
    for kind, name in {"all": "matrix", "primary": "rows"}.items():
        drawn = AlignmentDisplay.from_estimator(study.first("multi-task"), kind=kind)
        drawn.figure_.savefig(directory / f"paper_{name}.png", dpi=90)
    null = reference_cosines(study.analyses["fine-tuned"])
    pairs = NullDistributionDisplay(
        null,
        study.first("fine-tuned").alignment_,
        kind="pairs",
        x_label="cosine of two head rows",
        title="Pairs of rows of one network, and of separately trained ones",
        subtitle="References, not tests: nothing was permuted.",
    ).plot()
    pairs.figure_.savefig(directory / "paper_pairs.png", dpi=110)


def draw_sensitivity(tables: list[pd.DataFrame], path: Path) -> Any:
    """Save the mean over seeds with its spread; returns the display."""
    display = ComponentSensitivityDisplay(tables).plot()
    display.figure_.savefig(path, dpi=110)
    return display
