"""Pictures by level: places of marks, cuts, and what is left out."""

import pytest

from sklearn_wsca._report._level_bars import (
    MOST_AT_FIRST,
    WIDTH,
    draw_alignment,
    draw_effects,
    draw_outputs,
    draw_performance,
    draw_utilization,
    scale_effects,
)
from sklearn_wsca._report._page import number_columns


def rows_of(column):
    shift = column["utilization"]["shift"]
    rows = column["utilization"]["effects"]
    return [r for r in rows if r["target_class"] == shift["target_class"]]


def test_marks_stand_where_the_effects_are(study):
    scale = scale_effects(study["columns"], 0.1)
    for column in study["columns"]:
        drawn = draw_effects(column, scale)
        rows = sorted(rows_of(column), key=lambda row: -row["points"])
        assert len(drawn.rows) == len(rows) and drawn.n_hidden == 0
        for bar, row in zip(drawn.rows, rows, strict=True):
            place = WIDTH / 2 * (1 + row["points"] / scale.top)
            assert bar.value == pytest.approx(place, abs=0.06)
            assert 0.0 <= bar.low <= bar.value <= bar.high <= WIDTH
            assert bar.text == f"{row['points']:+.1f}"
        assert drawn.about == f", about {scale.margin:.0f} points either way"
        assert drawn.ends == ("\u2190 less likely", "more likely \u2192")
        assert drawn.margin == pytest.approx(
            [WIDTH / 2 * (1 + sign * scale.margin / scale.top) for sign in (-1, 1)],
            abs=0.06,
        )


def test_the_picture_is_of_what_the_sentence_is_about(study):
    age = study["columns"][2]
    scale = scale_effects(study["columns"], 0.1)
    assert age["utilization"]["shift"]["target_class"] == "absent"
    assert "among 'absent'" in draw_effects(age, scale).title
    age["verdict"] = "inconclusive"
    assert "among" not in draw_effects(age, scale).title


def test_the_margin_in_points_is_a_short_number(study):
    scale = scale_effects(study["columns"], 0.1)
    told = [
        draw_effects(study["columns"][1], scale._replace(margin=margin)).about
        for margin in (0.2, 1.2, 3.4, None)
    ]
    few, one = ", less than 1 point", ", about 1 point either way"
    assert told == [few, one, ", about 3 points either way", ""]


def test_the_margin_in_points_is_what_the_output_comes_to(study):
    for column in study["columns"]:
        for row in column["utilization"]["effects"]:
            row |= {"points": 30.0 * row["effect"]}
    assert scale_effects(study["columns"], 0.1).margin == pytest.approx(3.0)
    assert scale_effects(study["columns"], None).margin is None
    for column in study["columns"]:
        for row in column["utilization"]["effects"]:
            row |= {"points": 0.0}
    assert scale_effects(study["columns"], 0.1).margin is None


def test_one_wide_interval_does_not_ruin_the_scale(study):
    narrow = scale_effects(study["columns"], 0.1)
    for row in rows_of(study["columns"][0]):
        if row["level"] == "Switzerland":
            row |= {"points_low": -5000.0, "points_high": 7000.0}
    scale = scale_effects(study["columns"], 0.1)
    assert narrow.top <= scale.top < 2.0 * narrow.top
    drawn = draw_effects(study["columns"][0], scale)
    (wide,) = [bar for bar in drawn.rows if bar.name == "Switzerland"]
    assert wide.cut_low and wide.cut_high and (wide.low, wide.high) == (0.0, WIDTH)
    assert not any(b.cut_low or b.cut_high for b in drawn.rows if b is not wide)


def test_of_many_levels_the_extremes_are_shown(study):
    column = study["columns"][0]
    first = rows_of(column)[0]
    ends = "points", "points_low", "points_high"
    column["utilization"]["effects"] = [
        first | {"level": f"{i}"} | dict.fromkeys(ends, i / 100) for i in range(12)
    ]
    drawn = draw_effects(column, scale_effects(study["columns"], 0.1))
    assert [bar.name for bar in drawn.rows] == ["11", "10", "9", "1", "0"]
    assert len(drawn.rows) == MOST_AT_FIRST and drawn.n_hidden == 7


def test_without_effects_or_probabilities(study):
    column = study["columns"][0]
    for row in column["utilization"]["effects"]:
        row["points"] = None
    scale = scale_effects([column], None)
    drawn = draw_effects(column, scale)
    assert "of the output among" in drawn.title and drawn.margin is None
    assert drawn.about == "" and drawn.ends == ("\u2190 lower", "higher \u2192")
    assert drawn.rows[0].text.startswith("+0.")
    assert scale_effects([column], 0.1).margin == 0.1
    column["utilization"]["effects"] = []
    assert draw_effects(column, scale) is None


