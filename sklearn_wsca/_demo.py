"""The demonstration: the shipped hospital data, analysed."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sklearn_wsca._weight_space_correlation import WeightSpaceCorrelation
from sklearn_wsca.datasets import load_heart_hospitals


@dataclass(frozen=True)
class Demo:
    """Result of the demonstration.

    Parameters
    ----------
    summary : DataFrame
        `summary_` of the analysis.
    metrics : DataFrame
        `encoding_metrics_`.
    description : str
        What was done, in one paragraph.
    """

    summary: pd.DataFrame
    metrics: pd.DataFrame
    description: str


def run_demo(n_permutations: int = 999, seed: int = 0) -> Demo:
    """Analyse the hospital data with the trained head of the network."""
    heart = load_heart_hospitals()
    fitted = WeightSpaceCorrelation(
        "disease",
        target_head=heart.head,
        n_permutations=n_permutations,
        random_state=seed,
    ).fit(heart.data, heart.metadata)
    n, d = heart.data.shape
    description = (
        f"{n} patients, {d} features, {fitted.n_components_} principal directions, "
        f"{n_permutations} shuffles of patients per column, smallest possible p-value "
        f"{1 / (n_permutations + 1):.2g}, seed {seed}."
    )
    return Demo(fitted.summary_, fitted.encoding_metrics_, description)
