import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._displays.component_sensitivity import ComponentSensitivityDisplay
from tests.pictures import assert_apart, assert_whole, shown


def table(n_columns, ks=(5, 10, 20, 24, 50, 62), chosen=50, explaining=24):
    """Made-up scores in the form of the method."""
    index = [(k, 1.0 if k >= explaining else 0.5, True, k == chosen) for k in ks]
    index.append((ks[-1], 1.0, False, False))
    names = ["k", "explained_variance", "projected", "chosen"]
    values = np.random.default_rng(0).random((len(index), n_columns)) / 2
    columns = [f"column {i}" for i in range(n_columns)]
    return pd.DataFrame(values, pd.MultiIndex.from_tuples(index, names=names), columns)


def curves(display):
    return [line for line in display.ax_.lines if len(line.get_xdata()) > 2]


def marks(display):
    return {
        line.get_label(): line.get_xdata()[0]
        for line in display.ax_.lines
        if line.get_label() in ("99 %", "chosen")
    }


def test_lines_are_the_scores_of_the_estimator(data):
    analysis = WeightSpaceCorrelation("target", target_head=data.head)
    display = ComponentSensitivityDisplay.from_estimator(
        analysis, data.data, data.metadata, n_components=[2, 5]
    )
    found = analysis.component_sensitivity(data.data, data.metadata, [2, 5])
    drawn = np.transpose([line.get_ydata() for line in curves(display)])
    order = np.argsort(-found[found.index.get_level_values("chosen")].to_numpy()[0])
    assert_array_equal(drawn, found.to_numpy()[:, order])
    legend = shown(display.figure_.legends[0].get_texts())
    assert legend == found.columns[order].tolist()
    k = found.index.get_level_values("k").to_numpy()
    places = curves(display)[0].get_xdata()
    assert_array_equal(places[:-1], k[:-1])
    assert places[-1] > k.max()
    assert display.ax_.get_xscale() == "log"
    assert shown(display.ax_.get_xticklabels())[-1] == "no\nprojection"


def test_the_rule_and_the_choice_are_marked():
    display = ComponentSensitivityDisplay(table(3)).plot()
    assert marks(display) == {"99 %": 24, "chosen": 50}
    assert_apart(display.ax_.texts)
    texts = {text.get_text().strip(): text for text in display.ax_.texts}
    assert texts["99 % (k = 24)"].get_position()[0] == 24
    assert texts["chosen (k = 50)"].get_position()[0] == 50
    swapped = ComponentSensitivityDisplay(table(3, chosen=10)).plot()
    assert marks(swapped) == {"99 %": 24, "chosen": 10}
    assert_apart(swapped.ax_.texts)


def test_one_mark_where_both_are_the_same():
    display = ComponentSensitivityDisplay(table(3, chosen=24)).plot()
    assert shown(display.ax_.texts) == ["99 %, chosen (k = 24)"]


def test_no_projection_as_the_choice_is_marked_at_its_place():
    found = table(2, chosen=None)
    index = found.index.to_frame(index=False)
    index.loc[len(index) - 1, "chosen"] = True
    found.index = pd.MultiIndex.from_frame(index)
    display = ComponentSensitivityDisplay(found).plot()
    assert marks(display)["chosen"] == curves(display)[0].get_xdata()[-1]
    assert_whole(display)


def test_close_dimensions_do_not_overlap():
    ks = (5, 10, 20, 50, 100, 200, 500, 505, 510, 512)
    display = ComponentSensitivityDisplay(table(2, ks, 505, 510)).plot()
    display.figure_.canvas.draw()
    labels = display.ax_.get_xticklabels()
    assert_apart(labels)
    words = shown(labels)
    assert words[-1] == "no\nprojection" and "512" in words and "510" not in words
    assert {"5", "10", "200"} <= set(words)


