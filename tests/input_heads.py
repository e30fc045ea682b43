"""Trained heads and sample weights of the matrix of input."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_wsca import Head
from tests.input_cases import (
    CODES,
    DISEASE,
    HEAD,
    SITE,
    Case,
    D,
    N,
    X,
    needs,
    refused,
    same_as_plain,
    with_gaps,
)

REFUSED_HEADS = {
    "wrong width": (
        lambda: np.ones((2, 5)),
        "the head has 5 weights per row and the embeddings have 4",
    ),
    "transposed": (lambda: HEAD.T.copy(), r".*transposed: pass weights\.T"),
    "NaN": (
        lambda: HEAD * [[np.nan], [1.0]],
        "4 of 8 weights are NaN or infinite; export",
    ),
    "complex": (lambda: HEAD + 1j, r"cannot be read as weights \(complex numbers\)"),
    "complex tensor": (
        lambda: needs("torch").tensor(HEAD + 1j),
        r"cannot be read as weights \(complex numbers\)",
    ),
    "complex intercepts": (
        lambda: (HEAD, [1j, 0.0]),
        r"cannot be read as intercepts \(complex numbers\)",
    ),
    "masked": (
        lambda: np.ma.masked_array(HEAD, np.eye(2, D) > 0),
        r"cannot be read as weights \(masked values\)",
    ),
    "words as intercepts": (
        lambda: (HEAD, ["a", "b"]),
        r"cannot be read as intercepts \(list\)",
    ),
    "NaN among intercepts": (
        lambda: (HEAD, [np.nan, 0.0]),
        ".*2 finite intercepts are needed; found 2, of which 1 are finite",
    ),
    "three intercepts": (
        lambda: (HEAD, np.zeros(3)),
        ".*2 finite intercepts are needed; found 3",
    ),
    "no rows": (lambda: HEAD[:0], r"the head is empty.*shape \(0, 4\)"),
    "empty list": (list, "the head is empty"),
    "dict": (lambda: {"weight": HEAD}, r"cannot be read as weights \(dict\)"),
    "three parts": (
        lambda: (HEAD, np.zeros(2), 1),
        r"cannot be read as weights \(tuple\)",
    ),
    "sparse matrix": (
        lambda: sparse.csr_matrix(HEAD),
        r"cannot be read as weights \(csr_matrix\)",
    ),
    "pairs of classes": (
        lambda: SVC(kernel="linear").fit(X, SITE),
        "SVC.* has one row of weights per pair of classes.*LinearSVC",
    ),
    "times 1e300": (
        lambda: HEAD * 1e300,
        r"the largest weight has the size .*e\+300.*rescale the weights",
    ),
    "times 1e-300": (
        lambda: HEAD * 1e-300,
        "the largest weight has the size .*e-300.*rescale the weights",
    ),
    "whole network": (
        lambda: needs("torch").nn.Sequential(
            needs("torch").nn.Linear(D, 2), needs("torch").nn.Softmax(dim=1)
        ),
        "the Sequential is no linear head.*pass the linear layer itself",
    ),
}
NO_HEADS = {
    "name of a file": (
        lambda: "head.npy",
        "'head.npy' cannot be read as weights; read .*io.load_head",
    ),
    "unfitted": (
        LogisticRegression,
        r"LogisticRegression\(\) is not fitted; pass a trained head",
    ),
    "unfitted Pipeline": (
        lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        r"Pipeline\(.* is not fitted; pass a trained head",
    ),
    "Pipeline with a forest": (
        lambda: make_pipeline(StandardScaler(), RandomForestClassifier(3)).fit(
            X, DISEASE
        ),
        "RandomForestClassifier has no coef_, so it is no linear",
    ),
    "search": (
        lambda: GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}).fit(X, DISEASE),
        "GridSearchCV is a search; its head is best_estimator_",
    ),
    "forest": (
        lambda: RandomForestClassifier(3).fit(X, DISEASE),
        "RandomForestClassifier has no coef_, so it is no linear",
    ),
}
SAME_HEADS = {
    "float16": (
        lambda: HEAD.astype(np.float16),
        lambda: HEAD.astype(np.float16).astype(float),
    ),
    "Python objects": (lambda: HEAD.astype(object), lambda: HEAD),
    "frame": (lambda: pd.DataFrame(HEAD), lambda: HEAD),
    "bfloat16": (
        lambda: needs("torch").tensor(HEAD).bfloat16(),
        lambda: needs("torch").tensor(HEAD).bfloat16().double().numpy(),
    ),
}
HEADS = [
    *refused("head", REFUSED_HEADS),
    *refused("head", NO_HEADS, "target_head", "head"),
    *same_as_plain("head", SAME_HEADS),
    Case(
        "head",
        "times 1e30",
        lambda: HEAD * 1e30,
        plain=lambda: HEAD * 1e10,
        places=("target_head",),
    ),
]
REFUSED_OBJECTS = {
    "unknown kind": (
        lambda: Head(HEAD, np.zeros(2), None, "softmax"),
        r"kind='softmax' is not one of \('logistic', 'ridge'\)",
    ),
    "three classes for two rows": (
        lambda: Head(HEAD, np.zeros(2), ("a", "b", "c"), "logistic"),
        "coef has 2 rows and there are 3 classes; pass one row per",
    ),
    "three intercepts": (
        lambda: Head(HEAD, np.zeros(3), None, "ridge"),
        "coef has 2 rows and intercept has 3 entries",
    ),
}
HEAD_OBJECTS = refused("Head", REFUSED_OBJECTS)

# --- sample weights ------------------------------------------------------------------

REFUSED_WEIGHTS = {
    "negative": (lambda: -np.ones(N), "Negative values"),
    "NaN": (lambda: with_gaps(np.ones(N), np.nan), "Input sample_weight contains NaN"),
    "infinity": (
        lambda: with_gaps(np.ones(N), np.inf),
        "Input sample_weight contains infinity",
    ),
    "all zero": (lambda: np.zeros(N), "(Sample weights .*non-zero|only 0 of 60 rows)"),
    "59 weights": (
        lambda: np.ones(N - 1),
        r"sample_weight\.shape == \(59,\), expected \(60,\)",
    ),
    "two-dimensional": (
        lambda: np.ones((N, 1)),
        "Sample weights must be 1D array or scalar",
    ),
    "words": (lambda: ["a"] * N, "the weights are not numeric"),
    "complex": (lambda: np.ones(N) * 1j, "Complex data not supported"),
    "masked": (
        lambda: np.ma.masked_array(np.ones(N), np.arange(N) < 3),
        "3 values are masked",
    ),
    "times 1e300": (
        lambda: np.full(N, 1e300),
        r"the largest weight has the size 1e\+300.*rescale",
    ),
    "times 1e-300": (
        lambda: np.full(N, 1e-300),
        "the largest weight has the size 1e-300.*rescale",
    ),
    "index of other rows": (
        lambda: pd.Series(np.ones(N), index=range(5, N + 5)),
        "^the indexes of y and sample_weight have different labels",
    ),
    "other order of rows": (
        lambda: pd.Series(np.ones(N), index=range(N)[::-1]),
        "^the indexes of y and sample_weight .*different order: align",
    ),
}
SAME_WEIGHTS = {
    "truth values": (lambda: CODES > 0, lambda: (CODES > 0).astype(float)),
    "a single number": (lambda: 2.0, lambda: np.full(N, 2.0)),
    "float16": (lambda: (1.0 + CODES).astype(np.float16), lambda: 1.0 + CODES),
}
WEIGHTS = [
    *refused("sample_weight", REFUSED_WEIGHTS),
    *same_as_plain("sample_weight", SAME_WEIGHTS),
]
