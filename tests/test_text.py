"""Wording that several rooms share, and the notes on what was permuted."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._text import (
    column_text,
    describe_confusable,
    describe_encoding,
    describe_robustness,
    format_number,
    format_pvalue,
    format_skill,
    list_first,
    plain_text,
    printable,
    short_arrays,
    shorten,
    suggest,
)
from sklearn_wsca.datasets import make_shortcut

NOTHING = [{"score": -6.78, "skill": None}, {"score": 0.1, "skill": -0.02}]
LEVELS = pd.Series({"balanced_accuracy": 0.58, "balanced_accuracy_chance": 0.25})


@pytest.mark.parametrize("encoding", NOTHING)
def test_less_than_nothing_is_nothing(encoding):
    column = {"kind": "continuous", "encoding": encoding}
    assert describe_encoding(column, {"r2": -6.78}).startswith("0% of its variance")
    assert format_skill(encoding) == "none"
    assert format_skill(encoding | {"skill": 0.124}) == "0.12"


def test_measures():
    categorical = pd.Series({"kind": "categorical"})
    assert describe_encoding(categorical, LEVELS) == "58% right, by chance 25%"
    continuous = {"kind": "continuous", "encoding": {"skill": 0.124}}
    overfitted = {"r2": -6.78}
    assert describe_encoding(continuous, overfitted).startswith("12% of its variance")
    continuous["encoding"]["skill"] = None
    assert describe_encoding(continuous, {"r2": 0.3}).startswith("30% of its")
    assert format_pvalue(np.nan) == "p -"
    assert format_pvalue(0.0012345) == "p = 0.0012"


def test_numbers_have_two_digits_and_nothing_is_a_dash():
    assert format_number(0.0012345) == "0.0012"
    assert format_number(12.3) == "12"
    assert [format_number(n) for n in (99.4, 99.6, -112.3)] == ["99", "100", "-112"]
    assert format_number(999_999.2) == "999999" and format_number(1e6) == "1e+06"
    assert format_number(None) == format_number(np.nan) == "-"


@pytest.mark.parametrize("value", [0.1, 0.0996, 0.10004, np.nextafter(0.1, 0), 0.23])
def test_a_number_does_not_look_like_what_it_is_compared_with(value):
    shown = format_number(value, 0.1)
    assert (shown == "0.1") == (value == 0.1)
    assert float(shown) == pytest.approx(value, abs=0.005)


def test_combined_columns():
    assert column_text(("scanner", "site")) == "scanner & site"
    assert column_text(7) == "7"


def test_lists_are_cut_off():
    assert list_first("abc") == "'a', 'b', 'c'"
    assert list_first(range(5), 3) == "0, 1, 2 and 2 more"
    assert list_first(["a"], show=str.upper) == "A"
    assert list_first([]) == ""


def test_long_texts_lose_their_middle():
    assert shorten("x" * 60) == "x" * 60
    assert shorten("a" * 50 + "b" * 50) == "a" * 29 + "..." + "b" * 28
    assert len(shorten("x" * 10_000)) == 60


@pytest.mark.parametrize("place", [0, 30, 50, 99])
def test_long_names_differ_where_they_are_shortened(place):
    names = ["x" * place + str(i) + "x" * (100 - place) for i in range(3)]
    shown = list_first(names).split(", ")
    assert len(set(shown)) == 3
    assert list_first(["y" * 500, "y" * 500]).count("...") == 2


def test_a_part_of_a_single_long_name_is_suggested():
    names = [f"module.classifiers.classifier_{i}.linear.weight" for i in (1, 4)]
    assert suggest("classifier_4", names) == f" (did you mean {names[1]!r}?)"
    assert suggest("classifiers.", names) == suggest("4.l", names) == ""


def test_arrays_are_printed_short():
    with short_arrays():
        assert len(repr(np.zeros((1000, 1000)))) < 200
        assert "1234.568" in repr(np.array([1234.5678]))
    assert "1234.5678" in repr(np.array([1234.5678]))


def test_a_name_is_suggested_whatever_its_case():
    known = ["Hospital", 7, "age"]
    assert suggest("hospitl", known) == " (did you mean 'Hospital'?)"
    assert suggest("AGE", known, str.upper) == " (did you mean AGE?)"
    assert suggest("7", known) == " (did you mean 7?)"
    assert suggest("scanner", known) == suggest("a", []) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (1.0, "1"), (np.float32(2.0), "2"), (0.5, "0.5"), (b"1", "b'1'")],
)
def test_text_of_values_is_the_same_for_whole_numbers_of_all_types(value, text):
    assert plain_text(value) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b", "a b"),
        ("a\nb", "a\\nb"),
        ("\x1b[0m", "\\x1b[0m"),
        ("Größe 年", "Größe 年"),
        ("\u202ea", "\\u202ea"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        (5, "5"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"n_permutations": 99, "target": "target"}, ["permutation null"]),
        (
            {"n_permutations": 99, "target": "target", "adjust_for_target": True},
            ["within levels of the target"],
        ),
        (
            {"n_permutations": 99, "target": "target", "null": "sign_flip"},
            ["direction null"],
        ),
        ({"n_permutations": 99}, ["no primary head"]),
        ({"n_permutations": 0, "target": "target"}, ["n_permutations=0"]),
        ({"n_permutations": 0}, ["no primary head", "n_permutations=0"]),
    ],
)
def test_notes_say_what_was_permuted_or_why_nothing_was(settings, expected):
    study = make_shortcut(120, 12, random_state=0)
    fitted = WeightSpaceCorrelation(random_state=0, **settings)
    fitted.fit(study.data, study.metadata)
    notes = " ".join(fitted.notes_)
    for words in expected:
        assert words in notes
    missing = fitted.summary_["alignment_pvalue"].isna().all()
    assert missing == (expected[0] in ("no primary head", "n_permutations=0"))


@pytest.mark.parametrize(
    ("values", "share"), [((0.3, 0.144), "14%"), ((0.002, 0.9), "less than 1%")]
)
def test_the_weakest_variable_that_overturns_a_use_is_named(values, share):
    assert f"would have to explain {share} of" in describe_robustness(values)


@pytest.mark.parametrize("values", [(0.0, 0.2), (0.2, None), (0.2, np.nan), ()])
def test_nothing_is_said_where_nothing_is_needed(values):
    assert describe_robustness(values) == ""


def test_columns_that_go_together_are_named_with_what_is_left_of_one():
    found = {"association": 0.907, "utilization": 0.021, "low": 0.0, "high": 0.083}
    assert describe_confusable("hospital", ("a", "b"), found | {"reason": ""}) == (
        "'hospital' and 'a & b' go together (0.91): at fixed 'a & b' the utilization "
        "of 'hospital' is 0.021 (0 to 0.083)"
    )
    found = describe_confusable("hospital", "site", found | {"reason": "no rows"})
    assert found.endswith("at fixed 'site' 'hospital' cannot be judged")