@pytest.mark.parametrize("n", [1, 14, 100])
def test_many_columns(n):
    found = table(n)
    display = ComponentSensitivityDisplay(found).plot()
    assert_whole(display)
    assert len(curves(display)) == n
    legend = display.figure_.legends[0]
    words = shown(legend.get_texts())
    at_choice = found[found.index.get_level_values("chosen")].iloc[0]
    best = at_choice.sort_values(ascending=False).index.tolist()
    assert words[:14] == best[:14]
    assert words[14:] == ([f"{n - 14} other columns"] if n > 14 else [])
    looks = {
        (line.get_color(), line.get_marker(), line.get_linestyle())
        for line in curves(display)
        if line.get_marker() not in ("", "None")
    }
    assert len(looks) == min(n, 14)
    # The first entry of the legend looks like the line of the best column.
    entry = legend.get_lines()[0]
    (first,) = [
        line
        for line in curves(display)
        if (line.get_color(), line.get_linestyle(), line.get_marker())
        == (entry.get_color(), entry.get_linestyle(), entry.get_marker())
    ]
    assert_array_equal(first.get_ydata(), found[best[0]])


def test_columns_without_scores_are_left_out():
    found = table(3)
    found["column 1"] = np.nan
    display = ComponentSensitivityDisplay(found).plot()
    words = shown(display.figure_.legends[0].get_texts())
    assert sorted(words) == ["column 0", "column 2"]
    nothing = ComponentSensitivityDisplay(found * np.nan).plot()
    assert not curves(nothing) and not nothing.figure_.legends


def test_a_single_dimension():
    found = table(2, ks=(1,), chosen=1, explaining=1)
    assert_whole(ComponentSensitivityDisplay(found).plot())


def test_without_a_primary_head(data):
    with pytest.raises(ValueError, match="target or target_head"):
        ComponentSensitivityDisplay.from_estimator(
            WeightSpaceCorrelation(), data.data, data.metadata
        )


def table_of(seed, ks, names=("site", "age")):
    rng = np.random.default_rng(seed)
    rows = [(k, k / 100, True, k == 50) for k in ks] + [(100, 1.0, False, False)]
    levels = ["k", "explained_variance", "projected", "chosen"]
    index = pd.MultiIndex.from_tuples(rows, names=levels)
    return pd.DataFrame(rng.random((len(rows), len(names))), index, list(names))


def test_seeds_are_drawn_as_mean_and_band():
    tables = [table_of(0, [5, 20, 50, 99]), table_of(1, [5, 10, 50, 99])]
    display = ComponentSensitivityDisplay(tables).plot()
    both = [t.droplevel(["explained_variance", "chosen"]) for t in tables]
    shared = [(5, True), (50, True), (99, True), (100, False)]
    values = np.array([table.loc[shared].to_numpy() for table in both])
    assert_allclose(display.mean_, values.mean(axis=0))
    assert_allclose(display.spread_, values.std(axis=0, ddof=1))
    assert len(display.ax_.collections) == 2
    alone = ComponentSensitivityDisplay(tables[0]).plot()
    assert not alone.ax_.collections and (alone.spread_ == 0.0).all(axis=None)


def test_seeds_may_differ_in_what_they_chose_and_in_their_rank():
    first = table(3, ks=(5, 10, 24, 50, 62))
    other = table(3, ks=(5, 10, 30, 48, 60), chosen=48, explaining=30)
    display = ComponentSensitivityDisplay([first, other]).plot()
    projected = display.mean_.index.get_level_values("projected")
    assert display.mean_.index.get_level_values("k").tolist() == [5, 10, 62]
    assert projected.tolist() == [True, True, False]
    expected = (first.to_numpy()[[0, 1, -1]] + other.to_numpy()[[0, 1, -1]]) / 2
    assert_allclose(display.mean_, expected)
    assert marks(display) == {"99 %": 24, "chosen": 50}
    assert_whole(display)


def test_pairs_are_drawn_with_their_signs():
    table = table_of(0, [5, 50, 99]) - 0.5
    names = [("site", "north", "ill"), ("site", "south", "ill")]
    table.columns = pd.MultiIndex.from_tuples(
        names, names=["column", "level", "output"]
    )
    display = ComponentSensitivityDisplay(table).plot()
    assert display.ax_.get_ylabel() == "alignment of a pair"
    assert display.ax_.get_ylim()[0] < table.to_numpy().min()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([], "the list is empty"),
        (
            [table_of(0, [5, 50]), table_of(0, [5, 50], ("site", "sex"))],
            "'site', 'sex'",
        ),
    ],
)
def test_lists_that_cannot_be_summarised(tables, message):
    with pytest.raises(ValueError, match=f"^sensitivity: .*{message}"):
        ComponentSensitivityDisplay(tables).plot()
