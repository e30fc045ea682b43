"""Trained heads and sample weights of the matrix of input."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
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
    with_gaps,
)

HEADS = [
    Case(
        "head",
        "wrong width",
        lambda: np.ones((2, 5)),
        "^{argument}: the head has 5 weights per row and the embeddings have 4",
    ),
    Case(
        "head",
        "transposed",
        lambda: HEAD.T.copy(),
        r"^{argument}: .*transposed: pass weights\.T",
    ),
    Case(
        "head",
        "NaN",
        lambda: HEAD * [[np.nan], [1.0]],
        "^{argument}: 4 of 8 weights are NaN or infinite; export",
    ),
    Case(
        "head",
        "complex",
        lambda: HEAD + 1j,
        r"^{argument}: cannot be read as weights \(complex numbers\)",
    ),
    Case(
        "head",
        "complex intercepts",
        lambda: (HEAD, [1j, 0.0]),
        r"^{argument}: cannot be read as intercepts \(complex numbers\)",
    ),
    Case(
        "head",
        "masked",
        lambda: np.ma.masked_array(HEAD, np.eye(2, D) > 0),
        r"^{argument}: cannot be read as weights \(masked values\)",
    ),
    Case(
        "head",
        "words as intercepts",
        lambda: (HEAD, ["a", "b"]),
        r"^{argument}: cannot be read as intercepts \(list\)",
    ),
    Case(
        "head",
        "NaN among intercepts",
        lambda: (HEAD, [np.nan, 0.0]),
        "^{argument}: .*2 finite intercepts are needed; found 2, of which 1 are finite",
    ),
    Case(
        "head",
        "three intercepts",
        lambda: (HEAD, np.zeros(3)),
        "^{argument}: .*2 finite intercepts are needed; found 3",
    ),
    Case(
        "head",
        "no rows",
        lambda: HEAD[:0],
        r"^{argument}: the head is empty.*shape \(0, 4\)",
    ),
    Case("head", "empty list", list, "^{argument}: the head is empty"),
    Case(
        "head",
        "dict",
        lambda: {"weight": HEAD},
        r"^{argument}: cannot be read as weights \(dict\)",
    ),
    Case(
        "head",
        "three parts",
        lambda: (HEAD, np.zeros(2), 1),
        r"^{argument}: cannot be read as weights \(tuple\)",
    ),
    Case(
        "head",
        "sparse matrix",
        lambda: sparse.csr_matrix(HEAD),
        r"^{argument}: cannot be read as weights \(csr_matrix\)",
    ),
    Case(
        "head",
        "name of a file",
        lambda: "head.npy",
        "^{argument}: 'head.npy' cannot be read as weights; read .*io.load_head",
        places=("target_head", "head"),
    ),
    Case(
        "head",
        "unfitted",
        LogisticRegression,
        r"^{argument}: LogisticRegression\(\) is not fitted; pass a trained head",
        places=("target_head", "head"),
    ),
    Case(
        "head",
        "Pipeline",
        lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, DISEASE),
        "^{argument}: Pipeline has no coef_, so it is no linear head",
        places=("target_head", "head"),
    ),
    Case(
        "head",
        "forest",
        lambda: RandomForestClassifier(3).fit(X, DISEASE),
        "^{argument}: RandomForestClassifier has no coef_, so it is no linear",
        places=("target_head", "head"),
    ),
    Case(
        "head",
        "pairs of classes",
        lambda: SVC(kernel="linear").fit(X, SITE),
        "^{argument}: SVC.* has one row of weights per pair of classes.*LinearSVC",
    ),
    Case(
        "head",
        "times 1e300",
        lambda: HEAD * 1e300,
        r"^{argument}: the largest weight has the size .*e\+300.*rescale the weights",
    ),
    Case(
        "head",
        "times 1e-300",
        lambda: HEAD * 1e-300,
        r"^{argument}: the largest weight has the size .*e-300.*rescale the weights",
    ),
    Case(
        "head",
        "whole network",
        lambda: needs("torch").nn.Sequential(needs("torch").nn.Linear(D, 2)),
        r"^{argument}: cannot be read as weights \(Sequential\)",
    ),
    Case(
        "head",
        "float16",
        lambda: HEAD.astype(np.float16),
        plain=lambda: HEAD.astype(np.float16).astype(float),
    ),
    Case("head", "Python objects", lambda: HEAD.astype(object), plain=lambda: HEAD),
    Case("head", "frame", lambda: pd.DataFrame(HEAD), plain=lambda: HEAD),
    Case(
        "head",
        "bfloat16",
        lambda: needs("torch").tensor(HEAD).bfloat16(),
        plain=lambda: needs("torch").tensor(HEAD).bfloat16().double().numpy(),
    ),
    Case(
        "head",
        "times 1e30",
        lambda: HEAD * 1e30,
        plain=lambda: HEAD * 1e10,
        places=("target_head",),
    ),
]
HEAD_OBJECTS = [
    Case(
        "Head",
        "unknown kind",
        lambda: Head(HEAD, np.zeros(2), None, "softmax"),
        r"^Head: kind='softmax' is not one of \('logistic', 'ridge'\)",
    ),
    Case(
        "Head",
        "three classes for two rows",
        lambda: Head(HEAD, np.zeros(2), ("a", "b", "c"), "logistic"),
        "^Head: coef has 2 rows and there are 3 classes; pass one row per",
    ),
    Case(
        "Head",
        "three intercepts",
        lambda: Head(HEAD, np.zeros(3), None, "ridge"),
        "^Head: coef has 2 rows and intercept has 3 entries",
    ),
]

# --- sample weights ------------------------------------------------------------------

WEIGHTS = [
    Case(
        "sample_weight",
        "negative",
        lambda: -np.ones(N),
        "^sample_weight: Negative values",
    ),
    Case(
        "sample_weight",
        "NaN",
        lambda: with_gaps(np.ones(N), np.nan),
        "^sample_weight: Input sample_weight contains NaN",
    ),
    Case(
        "sample_weight",
        "infinity",
        lambda: with_gaps(np.ones(N), np.inf),
        "^sample_weight: Input sample_weight contains infinity",
    ),
    Case(
        "sample_weight",
        "all zero",
        lambda: np.zeros(N),
        "[Ss]ample.?[Ww]eight.*(non-zero|only 0 of 60 rows)",
    ),
    Case(
        "sample_weight",
        "59 weights",
        lambda: np.ones(N - 1),
        r"^sample_weight: sample_weight\.shape == \(59,\), expected \(60,\)",
    ),
    Case(
        "sample_weight",
        "two-dimensional",
        lambda: np.ones((N, 1)),
        "^sample_weight: Sample weights must be 1D array or scalar",
    ),
    Case(
        "sample_weight",
        "words",
        lambda: ["a"] * N,
        "^sample_weight: the weights are not numeric",
    ),
    Case(
        "sample_weight",
        "complex",
        lambda: np.ones(N) * 1j,
        "^sample_weight: Complex data not supported",
    ),
    Case(
        "sample_weight",
        "masked",
        lambda: np.ma.masked_array(np.ones(N), np.arange(N) < 3),
        "^sample_weight: 3 values are masked",
    ),
    Case(
        "sample_weight",
        "times 1e300",
        lambda: np.full(N, 1e300),
        r"^sample_weight: the largest weight has the size 1e\+300.*rescale",
    ),
    Case(
        "sample_weight",
        "times 1e-300",
        lambda: np.full(N, 1e-300),
        "^sample_weight: the largest weight has the size 1e-300.*rescale",
    ),
    Case(
        "sample_weight",
        "index of other rows",
        lambda: pd.Series(np.ones(N), index=range(5, N + 5)),
        "^the indexes of y and sample_weight have different labels",
    ),
    Case(
        "sample_weight",
        "other order of rows",
        lambda: pd.Series(np.ones(N), index=range(N)[::-1]),
        r"^the indexes of y and sample_weight .*different order: align",
    ),
    Case(
        "sample_weight",
        "truth values",
        lambda: CODES > 0,
        plain=lambda: (CODES > 0).astype(float),
    ),
    Case(
        "sample_weight", "a single number", lambda: 2.0, plain=lambda: np.full(N, 2.0)
    ),
    Case(
        "sample_weight",
        "float16",
        lambda: (1.0 + CODES).astype(np.float16),
        plain=lambda: 1.0 + CODES,
    ),
]
