import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._text import describe_encoding, format_pvalue
from sklearn_wsca._verdict import describe_effect
from sklearn_wsca.datasets import make_shortcut

LEVELS = pd.Series({"balanced_accuracy": 0.58, "balanced_accuracy_chance": 0.25})

EFFECT = {
    "utilization": 0.1234,
    "utilization_low": 0.05,
    "utilization_high": 0.2,
    "utilization_qvalue": 0.00123,
    "probability_shift": 7.4,
}


def test_an_effect_has_its_unit_interval_and_what_is_held_fixed():
    text = describe_effect(EFFECT, 0.95, ["disease", "age"])
    assert text == (
        "at fixed 'disease' and 'age' the outputs move by 0.12 of their standard "
        "deviation, predicted probabilities by 7 points (95% interval 0.05 to 0.2, "
        "q = 0.0012)"
    )


def test_probabilities_are_not_said_to_move_where_no_movement_is_not_excluded():
    text = describe_effect(EFFECT | {"utilization_low": 0.0}, 0.95, [])
    assert "probabilities" not in text


def test_outputs_that_are_no_probabilities_are_not_called_so():
    text = describe_effect(EFFECT | {"probability_shift": np.nan}, 0.9, [])
    assert text.startswith("the outputs move by 0.12 of their standard deviation (90%")


def test_measures():
    categorical = pd.Series({"kind": "categorical"})
    assert describe_encoding(categorical, LEVELS) == "58% right, by chance 25%"
    number = pd.Series({"r2": -0.02})
    continuous = pd.Series({"kind": "continuous"})
    assert describe_encoding(continuous, number).startswith("-2% of its")
    assert format_pvalue(np.nan) == "p -"
    assert format_pvalue(0.0012345) == "p = 0.0012"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"n_permutations": 99, "target": "target"}, ["encoding null"]),
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
