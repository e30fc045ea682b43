"""What an analysis of the held-out images says about one network."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.shortcut.networks import Configuration, load_or_train
from benchmarks.shortcut.outside import common_effect, largest_distance, sign_count
from sklearn_wsca import WeightSpaceCorrelation

LEVEL = 0.05
MARGIN = 0.1
TRUTHS = ("accuracy", "shift", "class_shift", "total_variation")
PUBLISHED = "WSC as published"
ADJUSTED = "WSC, adjusted for the target"
UTILIZATION = "utilization"
USED = "verdict `used`"


@dataclass(frozen=True)
class Finding:
    """Value of a measure and whether it raises an alarm; NaN where it says nothing."""

    value: float
    alarm: float

    @classmethod
    def tested(cls, value: float, pvalue: float) -> "Finding":
        """Alarm where the p-value is at most the level."""
        alarm = np.nan if np.isnan(pvalue) else float(pvalue <= LEVEL)
        return cls(float(value), alarm)


@dataclass(frozen=True)
class Results:
    """Tables with one row per network: truth and verdict, values, alarms."""

    networks: pd.DataFrame
    values: pd.DataFrame
    alarms: pd.DataFrame

    def take(self, rows: pd.Series) -> "Results":
        """Results of some of the networks."""
        return Results(self.networks[rows], self.values[rows], self.alarms[rows])


def measure_networks(
    configurations: Iterable[Configuration],
    directory: Path,
    n_permutations: int,
    report: Callable[[str], None],
) -> Results:
    """Train or load the networks and measure them one by one."""
    networks, findings = [], []
    for configuration in configurations:
        report(configuration.file_name)
        network = load_or_train(configuration, directory)
        analysis = analyse(network, n_permutations)
        networks.append(describe(configuration, network, analysis))
        findings.append(measure(network, analysis, n_permutations))
    values, alarms = (
        pd.DataFrame(
            [
                {name: getattr(finding, part) for name, finding in row.items()}
                for row in findings
            ]
        )
        for part in ("value", "alarm")
    )
    return Results(pd.DataFrame(networks), values, alarms)


def analyse(network: dict, n_permutations: int, **parameters) -> WeightSpaceCorrelation:
    """Analysis of the scanner by the package."""
    table = pd.DataFrame({"target": network["target"], "scanner": network["scanner"]})
    return WeightSpaceCorrelation(
        "target",
        target_head=(network["target_coef"], network["target_intercept"]),
        columns=["scanner"],
        n_permutations=n_permutations,
        min_effect=MARGIN,
        significance=LEVEL,
        random_state=0,
        **parameters,
    ).fit(network["embeddings"], table.astype(str))


def describe(
    configuration: Configuration, network: dict, analysis: WeightSpaceCorrelation
) -> dict:
    """Training, truth and verdict of a network."""
    return {
        "sampling": configuration.sampling,
        "artefact": configuration.artefact,
        "tasks": "multi-task" if configuration.multi_task else "fine-tuned",
        "seed": configuration.seed,
        **{name: float(network[name]) for name in TRUTHS},
        "low": analysis.utilization_ci_.loc["scanner", "low"],
        "high": analysis.utilization_ci_.loc["scanner", "high"],
        "verdict": analysis.verdicts_["scanner"],
    }


def measure(
    network: dict, analysis: WeightSpaceCorrelation, n_permutations: int
) -> dict[str, Finding]:
    """All measures of one network, by name."""
    verdict = analysis.verdicts_["scanner"]
    return {
        PUBLISHED: _alignment(analysis),
        "WSC, trained scanner head": _trained_alignment(network, n_permutations),
        ADJUSTED: _alignment(analyse(network, n_permutations, adjust_for_target=True)),
        "WSC, score metric": _alignment(
            analyse(network, n_permutations, metric="score")
        ),
        "WSC, pattern metric": _alignment(
            analyse(network, n_permutations, metric="pattern")
        ),
        "probe accuracy": Finding.tested(
            analysis.encoding_metrics_.loc["scanner", "balanced_accuracy"],
            analysis.encoding_pvalues_["scanner"],
        ),
        "Kolmogorov-Smirnov": Finding.tested(
            *largest_distance(network["embeddings"], network["scanner"])
        ),
        "sign count (TCAV)": Finding.tested(*sign_count(network)),
        "erasure, outputs": _erasure(analysis, "output_change"),
        "erasure, accuracy": _erasure(analysis, "balanced_accuracy_drop"),
        "utilization, common effects": Finding.tested(
            *common_effect(network, n_permutations)
        ),
        UTILIZATION: Finding.tested(
            analysis.utilization_["scanner"], analysis.utilization_pvalues_["scanner"]
        ),
        USED: Finding(np.nan, float(verdict == "used")),
    }


def _alignment(analysis: WeightSpaceCorrelation) -> Finding:
    return Finding.tested(
        analysis.alignment_scores_["scanner"], analysis.pvalues_["scanner"]
    )


def _erasure(analysis: WeightSpaceCorrelation, loss: str) -> Finding:
    row = analysis.erasure_.loc["scanner"]
    return Finding.tested(row[loss], row[f"{loss}_pvalue"])


def _trained_alignment(network: dict, n_permutations: int) -> Finding:
    """Alignment with the scanner head of a multi-task network."""
    if "scanner_coef" not in network:
        return Finding(np.nan, np.nan)
    head = network["scanner_coef"], network["scanner_intercept"]
    # A trained head cannot be refitted to permuted labels.
    return _alignment(
        analyse(network, n_permutations, heads={"scanner": head}, null="sign_flip")
    )
