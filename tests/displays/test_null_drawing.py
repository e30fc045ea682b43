"""Half violins: many of them, and values too few or equal."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._displays.null_distribution import NullDistributionDisplay
from tests.pictures import assert_apart, assert_whole, violins


def many(n, m=99):
    generator = np.random.default_rng(0)
    names = [f"column {i} with a name of some length" for i in range(n)]
    null = pd.DataFrame(generator.random((m, n)), columns=names)
    pvalues = pd.DataFrame({"pvalue": 0.5, "pvalue_fwer": 1.0}, index=names)
    observed = pd.Series(generator.random(n), names)
    return NullDistributionDisplay(null, observed, pvalues=pvalues, x_label="score")


@pytest.mark.parametrize("n", [1, 100, 400])
def test_many_columns_stay_legible(n):
    display = many(n).plot()
    assert_whole(display)
    labels = [t for t in display.ax_.get_yticklabels() if t.get_text()]
    assert len(labels) == n if n <= 100 else 50 < len(labels) < n
    assert len(display.ax_.texts) == len(labels)
    if n > 1:
        assert_apart(labels)
        assert_apart(display.ax_.texts)
    # A label stands at its own row.
    for label, place in zip(labels, display.ax_.get_yticks(), strict=True):
        assert label.get_text().startswith(f"column {int(place)} ")


def test_few_and_equal_values_are_ticks():
    null = pd.DataFrame({"few": [0.1, 0.2, 0.3], "equal": [0.4] * 3})
    display = NullDistributionDisplay(null, pd.Series([0.2, 0.2], null.columns)).plot()
    assert not violins(display) and len(display.ax_.collections) == 2
