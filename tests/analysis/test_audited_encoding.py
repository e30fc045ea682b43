"""Encoding in an audit: scaled skill, correction over columns, and power."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_wsca import Head
from sklearn_wsca._analysis.audited_encoding import (
    AuditedHead,
    chance_to_be_found,
    encoding_entries,
    scaled_skill,
)
from sklearn_wsca._heads.probe import Probe
from sklearn_wsca._heads.scoring import ScoredColumn


def scored_by(labels, outputs, levels=()):
    kind = "logistic" if levels else "ridge"
    head = Head(
        np.eye(outputs.shape[1]), np.zeros(outputs.shape[1]), levels or None, kind
    )
    probe = Probe(kind, len(levels))
    baseline = probe.baseline(labels[None], np.ones(len(labels)))[0]
    return ScoredColumn(head, probe, levels, baseline)


def test_skill_of_a_head_that_overshoots_is_that_of_its_scaled_predictions():
    rng = np.random.default_rng(0)
    labels, weights = rng.standard_normal(400), rng.uniform(0.5, 2.0, 400)
    outputs = 30.0 * (0.5 * labels + rng.standard_normal(400))[:, None] + 7.0
    scored = scored_by(labels, outputs)
    assert scored.skills(outputs, labels[None], weights)[0] < -100.0
    cov = np.cov(outputs[:, 0], labels, aweights=weights)
    expected = cov[0, 1] ** 2 / (cov[0, 0] * cov[1, 1])
    found = [scaled_skill(scored, s * outputs, labels, weights) for s in (1.0, -1.0)]
    np.testing.assert_allclose(found, [expected, -expected])
    assert 0.1 < expected < 0.3


def test_confident_class_scores_have_the_skill_of_their_chances():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 300)
    outputs = 50.0 * (np.eye(3)[labels] + rng.standard_normal((300, 3)))
    scored = scored_by(labels, outputs, ("a", "b", "c"))
    assert scored.skills(outputs, labels[None], np.ones(300))[0] < -1.0
    assert 0.1 < scaled_skill(scored, outputs, labels, np.ones(300)) < 0.5
    permuted = rng.permutation(labels)
    assert abs(scaled_skill(scored, outputs, permuted, np.ones(300))) < 0.02


@pytest.mark.parametrize("n_units", [60, 120])
def test_chance_to_be_found_is_the_share_that_is(n_units):
    found = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        outputs = rng.standard_normal(n_units)
        labels = np.sqrt(0.1) * outputs + np.sqrt(0.9) * rng.standard_normal(n_units)
        pvalue = stats.pearsonr(outputs, labels, alternative="greater").pvalue
        found.append(pvalue <= 0.05)
    expected = chance_to_be_found(n_units, 0.05, 999)
    assert np.mean(found) == pytest.approx(expected, abs=0.06)
    assert chance_to_be_found(n_units, 0.05, 18) == 0.0


def test_entries_are_corrected_over_columns_and_bounded_by_fit():
    heads = {
        "a": AuditedHead(0.3, 0.3, 0.01, 300),
        "b": AuditedHead(-5.0, 0.01, 0.04, 300),
        "c": AuditedHead(),
    }
    power = pd.Series({"a": np.nan, "b": 0.3, "c": 0.9})
    found = encoding_entries(heads, power, 0.05, 99)
    assert found["a"]["encoding_qvalue"] == pytest.approx(0.02)
    assert found["b"]["encoding_qvalue"] == pytest.approx(0.04)
    assert found["a"]["encoding_power"] > 0.99 and found["b"]["encoding_power"] == 0.3
    assert all(np.isnan(value) for value in found["c"].values())
