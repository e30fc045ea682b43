"""Hypothesis strategies: studies of many shapes, drawn the same in every run.

A study is embeddings, a metadata table, and what an analysis is told of them.
Hypothesis draws what kind of study it is and a seed; numpy fills in the numbers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge

from tests.study_changes import SHAPES, Study

N_PERMUTATIONS = 19
SIGNIFICANCE = 0.25
LEVELS = ("Aarhus", "Bergen", "Cork", "Delft", "Evora")

PROFILE = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=8,
    suppress_health_check=list(HealthCheck),
    # A smaller seed is no simpler study.
    phases=(Phase.explicit, Phase.generate),
)


# --- columns -------------------------------------------------------------------------


def _site(rng, n, pull):
    """Two to five levels, one of them rare; the first is more frequent with pull."""
    n_levels = rng.integers(2, 6)
    codes = rng.integers(0, n_levels, n)
    codes = np.where(rng.random(n) < 0.4, (pull > 0).astype(int), codes)
    if n_levels > 3:
        codes = np.where(codes == n_levels - 1, 0, codes)
        codes[:2] = n_levels - 1
    return np.array(LEVELS)[codes]


def _age(rng, n, pull):
    return (61.0 + 12.0 * rng.standard_normal(n) + 6.0 * pull).round(2)


def _pregnancies(rng, n, pull):
    return rng.integers(0, 4, n) + (pull > 0.5)


def _smoker(rng, n, pull):
    return rng.random(n) < np.where(pull > 0, 0.6, 0.4)


def _visit(rng, n, pull):
    days = rng.integers(0, 2000, n) + 200 * (pull > 0)
    return pd.Timestamp("2018-03-01") + pd.to_timedelta(days, unit="D")


def _room(rng, n, pull):
    return np.full(n, "one")


def _sample(rng, n, pull):
    return [f"sample {i}" for i in rng.permutation(n)]


COLUMNS = {
    "site": _site,
    "age": _age,
    "pregnancies": _pregnancies,
    "smoker": _smoker,
    "visit": _visit,
    "room": _room,
    "sample": _sample,
}
LEFT_OUT = {"room": "constant", "sample": "identifier-like"}


def _with_gaps(series, rng, share):
    return series.mask(rng.random(len(series)) < share)


# --- embeddings ----------------------------------------------------------------------


def _embeddings(rng, signals, d, shape, scale, offset):
    """Rows that follow the signals, with unequal scales and non-zero means."""
    n = len(signals[0])
    X = rng.standard_normal((n, d))
    for signal in signals:
        X += 0.6 * np.outer(signal, rng.standard_normal(d))
    X *= np.linspace(0.5, 2.5, d)
    if shape == "low rank":
        X = X[:, : max(2, d // 2)] @ rng.standard_normal((max(2, d // 2), d))
    if shape == "repeated rows":
        X[n // 2 :] = X[: n - n // 2]
    if shape == "constant feature":
        X[:, -1] = 0.7
    return scale * (X + offset * rng.standard_normal(d))


def _trained_head(rng, kind, X, target):
    """A head on X in one of the forms that users have."""
    if kind == "refitted":
        return None
    spread = X.std()
    if kind == "ones":
        return np.ones(X.shape[1])
    if kind == "fitted" and target is not None:
        model = Ridge() if target.dtype.kind == "f" else LogisticRegression(C=0.1)
        centred = (X - X.mean(axis=0)) / spread
        model.fit(centred, target)
        coef = np.atleast_2d(model.coef_) / spread
        return coef, np.atleast_1d(model.intercept_) - coef @ X.mean(axis=0)
    rows = int(rng.integers(1, 5))
    coef = (rng.standard_normal((rows, X.shape[1])) + 0.3) / spread
    return coef, -coef @ X.mean(axis=0) + rng.standard_normal(rows)


# --- studies -------------------------------------------------------------------------

TARGETS = {
    "two classes": lambda latent: np.where(latent > 0, "ill", "healthy"),
    "three classes": lambda latent: np.digitize(latent, [-0.5, 0.5]),
    "number": lambda latent: 40.0 + 7.0 * latent,
    "none": lambda latent: None,
}
HEADS = ["refitted", "fitted", "trained", "ones"]


@st.composite
def studies(
    draw,
    shapes=SHAPES,
    targets=tuple(TARGETS),
    heads=HEADS,
    permutations=(N_PERMUTATIONS,),
    groups=(False, True),
    always=("site", "age"),
):
    """Draw a study; the columns `always` are in every one of them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, d = draw(st.integers(40, 120)), draw(st.integers(3, 12))
    kind, shape = draw(st.sampled_from(targets)), draw(st.sampled_from(shapes))
    head = draw(st.sampled_from(heads))
    scale = draw(st.sampled_from([1e-3, 1.0, 1e3]))
    offset = draw(st.sampled_from([0.0, 3.0, 30.0]))
    share = draw(st.sampled_from([0.0, 0.0, 0.15]))
    grouped = draw(st.sampled_from(groups))
    others = sorted(set(COLUMNS) - set(always))
    chosen = {*always, *draw(st.sets(st.sampled_from(others), max_size=2))}
    latent = rng.standard_normal(n)
    pull = draw(st.sampled_from([0.0, 1.0])) * latent + rng.standard_normal(n)
    makers = {name: make for name, make in COLUMNS.items() if name in chosen}
    table = pd.DataFrame({name: make(rng, n, pull) for name, make in makers.items()})
    X = _embeddings(rng, [latent, pull], d, shape, scale, offset)
    target = TARGETS[kind](latent + 0.5 * rng.standard_normal(n))
    table = pd.DataFrame({c: _with_gaps(table[c], rng, share) for c in table})
    if target is not None:
        table.insert(0, "disease", target)
    if grouped:
        table["patient"] = [f"p{i}" for i in np.sort(rng.integers(0, n // 2, n))]
    return Study(
        X,
        table,
        _trained_head(rng, head, X, target),
        {
            "target": None if target is None else "disease",
            "groups": "patient" if grouped else None,
            "n_permutations": draw(st.sampled_from(permutations)),
            "significance": SIGNIFICANCE,
            # Some heads are random ones.
            "check_head": False,
            "min_effect": draw(st.sampled_from([0.1, 0.7])),
            "random_state": draw(st.integers(0, 99)),
        },
        shape,
    )
