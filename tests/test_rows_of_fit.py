"""Rows that a head was fitted on: no evidence of absence, or held out by cross-fitting.

A head of more features than rows fits its own rows whatever it reads: within a class
its outputs are all alike there, and little is left of a use that held-out rows show.
"""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_wsca import WeightSpaceCorrelation

N, D = 200, 300


def draw(seed, n=N, used=True):
    """Embeddings of a class and, where it goes with the class, a used scanner."""
    rng = np.random.default_rng(seed)
    ill, free = rng.integers(0, 2, (2, n))
    scanner = np.where(rng.uniform(size=n) < 0.5 * used, ill, free)
    directions = np.linalg.qr(rng.standard_normal((D, 2)))[0]
    X = rng.standard_normal((n, D))
    X += 4.0 * (np.stack([ill, scanner], axis=1) - 0.5) @ directions.T
    names = np.array(["well", "ill"])[ill], np.array(["A", "B"])[scanner]
    return X, pd.DataFrame(dict(zip(["status", "scanner"], names, strict=True)))


def analyse(X, table, n_permutations=99, **options):
    analysis = WeightSpaceCorrelation(
        "status", n_permutations=n_permutations, random_state=0, **options
    )
    return analysis.fit(X, table)


def judge(*data, **options):
    return analyse(*data, **options).verdicts_["scanner"]


def count(seeds, **options):
    """Verdicts on the rows that a trained head was fitted on."""
    found = Counter()
    for seed in seeds:
        X, table = draw(seed)
        head = LogisticRegression().fit(X, table["status"])
        found[judge(X, table, target_head=head, **options)] += 1
    return found


SEEDS = (3, 4, 6)


def test_a_use_is_not_denied_on_the_rows_that_the_head_was_fitted_on():
    assert count(SEEDS)["not used"] == 0


def test_a_wrong_declaration_denies_it():
    """Non-vacuity: that is what these rows look like to whoever takes them for new."""
    assert count(SEEDS, held_out=True)["not used"] >= 1


@pytest.mark.slow
def test_verdicts_over_seeds():
    seeds, quick = range(24), {"diagnostics": False}
    assert count(seeds, **quick)["not used"] == 0
    assert count(seeds, held_out=True, **quick)["not used"] >= 5
    used = Counter(judge(*draw(seed), **quick) for seed in seeds)
    unused = Counter(judge(*draw(seed + 1000, used=False), **quick) for seed in seeds)
    assert used["used"] >= 22 and used["not used"] == 0
    assert unused["used"] <= 2


@pytest.fixture(scope="module")
def three():
    """A head of 200 rows: fitted there, on other rows, and passed back to its own."""
    found = []
    for seed in SEEDS:
        X, table = draw(seed, n=2 * N)
        old, new = (X[:N], table[:N]), (X[N:], table[N:])
        crossed = analyse(*old)
        head = crossed.target_head_
        fresh = analyse(*new, target_head=head, held_out=True)
        found.append((crossed, fresh, analyse(*old, target_head=head)))
    return list(zip(*found, strict=True))


def test_a_fitted_head_is_judged_as_on_new_rows(three):
    """And not as on its own, which hide most of what it uses."""
    crossed, fresh, same = (
        np.mean([analysis.utilization_["scanner"] for analysis in analyses])
        for analyses in three
    )
    assert crossed == pytest.approx(fresh, abs=0.06)
    assert same < 0.6 * min(crossed, fresh)
    assert [analysis.verdicts_["scanner"] for analysis in three[0]] == ["used"] * 3


def test_it_is_said_what_the_head_has_seen(three):
    relations = [analyses[0].description_["head_rows"] for analyses in three]
    assert relations == ["cross-fitted", "held out", "unknown"]


def test_cross_fitting_does_not_depend_on_the_order_of_rows_or_workers():
    X, table = draw(2)
    table["patient"] = np.arange(N) // 2
    options = {"groups": "patient", "n_permutations": 19, "columns": ["scanner"]}
    expected = analyse(X, table, **options)
    order = np.random.default_rng(0).permutation(N)
    moved = analyse(X[order], table.iloc[order], n_jobs=2, **options)
    for name in ("utilization_raw_", "utilization_pvalues_"):
        one, two = getattr(expected, name), getattr(moved, name)
        pd.testing.assert_series_equal(one, two, rtol=1e-6)


def test_an_audit_withholds_nothing():
    X, table = draw(3, n=2 * N, used=False)
    weights = LogisticRegression().fit(X[:N], table["status"][:N]).coef_
    scanner = X[table["scanner"] == "A"].mean(0) - X[table["scanner"] == "B"].mean(0)
    blind = weights - weights @ scanner[:, None] * scanner / (scanner @ scanner)
    analysis = analyse(X[:N], table[:N], target_head=blind, min_effect=0.3)
    audited = analysis.audit(X[N:], table[N:])
    assert analysis.verdicts_["scanner"] == "inconclusive"
    assert (
        "'not used' is withheld: the trained head may"
        in analysis.summary_.loc["scanner", "note"]
    )
    assert audited.loc["scanner", "verdict"] == "not used"
    declared = analyse(
        X[:N], table[:N], target_head=blind, min_effect=0.3, held_out=True
    )
    assert declared.verdicts_["scanner"] == "not used"


def test_features_of_a_fitted_head_are_those_of_the_head_of_all_rows():
    X, table = draw(4)
    analysis = analyse(X, table, n_permutations=0)
    found = analysis.utilization_by_feature(X, table, "scanner")
    assert found.attrs["head"].startswith("fitted to all rows of fit")
    trained = analyse(X, table, n_permutations=0, target_head=analysis.target_head_)
    other = trained.utilization_by_feature(X, table, "scanner")
    assert other.attrs["head"] == "trained"
    np.testing.assert_allclose(found["share"], other["share"])
