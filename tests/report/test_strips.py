"""Small pictures of one column: where marks and bars stand."""

import copy

import pytest

from sklearn_wsca._report._strips import LEFT, RIGHT, draw_alignment, draw_utilization


def test_all_columns_have_one_scale_and_their_numbers(result):
    strips = draw_utilization(result["columns"], result["analysis"])
    assert len({strip.top for strip in strips}) == 1
    for strip, column in zip(strips, result["columns"], strict=True):
        effect = column["utilization"]
        for place, key in ((strip.value, "estimate"), (strip.high, "high")):
            share = effect[key] / strip.top
            assert place == pytest.approx(LEFT + share * (RIGHT - LEFT), abs=0.06)
        assert LEFT <= strip.low <= strip.value <= strip.high <= RIGHT
        assert f"Utilization {effect['estimate']:.2g}, 95% interval" in strip.label
        assert strip.label.endswith("; margin 0.1.") and strip.guide_label == "margin"


def test_the_bar_of_an_alignment_is_what_permutations_give(result):
    for strip, column in zip(
        draw_alignment(result["columns"]), result["columns"], strict=True
    ):
        null = column["alignment"]["null"]
        ends = [null[f"quantile_{level}"] for level in ("0.025", "0.5", "0.975")]
        shares = [
            (end - LEFT) / (RIGHT - LEFT)
            for end in (strip.low, strip.guide, strip.high)
        ]
        assert [s * strip.top for s in shares] == pytest.approx(ends, abs=1e-3)


def test_without_numbers_there_is_no_strip(result):
    changed = copy.deepcopy(result)
    first, second, _ = changed["columns"]
    first["utilization"] |= {"low": None}
    first["alignment"] |= {"null": None}
    second["alignment"] |= {"score": None}
    changed["analysis"]["min_effect"] = None
    strips = draw_utilization(changed["columns"], changed["analysis"])
    assert strips[0] is None and strips[1].guide is None
    assert "margin" not in strips[1].label
    assert draw_alignment(changed["columns"])[:2] == [None, None]