def test_utilization_of_all_columns_on_one_scale(study):
    columns = number_columns(study)
    drawn = draw_utilization(columns, study["analysis"])
    assert [bar.name for bar in drawn.rows] == [c["name"] for c in columns]
    assert all(bar.verdict == "used" for bar in drawn.rows)
    columns[1]["utilization"]["high"] = 80.0
    cut = draw_utilization(columns, study["analysis"])
    assert [bar.cut_high for bar in cut.rows] == [False, True, False]
    assert cut.rows[0].value > WIDTH / 3
    for column in columns:
        column["utilization"]["low"] = None
    assert draw_utilization(columns, study["analysis"]) is None


def test_alignment_stands_beside_what_permutations_give(study):
    columns = study["columns"]
    drawn = draw_alignment(columns)
    top = WIDTH * columns[0]["alignment"]["score"] / drawn.rows[0].value
    for bar, column in zip(drawn.rows, columns, strict=True):
        null = column["alignment"]["null"]
        ends = [null[f"quantile_{level}"] for level in ("0.025", "0.975")]
        assert [end * top / WIDTH for end in bar.null] == pytest.approx(ends, rel=0.05)
        assert bar.text.startswith(f"{column['alignment']['score']:.2g}, p = ")
    columns[0]["alignment"]["null"] = None
    columns[1]["alignment"]["score"] = None
    assert [bar.name for bar in draw_alignment(columns).rows] == [columns[2]["name"]]
    assert draw_alignment(columns[:2]) is None


def test_outputs_are_spread_by_class_and_level(study):
    column = study["columns"][0]
    absent, present = draw_outputs(column, "disease")
    assert absent.title == "Recorded 'disease': 'absent'"
    assert present.ends == ("0%", "100%")
    rows = [r for r in column["outputs"]["rows"] if r["target_class"] == "present"]
    for bar, row in zip(present.rows, rows, strict=True):
        places = [bar.low, bar.box[0], bar.value, bar.box[1], bar.high]
        expected = [WIDTH * value / 100.0 for value in row["quantiles"]]
        assert places == pytest.approx(expected, abs=0.06)
        assert bar.text.startswith(f"{row['quantiles'][2]:.0f}% (")
    rows[0]["quantiles"] = None
    assert draw_outputs(column, "disease")[1].n_hidden == 1
    column["outputs"] |= {"is_probability": False}
    numbers = draw_outputs(column, "disease")[1]
    assert max(bar.high for bar in numbers.rows) == WIDTH
    assert not any("%" in bar.text for bar in numbers.rows)
    for row in column["outputs"]["rows"]:
        row["quantiles"] = None
    assert draw_outputs(column, "disease") == []
    assert draw_outputs({"outputs": None}, "disease") == []


def test_performance_has_one_picture_per_measure(study):
    column = study["columns"][0]
    drawn = {bars.title: bars for bars in draw_performance(column)}
    assert list(drawn)[:2] == ["sensitivity".capitalize(), "Specificity"]
    assert "AUROC" in drawn and len(drawn) == 5
    levels = column["performance"]["by_level"]
    for bar, level in zip(drawn["Sensitivity"].rows, levels, strict=True):
        share = level["sensitivity"]
        assert bar.value == pytest.approx(WIDTH * share, abs=0.06)
        assert bar.text.startswith(f"{100 * share:.0f}% (")
    levels[0]["auroc"] = None
    (auroc,) = [bars for bars in draw_performance(column) if bars.title == "AUROC"]
    assert len(auroc.rows) == 3
    column["performance"]["by_level"] = []
    assert draw_performance(column) == []


def test_errors_of_numbers_have_pictures_too():
    rows = [
        {"level": level, "mae": 6.0, "mae_low": 5.0, "mae_high": 8.0}
        | {"bias": bias, "bias_low": bias - 1.0, "bias_high": bias + 1.0}
        for level, bias in (("a", 3.0), ("b", -2.0))
    ]
    error, bias = draw_performance({"performance": {"by_level": rows}})
    assert error.title == "Mean absolute error" and error.ends == ("0", "8")
    assert error.rows[0].text == "6 (5 to 8)" and error.rows[0].value == 0.75 * WIDTH
    assert bias.title == "Mean error" and bias.ends == ("-4", "4")
    assert bias.zero == WIDTH / 2
    assert [bar.value for bar in bias.rows] == [0.875 * WIDTH, 0.25 * WIDTH]
