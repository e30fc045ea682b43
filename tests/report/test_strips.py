"""Small pictures of one column: where marks and bars stand."""

import copy

import pytest

from sklearn_wsca._report._strips import LEFT, RIGHT, draw_alignment


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
    first["alignment"] |= {"null": None}
    second["alignment"] |= {"score": None}
    assert draw_alignment(changed["columns"])[:2] == [None, None]
