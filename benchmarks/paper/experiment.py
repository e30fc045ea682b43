"""The paper's controlled experiment: three compositions of the training set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.paper.spreads import count_alarms, say_spread
from benchmarks.shortcut.measures import analyse
from benchmarks.shortcut.networks import (
    Configuration,
    composition_study,
    load_or_train,
)
from sklearn_wsca import NullDistributionDisplay


def run_experiment(
    seeds: Sequence[int], directory: Path, n_permutations: int, report: Callable
) -> pd.DataFrame:
    """One row per network, with the null of its WSC in ``attrs``."""
    rows, nulls = [], {}
    for configuration in composition_study(seeds):
        report(configuration.file_name)
        network = load_or_train(configuration, directory)
        analysis = analyse(network, n_permutations)
        row = describe(configuration, network, analysis, n_permutations)
        rows.append(row)
        if configuration.seed == seeds[0]:
            name = f"{row['composition']}, {row['tasks']}"
            nulls[name] = (row, analysis.null_distribution_["scanner"])
    table = pd.DataFrame(rows)
    table.attrs["nulls"] = nulls
    return table


def describe(
    configuration: Configuration, network: dict, analysis, n_permutations: int
) -> dict:
    """What is known and found of one network."""
    found = analysis.summary_.loc["scanner"]
    trained = pvalue = np.nan
    if configuration.multi_task:
        head = network["scanner_coef"], network["scanner_intercept"]
        flipped = analyse(
            network, n_permutations, heads={"scanner": head}, null="sign_flip"
        )
        trained = flipped.alignment_scores_["scanner"]
        pvalue = flipped.pvalues_["scanner"]
    return {
        "composition": configuration.sampling,
        "tasks": "multi-task" if configuration.multi_task else "fine-tuned",
        "plane accuracy": float(network["accuracy"]),
        "scanner AUROC": analysis.encoding_metrics_.loc["scanner", "auroc"],
        "association": found["target_association"],
        "WSC": found["alignment_score"],
        "WSC p-value": found["alignment_pvalue"],
        "WSC, trained heads": trained,
        "sign-flip p-value": pvalue,
        "utilization": found["utilization"],
        "verdict": found["verdict"],
        "true use": float(network["shift"]),
    }


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Means and standard deviations over seeds, and counts of alarms."""
    groups = table.groupby(["composition", "tasks"], sort=False)
    numbers = ["plane accuracy", "scanner AUROC", "association", "WSC"]
    numbers += ["WSC, trained heads", "utilization", "true use"]
    shown = groups[numbers].agg(say_spread)
    shown.insert(4, "WSC p <= 5 %", groups["WSC p-value"].agg(count_alarms))
    alarms = groups["sign-flip p-value"].agg(count_alarms)
    shown.insert(6, "sign-flip p <= 5 %", alarms)
    shown["verdict `used`"] = groups["verdict"].agg(
        lambda found: f"{(found == 'used').sum()} of {len(found)}"
    )
    return shown


def draw_nulls(table: pd.DataFrame, path: Path) -> None:
    """WSC of the networks of the first seed beside their nulls."""
    nulls = table.attrs["nulls"]
    pvalues = {name: row["WSC p-value"] for name, (row, _) in nulls.items()}
    display = NullDistributionDisplay(
        pd.DataFrame({name: null for name, (_, null) in nulls.items()}),
        pd.Series({name: row["WSC"] for name, (row, _) in nulls.items()}),
        pvalues=pd.DataFrame({"pvalue": pvalues, "pvalue_fwer": np.nan}),
        x_label="WSC of plane and scanner (root mean square cosine)",
        title="The controlled experiment: WSC beside its null",
        subtitle="Null: scanners permuted and the probe refitted.",
    ).plot()
    display.figure_.savefig(path, dpi=110)
