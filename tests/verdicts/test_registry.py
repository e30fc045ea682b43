"""The registry of verdicts: sentences of hand-made rows, documentation, and looks."""

import re
from pathlib import Path

import numpy as np
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._verdicts.registry import VERDICTS, Verdict, untestable
from sklearn_wsca._verdicts.rule import EXPLAINED
from sklearn_wsca.datasets import make_shortcut
from tests.verdicts.rows import (
    BALANCED,
    BELOW,
    MAY_FIND,
    POOLED,
    RULE,
    SIGNIFICANT,
    judged,
    row,
)

# --- the sentences -------------------------------------------------------------------

EFFECT = RULE.describe_effect(row())


@pytest.mark.parametrize(
    ("entries", "parts"),
    [
        (POOLED, ["outputs move by 0.3 of their standard", "q = 0.01), the margin "]),
        (
            BALANCED,
            ["move by 0.3 of their standard deviation, every class counted alike ("],
        ),
        (
            BELOW | {"utilization": 0.05},
            [
                "encoded, but at fixed 'disease' and 'site' the outputs move by 0.05 ",
                "(95% interval 0 to 0.074, q = 0.3); the whole interval is below the "
                "margin 0.1, also with every class counted alike (up to 0.081)",
            ],
        ),
        (
            {"encoding_qvalue": 0.4},
            ["a linear probe does no better than chance", EFFECT, MAY_FIND],
        ),
        ({}, [EFFECT, "neither a use nor its absence (margin 0.1) is shown", MAY_FIND]),
        (SIGNIFICANT, ["that it reaches the margin 0.1 is open"]),
    ],
    ids=["used", "balanced", "not used", "not encoded", "nothing shown", "open"],
)
def test_sentences(entries, parts):
    for part in parts:
        assert part in judged(**entries)[1]


def test_used_says_what_carries_it_and_what_that_is_in_probabilities():
    sentence = judged(**POOLED, carrier="most under 'A'", probability_shift_low=1.2)[1]
    assert sentence.endswith(
        "; most under 'A'; the probability of 'ill' is 3 percentage points higher "
        "under 'A'"
    )
    for low in (-0.1, 0.0, np.nan):
        assert "probability" not in judged(**POOLED, probability_shift_low=low)[1]
    tiny = {"probability_shift": 0.3, "probability_shift_low": 0.1}
    assert "is less than 1 percentage point higher" in judged(**POOLED, **tiny)[1]
    assert "probability" not in judged(**POOLED | {"utilization_low": 0.0})[1]


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ({"classes_above": ["rare"]}, "moves by the margin on its own: class 'rare'"),
        ({"levels_above": ["C"]}, "moves by the margin on its own: rare level 'C'"),
        (
            {"classes_unseen": ["rare"]},
            "cannot be judged: class 'rare', which holds one value of the column only",
        ),
        ({"class_in_doubt": "least is known of 'x'"}, "least is known of 'x'"),
    ],
)
@pytest.mark.parametrize("below", [{}, BELOW])
def test_the_class_that_leaves_it_open_is_named(entries, part, below):
    verdict, sentence = judged(**below, **entries)
    assert (part in sentence) == (verdict == "inconclusive")
    assert part not in judged(**below)[1]


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ({"encoding_qvalue": 0.7}, "does no better than chance, so"),
        ({"encoding_skill": 0.004}, "hardly better than chance (skill 0.004), so"),
        ({"encoding_skill": -6.78}, "hardly better than chance (skill 0), so"),
        (
            {"encoding_qvalue": 0.7, "encoding_power": 0.35},
            "whether it is encoded is open: a column that the embeddings explain by 10%"
            " would be found in 35% of data of this kind",
        ),
    ],
)
def test_encoding_is_open_none_or_hardly_any(entries, part):
    assert part in judged(**entries)[1]
    assert part not in judged()[1]


def test_untestable_gives_the_reason():
    assert untestable("too little") == ("untestable", "untestable: too little")


