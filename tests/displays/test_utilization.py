import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._displays.utilization import UtilizationDisplay
from sklearn_wsca._verdicts.registry import VERDICTS
from sklearn_wsca.datasets import make_shortcut
from tests.pictures import assert_apart, assert_whole, plt, shown

# Appearance of red, green and blue to people without green cones (Machado 2009).
DEUTERANOPIA = np.array(
    [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
)


@pytest.fixture(scope="module")
def data():
    return make_shortcut(300, 16, random_state=0)


@pytest.fixture(scope="module")
def fitted(data):
    metadata = data.metadata.assign(constant=1)
    return WeightSpaceCorrelation(
        "target", target_head=data.head, n_permutations=199, random_state=0
    ).fit(data.data, metadata)


def table(n, verdicts=tuple(VERDICTS)):
    """Made-up results with all verdicts in turn."""
    generator = np.random.default_rng(0)
    estimates = generator.random(n)
    found = pd.DataFrame(
        {
            "utilization": estimates,
            "utilization_low": estimates * 0.6,
            "utilization_high": estimates * 1.3,
            "minimum_detectable_effect": 0.15 + generator.random(n) / 10,
            "verdict": [verdicts[i % len(verdicts)] for i in range(n)],
            "note": "left out: identifier-like: 400 values in 400 rows; more words",
        },
        index=pd.Index([f"column {i} of a table" for i in range(n)], name="column"),
    )
    untestable = found["verdict"] == "untestable"
    numbers = found.columns[:4]
    found.loc[untestable, numbers] = np.nan
    return found


def drawn(display, verdict):
    """Positions and values of the marks of a verdict."""
    style = VERDICTS[verdict]
    for line in display.ax_.lines:
        same = to_hex(line.get_color()) == style.colour
        if same and line.get_marker() == style.marker and len(line.get_xdata()):
            return dict(zip(line.get_ydata(), line.get_xdata(), strict=True))
    return {}


def intervals(display):
    segments = [s for c in display.ax_.collections for s in c.get_segments()]
    return {segment[0, 1]: segment[:, 0] for segment in segments if len(segment)}


def dashed(display):
    return [line for line in display.ax_.lines if line.get_linestyle() == "--"]


def check_rows(display, expected):
    """Every row shows the numbers of the table, at the row of its name."""
    assert shown(display.ax_.get_yticklabels()) == [str(n) for n in expected.index]
    found = intervals(display)
    for i, (_, row) in enumerate(expected.iterrows()):
        if np.isnan(row["utilization"]):
            continue
        assert drawn(display, row["verdict"])[i] == row["utilization"]
        ends = row[["utilization_low", "utilization_high"]].astype(float)
        assert_allclose(found[i], ends)


def test_rows_are_the_numbers_of_the_estimator(fitted):
    display = UtilizationDisplay.from_estimator(fitted)
    expected = fitted.summary_.sort_values("utilization", ascending=False)
    check_rows(display, expected)
    assert len(expected) > 3 and expected.index[-1] == "constant"
    assert dashed(display)[0].get_xdata()[0] == fitted.min_effect
    sides = shown(display.ax_.texts)
    assert sides[: len(expected)] == expected["verdict"].tolist()
    assert sides[-1].startswith("constant: all")
    assert display.ax_.get_xlabel() == (
        "utilization (standard deviations of the outputs at fixed 'target')"
    )
    assert_whole(display)


def test_settings_of_the_estimator(data):
    analysis = WeightSpaceCorrelation(
        "target", n_permutations=99, min_effect=0.3, significance=0.1, random_state=0
    ).fit(data.data, data.metadata)
    display = UtilizationDisplay.from_estimator(analysis)
    assert dashed(display)[0].get_xdata()[0] == 0.3
    entries = shown(display.figure_.legends[0].get_texts())
    assert "90 % interval" in entries and "margin 0.3" in entries


def test_audit_tables(fitted, data):
    new = make_shortcut(240, 16, random_state=0)
    audited = fitted.audit(new.data, new.metadata.assign(constant=1))
    display = UtilizationDisplay.from_estimator(fitted, table=audited)
    check_rows(display, audited.sort_values("utilization", ascending=False))
    assert not audited["utilization"].equals(fitted.summary_["utilization"])
    UtilizationDisplay.from_table(audited, 0.2)


def test_order_of_the_table():
    found = table(12)
    check_rows(UtilizationDisplay.from_table(found, sort=False), found)
    ordered = found.sort_values("utilization", ascending=False, kind="stable")
    check_rows(UtilizationDisplay.from_table(found), ordered)


def test_legend_shows_the_verdicts_that_occur():
    display = UtilizationDisplay.from_table(table(9, ("used", "inconclusive")), 0.25)
    legend = display.figure_.legends[0]
    assert shown(legend.get_texts()) == [
        "used",
        "inconclusive",
        "margin 0.25",
        "effect found in 80 % of samples",
        "95 % interval",
    ]
    markers = [line.get_marker() for line in legend.get_lines()]
    assert markers[:2] == ["D", "s"]
    plain = UtilizationDisplay.from_table(table(2, ("used", "not used")))
    assert len(shown(plain.figure_.legends[0].get_texts())) == 4


def test_detectable_effects_of_undecided_rows():
    found = table(10)
    display = UtilizationDisplay.from_table(found, sort=False)
    (ticks,) = [line for line in display.ax_.lines if line.get_marker() == "|"]
    open_ = found["verdict"].isin(["inconclusive", "not encoded"]).to_numpy()
    assert_array_equal(ticks.get_ydata(), np.flatnonzero(open_))
    assert_array_equal(
        ticks.get_xdata(), found["minimum_detectable_effect"].to_numpy()[open_]
    )


def test_untestable_rows_give_their_reason():
    found = table(5)
    display = UtilizationDisplay.from_table(found, sort=False)
    assert 4 not in intervals(display) or np.isnan(intervals(display)[4]).all()
    reasons = [t for t in display.ax_.texts if "identifier" in t.get_text()]
    assert [t.get_text() for t in reasons] == [
        "identifier-like: 400 values in 400 rows"
    ]
    assert reasons[0].get_position()[1] == 4
    assert to_hex(reasons[0].get_color()) == VERDICTS["untestable"].colour


def test_long_reasons_stay_inside_the_axes():
    found = table(5)
    found["note"] = "untestable: " + "a reason that needs many words " * 9
    for ax in (None, plt.subplots(figsize=(4, 3))[1]):
        display = UtilizationDisplay.from_table(found, ax=ax)
        display.figure_.canvas.draw()
        (reason,) = [t for t in display.ax_.texts if "reason" in t.get_text()]
        assert "…" in reason.get_text()
        assert reason.get_window_extent().x1 <= display.ax_.get_window_extent().x1 + 1


@pytest.mark.parametrize("n", [1, 3])
def test_all_untestable(n):
    display = UtilizationDisplay.from_table(table(n, ("untestable",)))
    assert shown(display.ax_.texts)[:n] == ["untestable"] * n
    assert display.ax_.get_xlim()[0] == 0.0
    assert_whole(display)


def test_without_permutations_there_are_intervals(data):
    analysis = WeightSpaceCorrelation("target", n_permutations=0)
    display = UtilizationDisplay.from_estimator(analysis.fit(data.data, data.metadata))
    check_rows(display, analysis.summary_.sort_values("utilization", ascending=False))
    assert set(shown(display.ax_.texts)) == {"untestable: n_permutations=0"}


@pytest.mark.parametrize("n", [100, 500])
def test_many_columns_stay_legible(n):
    display = UtilizationDisplay.from_table(table(n))
    assert_whole(display)
    labels = [t for t in display.ax_.get_yticklabels() if t.get_text()]
    assert len(labels) == n if n == 100 else 50 < len(labels) < n
    assert_apart(labels)
    assert_apart([t for t in display.ax_.texts if t.get_position()[0] > 1])


def test_verdicts_differ_without_green_cones_and_without_colour():
    markers = [style.marker for style in VERDICTS.values()]
    assert len(set(markers)) == len(markers)
    colours = np.array([to_rgb(style.colour) for style in VERDICTS.values()])
    seen = np.clip(colours**2.2 @ DEUTERANOPIA.T, 0, 1) ** (1 / 2.2)
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=2)
    assert distances[np.triu_indices(len(seen), 1)].min() > 0.15


def test_missing_target_is_named(data):
    analysis = WeightSpaceCorrelation(target_head=data.head, n_permutations=0)
    analysis.fit(data.data, data.metadata)
    with pytest.raises(ValueError, match="name its column in target"):
        UtilizationDisplay.from_estimator(analysis)
    with pytest.raises(NotFittedError):
        UtilizationDisplay.from_estimator(WeightSpaceCorrelation("target"))


def test_bad_tables_are_named():
    with pytest.raises(ValueError, match=r"table: it lacks \['utilization_low'\]"):
        UtilizationDisplay.from_table(table(3).drop(columns="utilization_low"))
    with pytest.raises(ValueError, match=r"table: \['maybe'\] are no verdicts"):
        UtilizationDisplay.from_table(table(3).assign(verdict="maybe"))
