"""Curves of performance: ends, marks and ticks."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._displays._curve_drawing import check_curve, describe_share
from sklearn_wsca._displays.feature_importance import FeatureImportanceDisplay
from tests.pictures import assert_apart, assert_whole, shown


@pytest.mark.parametrize("n", [1, 2, 7, 100, 2048])
@pytest.mark.parametrize("at", [0.0, 1.0])
def test_marks_at_the_ends_and_ticks(n, at):
    sizes = np.unique(np.geomspace(1, n, 16).round().astype(int))
    curve = pd.DataFrame({"share": sizes / n, "balanced_accuracy": 0.5}, index=sizes)
    share = at or sizes[0] / n
    display = FeatureImportanceDisplay(
        curve, kind="curve", smallest_share=share, ratio=share
    ).plot()
    assert_whole(display)
    assert_apart(display.ax_.texts)
    ticks = display.ax_.get_xticklabels()
    assert shown(ticks)[-1] == "100 %"
    if len(shown(ticks)) > 1:
        assert_apart(ticks)


def test_very_low_values_leave_the_picture():
    curve = pd.DataFrame({"share": [0.5, 1.0], "r2": [-40.0, 0.9]}, index=[1, 2])
    display = FeatureImportanceDisplay(curve, kind="curve").plot()
    low, high = display.ax_.get_ylim()
    assert -0.5 < low < 0 and high > 1


def test_a_part_is_never_said_to_be_all():
    shares = [0.25, 0.0123, 0.9949, 0.996, 1.0]
    described = ["25 %", "1.2 %", "99 %", "99.6 %", "100 %"]
    assert [describe_share(share) for share in shares] == described


def test_another_table_is_no_curve():
    check_curve(pd.DataFrame({"share": [1.0], "r2": [0.5]}))
    for table in (pd.DataFrame({"share": [1.0]}), pd.DataFrame({"r2": [1.0]}), 3):
        with pytest.raises(ValueError, match="kind='curve' needs the performance_"):
            check_curve(table)