# --- the registry --------------------------------------------------------------------

ROOT = Path(__file__).parents[2]


def test_every_verdict_is_complete_and_looks_like_no_other():
    for name in ("word", "meaning", "remark", "colour", "marker", "symbol"):
        found = [getattr(verdict, name) for verdict in VERDICTS.values()]
        assert all(found) and len(set(found)) == len(found), name
    assert [verdict.word for verdict in VERDICTS.values()] == list(VERDICTS)


@pytest.mark.parametrize("low", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("encoding", [0.01, 0.5, np.nan])
@pytest.mark.parametrize("qvalue", [0.01, 0.5, np.nan])
@pytest.mark.parametrize("high", [0.05, 0.5])
def test_the_rules_leave_no_row_without_a_verdict(low, encoding, qvalue, high):
    numbers = {"utilization_low": low, "utilization_qvalue": qvalue}
    numbers |= {"utilization_high": high, "utilization_balanced_high": high}
    verdict, sentence = judged(**numbers, encoding_qvalue=encoding)
    assert verdict in VERDICTS and verdict != "untestable"
    assert ("or more in 80% of cases" in sentence) == VERDICTS[verdict].is_open


def test_the_guide_says_what_the_registry_says():
    text = (ROOT / "docs" / "guide" / "which_number.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w ]+)` \| (.+?) \|", text, re.MULTILINE)
    expected = [(v.word, f"{v.meaning} {v.remark}") for v in VERDICTS.values()]
    assert rows == expected
    assert f"The flag *{EXPLAINED}* marks" in text


@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/command_line.md"])
def test_pages_list_every_verdict(page):
    text = re.sub(r"[*`]", "", " ".join((ROOT / page).read_text("utf-8").split()))
    (listed,) = re.findall(r"\bused, not used, [\w, ]+? or \w+", text)
    assert sorted(re.split(", | or ", listed)) == sorted(VERDICTS)


class Masked(Verdict):
    """A verdict that is not there."""

    word, meaning, remark = "masked", "Something hides the column.", "Look again."
    colour, marker, symbol, terminal = "#009e73", "v", "▼", "bold green"

    def holds(self, row, rule):
        return row["utilization"] > 0.3


@pytest.fixture
def masked():
    """A further verdict, in the first place."""
    kept = dict(VERDICTS)
    VERDICTS.clear()
    VERDICTS.update({"masked": Masked()} | kept)
    yield
    VERDICTS.clear()
    VERDICTS.update(kept)


def test_a_further_verdict_is_said_and_shown_everywhere(masked, capsys):
    for extra in ("matplotlib", "jinja2", "rich"):
        pytest.importorskip(extra)
    from rich.console import Console

    from sklearn_wsca import UtilizationDisplay
    from sklearn_wsca._cli._terminal import print_result

    study = make_shortcut(200, 8, encoding=2.0, use=1.0, random_state=0)
    settings = {"n_permutations": 59, "random_state": 0, "target_head": study.head}
    found = WeightSpaceCorrelation("target", columns=["scanner", "age"], **settings)
    found.fit(study.data, study.metadata)
    assert found.verdicts_["scanner"] == "masked"
    assert found.summary_.loc["scanner", "note"].startswith(Masked.meaning)
    page = found.to_html()
    assert ".badge-masked { background: #009e73; color: #000000; }" in page
    assert f"</span> masked</span></dt><dd>{Masked.meaning} {Masked.remark}" in page
    assert page.count(f"scanner</bdi></strong></a>. {Masked.meaning}") == 1
    assert f"**scanner: masked.** {Masked.meaning}" in found.to_markdown()
    print_result(Console(width=200), found.to_dict())
    assert f"▼ scanner: masked. {Masked.meaning}" in capsys.readouterr().out
    figure = UtilizationDisplay.from_estimator(found).figure_
    assert "masked" in [text.get_text() for text in figure.legends[0].get_texts()]
    figure.clear()
