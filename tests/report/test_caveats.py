"""What limits the answers of an audit, and what is next."""

import copy

import pytest

from sklearn_wsca._report.caveats import list_caveats, list_next_steps


@pytest.fixture
def study(result):
    """A result that may be changed: hospital, sex, age, all of them used."""
    return copy.deepcopy(result)


def test_caveats_and_next_steps_are_those_of_the_study(study):
    analysis = study["analysis"]
    analysis |= {"n_groups": None, "head_rows": "unknown"}
    steps = " ".join(list_next_steps(study))
    assert "--groups" in steps and "--held-out" in steps and "wsca intervene" in steps
    assert "not known to be held out" in list_caveats(study)[0]
    analysis |= {"n_groups": 9, "head_rows": "held out"}
    analysis["primary_head"]["source"] = "trained"
    for column in study["columns"]:
        column["verdict"] = "not used"
        column["performance"]["gap"]["not_compared"] = ""
    assert list_next_steps(study) == []
    assert list_caveats(study) == []
    study["columns"][0]["verdict"] = "inconclusive"
    study["columns"][1]["verdict"] = "untestable"
    assert list_next_steps(study)[0].startswith("'hospital': add rows")
    assert "Not judged: 'sex'." in list_caveats(study)


def test_what_has_too_few_rows_is_said_of_the_first_columns(study):
    for column in study["columns"]:
        column["performance"]["gap"] = None
    study["columns"] = [copy.deepcopy(study["columns"][0]) for _ in range(6)]
    for i, column in enumerate(study["columns"]):
        gap = {"not_compared": "specificity for 'x'"} if i else None
        column["name"], column["performance"]["gap"] = f"column {i}", gap
    said = [text for text in list_caveats(study) if "too few to compare" in text]
    assert said[0] == "'column 1': too few to compare specificity for 'x'."
    assert len(said) == 4
    assert "The same of 1 more columns: see them one by one." in list_caveats(study)
