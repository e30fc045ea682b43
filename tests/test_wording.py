import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._wording import describe_column, describe_encoding, format_pvalue
from sklearn_wsca.datasets import make_shortcut

LEVELS = pd.Series({"balanced_accuracy": 0.58, "balanced_accuracy_chance": 0.25})


def row(encoding=0.001, alignment=0.001, kind="categorical"):
    return pd.Series(
        {
            "kind": kind,
            "encoding_pvalue": encoding,
            "alignment_pvalue_fwer": alignment,
            "target_association": 0.41,
        }
    )


@pytest.mark.parametrize(
    ("plain", "adjusted", "expected", "absent"),
    [
        (row(encoding=0.4), row(), "not readable", "The decision aligns"),
        (row(alignment=0.14), row(), "in 14% of the draws", "The decision aligns"),
        (row(), row(alignment=0.3), "association of the two", "remains aligned"),
        (row(), row(), "remains aligned", "may come from"),
        (row(encoding=np.nan), row(), "not readable", "The decision aligns"),
    ],
)
def test_each_finding_has_its_sentence(plain, adjusted, expected, absent):
    text = describe_column(plain, adjusted, LEVELS, "disease")
    assert expected in text
    assert absent not in text


def test_no_sentence_claims_use():
    for adjusted in (row(), row(alignment=0.3)):
        text = describe_column(row(), adjusted, LEVELS, "disease")
        assert " use" not in text.replace("unused", "")


def test_measures():
    assert describe_encoding(row(), LEVELS) == "58% right, by chance 25%"
    number = pd.Series({"r2": -0.02})
    assert describe_encoding(row(kind="continuous"), number).startswith("-2% of its")
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
def test_notes_say_what_was_shuffled_or_why_nothing_was(settings, expected):
    study = make_shortcut(120, 12, random_state=0)
    fitted = WeightSpaceCorrelation(random_state=0, **settings)
    fitted.fit(study.data, study.metadata)
    notes = " ".join(fitted.notes_)
    for words in expected:
        assert words in notes
    missing = fitted.summary_["alignment_pvalue"].isna().all()
    assert missing == (expected[0] in ("no primary head", "n_permutations=0"))
