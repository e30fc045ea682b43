"""P-values of columns beyond the floor of the permutations."""

import numpy as np
import pandas as pd
import pytest

from tests.permutation.test_rounds import STOP, UNALIGNED, M, fitted


@pytest.mark.parametrize("seed", UNALIGNED)
def test_extrapolation_adds_to_the_pvalues_and_replaces_none(seed):
    plain, found = fitted(seed), fitted(seed, extrapolate=True)
    for name in ("pvalues_", "encoding_pvalues_", "pvalues_fwer_", "qvalues_"):
        pd.testing.assert_series_equal(getattr(found, name), getattr(plain, name))
    assert plain.pvalues_extrapolated_.isna().all()
    assert not plain.summary_["note"].str.contains("extrapolated").any()
    assert list(found.pvalues_extrapolated_.index) == list(found.pvalues_.index)
    assert found.pvalues_["unrelated"] > 10 / (M + 1)
    assert np.isnan(found.pvalues_extrapolated_["unrelated"])
    assert found.pvalues_["echo"] == 1 / (M + 1)
    assert 0 < found.pvalues_extrapolated_["echo"] < 1 / (M + 1)
    notes = found.summary_["note"]
    assert "extrapolated" in notes["echo"]
    assert f"{found.pvalues_extrapolated_['echo']:.1e}" in notes["echo"]
    assert "extrapolated" not in notes["unrelated"]


@pytest.mark.parametrize("seed", UNALIGNED)
def test_a_column_that_never_stops_is_extrapolated_as_without_the_rule(seed):
    full = fitted(seed, extrapolate=True)
    found = fitted(seed, extrapolate=True, stop_after=STOP)
    assert found.pvalues_extrapolated_["echo"] == pytest.approx(
        full.pvalues_extrapolated_["echo"], rel=1e-3
    )
    assert np.isnan(found.pvalues_extrapolated_["unrelated"])


def test_too_few_permutations_are_not_extrapolated():
    found = fitted(0, n_permutations=98, extrapolate=True)
    assert found.pvalues_extrapolated_.isna().all()
    assert not found.summary_["note"].str.contains("extrapolated").any()
