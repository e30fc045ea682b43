"""The demonstration: the shipped hospital data, and how to read what comes out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sklearn_wsca._weight_space_correlation import WeightSpaceCorrelation
from sklearn_wsca.datasets import load_heart_hospitals

INTRODUCTION = """\
A small network was trained to tell heart disease from eight routine measurements, \
age and sex among them, of patients in four hospitals. It was not told the hospital. \
It is judged on patients of these hospitals that it was not trained on. \
Can hospital, sex and age be read off what the network has computed (encoded), does \
its decision read the same directions (aligned), and does its output differ between \
them among patients with the same disease status (used)?"""

READING = """\
Encoded: how well a linear model tells the column from the network's embedding, on \
patients it was not fitted on (right: balanced accuracy, the mean over levels of the \
share recognised); the p-value says how often a permuted column is predicted as well. \
Aligned: how far that model and the network's decision read the same directions of \
the embedding (root mean square cosine; 0 = unrelated, 1 = the same), with a p-value \
from permuted columns and refitted models, corrected for looking at several columns. \
Output moves: how far the network's output differs between the levels (for a \
continuous column: per standard deviation) among patients with the same disease \
status, in standard deviations of the output, with a 95% interval; below it, the \
largest difference in the predicted probability of disease.

Used: the output moves, by more than chance and by at least 0.1. Not used: the column \
is encoded and the interval excludes 0.1. What this does not say: moving with a \
column at fixed disease status is an association, not proof of a cause. Patients with \
the same status may differ between hospitals in how ill they are, and the network may \
be right to see it. Alignment alone is neither: a decision can align with a column \
only because the disease is unevenly spread over it, and use one through directions \
that it does not align with."""


def load_demo() -> tuple[pd.DataFrame, pd.DataFrame, Any]:
    """Embeddings and metadata of patients that the network has not seen, its head."""
    heart = load_heart_hospitals()
    rows = heart.split == "held-out"
    return heart.data[rows], heart.metadata[rows], heart.head


def demo_analysis(head: Any, n_permutations: int, seed: int) -> WeightSpaceCorrelation:
    """Estimator for the hospital data."""
    return WeightSpaceCorrelation(
        "disease",
        target_head=head,
        held_out=True,
        n_permutations=n_permutations,
        random_state=seed,
        n_jobs=-1,
    )
