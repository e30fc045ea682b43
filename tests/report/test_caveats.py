"""What limits the answers of an audit, and what is next."""

import copy

from sklearn_wsca._report.caveats import list_caveats, list_next_steps


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
    assert "The same of 1 more column: see them one by one." in list_caveats(study)


def test_levels_of_few_rows_that_a_use_is_told_by_are_named(study):
    column = study["columns"][0]
    shift = column["utilization"]["shift"]
    for level in column["labels"]["levels"]:
        level["n_samples"] = 13 if level["level"] == shift["higher"] else 30
    words = f"'hospital': only 13 rows are of '{shift['higher']}'."
    assert words in list_caveats(study)
    column["verdict"] = "inconclusive"
    assert words not in list_caveats(study)


def test_too_few_permutations_are_a_next_step_and_rows_are_not(study):
    for column in study["columns"]:
        column["verdict"] = "inconclusive"
        column["utilization"] |= {"pvalue": 0.01, "qvalue": 0.06, "low": 0.2}
    study["columns"][1]["utilization"]["low"] = 0.0
    steps = " ".join(list_next_steps(study))
    assert "'age', 'hospital': run it again with 119 permutations or more" in steps
    assert "'sex': add rows" in steps


def test_a_network_that_does_not_predict_is_checked_first(study):
    study["analysis"]["head_performance"]["finding"] = "not shown"
    assert list_next_steps(study)[0].startswith("Check first that the rows")


def test_a_number_has_no_levels_to_put_patients_under(study):
    study["columns"][0]["verdict"] = study["columns"][1]["verdict"] = "not used"
    (step,) = [step for step in list_next_steps(study) if "If it must not" in step]
    assert step.startswith("If it must not: find what carries it")


def test_columns_that_many_rows_say_nothing_of_are_named(study):
    assert not [text for text in list_caveats(study) if "say nothing" in text]
    study["columns"][2]["n_samples"] -= 136
    (told,) = [text for text in list_caveats(study) if "say nothing" in text]
    n_rows = study["analysis"]["n_samples"]
    assert told.endswith(f"say nothing about it: 'age' (136) of {n_rows}.")
