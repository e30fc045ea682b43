"""Differences of performance as a clinician reads them."""

from sklearn_wsca._report.gap_sentences import tell_gap


def levels_of(**shares):
    """Levels with sensitivities and specificities, and how long their intervals are."""
    return [
        {"level": level}
        | {
            f"{name}{end}": value + shift
            for name, value in zip(("sensitivity", "specificity"), pair, strict=True)
            for end, shift in (("", 0.0), ("_low", -width / 2), ("_high", width / 2))
        }
        for level, (*pair, width) in shares.items()
    ]


def test_shares_that_are_equal_are_said_once(study):
    column, analysis = study["columns"][0], study["analysis"]
    column["performance"]["gap"]["qvalue"] = 0.9
    column["performance"]["by_level"] = levels_of(a=(1.0, 0.3, 0.2), b=(1.0, 0.3, 0.2))
    assert "sensitivity (share of 'present' recognised) is 100% for both" in tell_gap(
        column, analysis
    )
    column["performance"]["by_level"] += levels_of(c=(1.0, 0.3, 0.2))
    assert "is 30% for all;" in tell_gap(column, analysis)


def test_performance_that_differs_has_what_each_level_reaches(study):
    column, analysis = study["columns"][0], study["analysis"]
    levels = levels_of(a=(0.8, 0.3, 0.2), b=(0.7, 0.83, 0.2), few=(0.1, 0.1, 0.8))
    column["performance"]["by_level"] = levels
    gap = column["performance"]["gap"]
    gap |= {"qvalue": 0.01, "measure": "specificity", "of_class": None}
    gap |= {"higher": "b", "lower": "a", "size": 0.53, "low": 0.2, "high": 0.7}
    assert tell_gap(column, analysis) == (
        "Performance differs: specificity (share of 'absent' recognised) is 83% for "
        "'b' but 30% for 'a' (53 percentage points apart; 20 to 70). Sensitivity "
        "(share of 'present' recognised) is 70% for 'b' and 80% for 'a' (too few "
        "rows to say for 'few'); whether that is more than chance was not tested."
    )
    levels[1]["specificity"] = 0.834
    gap["size"] = 0.834 - 0.3
    assert "is 83% for 'b' but 30% for 'a' (53 " in tell_gap(column, analysis)
    levels[1]["specificity"], levels[0]["specificity"] = 0.897, 0.464
    gap["size"] = 0.897 - 0.464
    assert "is 89.7% for 'b' but 46.4% for 'a' (43 " in tell_gap(column, analysis)
    levels += levels_of(c=(0.75, 0.5, 0.2))
    assert "is lowest, 70% for 'b', and highest, 80% for 'a' (too few" in tell_gap(
        column, analysis
    )
    gap["measure"], gap["size"] = "auroc", 0.53
    assert "AUROC is 0.53 higher for 'b' than for 'a' (0.20 to 0.70). S" in tell_gap(
        column, analysis
    )


def test_performance_that_may_differ_or_is_not_known(study):
    column, analysis = study["columns"][0], study["analysis"]
    column["performance"]["by_level"] = []
    gap = column["performance"]["gap"]
    gap |= {"qvalue": 0.06, "unseen": 0.3, "unseen_measure": "auroc"}
    assert tell_gap(column, analysis) == (
        "Performance is not shown to differ; differences of up to 0.30 of AUROC, "
        "either way, are not excluded."
    )
    column["performance"]["by_level"] = levels_of(a=(0.8, 0.3, 0.2), b=(0.7, 0.4, 0.2))
    assert (
        "not shown to differ: sensitivity (share of 'present' recognised) is 70% for "
        "'b' and 80% for 'a'; specificity"
    ) in tell_gap(column, analysis)
    column["performance"] |= {"gap": None, "untested": "too few rows"}
    assert "was not compared: too few rows" in tell_gap(column, analysis)
    column["performance"]["untested"] = None
    assert tell_gap(column, analysis) == ""


def test_where_next_to_nothing_is_excluded_no_number_says_so(study):
    column, analysis = study["columns"][0], study["analysis"]
    column["performance"]["by_level"] = []
    gap = column["performance"]["gap"]
    gap |= {"qvalue": 0.6, "unseen": 1.0, "unseen_measure": "recall"}
    assert tell_gap(column, analysis).endswith(
        "; of share of right decisions not even large differences are excluded."
    )


def test_differences_of_errors_are_those_at_the_same_target(study):
    column, analysis = study["columns"][0], study["analysis"]
    gap = column["performance"]["gap"]
    gap |= {"qvalue": 0.01, "measure": "bias", "of_class": None, "size": 8.9}
    gap |= {"higher": "South", "lower": "West", "low": 6.0, "high": 12.0}
    assert (
        "differs: at the same recorded 'disease', mean error is 8.9 higher for 'South'"
    ) in tell_gap(column, analysis)
