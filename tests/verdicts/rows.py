"""Rows of the table as the rule reads them, made by hand."""

from sklearn_wsca._verdicts.registry import judge
from sklearn_wsca._verdicts.rule import Rule

RULE = Rule(significance=0.05, min_effect=0.1, held=["disease", "site"])
JUST = 1e-9


def row(**entries):
    """A column that is encoded, and neither used nor shown to be unused."""
    return {
        "name": "scanner",
        "encoding_qvalue": 0.01,
        "encoding_skill": 0.2,
        "encoding_power": 1.0,
        "alignment_pvalue_fwer": 0.6,
        "alignment_qvalue": 0.6,
        "target_association": 0.43,
        "target_association_pvalue": 0.001,
        "utilization": 0.08,
        "utilization_low": 0.0,
        "utilization_high": 0.24,
        "utilization_balanced": 0.09,
        "utilization_balanced_low": 0.0,
        "utilization_balanced_high": 0.26,
        "utilization_pvalue": 0.2,
        "utilization_qvalue": 0.3,
        "probability_shift": 3.2,
        "probability_shift_low": -0.4,
        "minimum_detectable_effect": 0.17,
        "classes_above": [],
        "levels_above": [],
        "classes_unseen": [],
        "class_in_doubt": "",
        "carrier": "",
        "shift_sentence": ("the probability of 'ill' is", "higher under 'A'"),
    } | entries


def judged(rule=RULE, **entries):
    """Verdict and sentence for such a column."""
    return judge(row(**entries), rule)


SIGNIFICANT = {"utilization_qvalue": 0.01}
POOLED = {"utilization": 0.3, "utilization_low": 0.05, **SIGNIFICANT}
BALANCED = {
    "utilization_balanced": 0.3,
    "utilization_balanced_low": 0.05,
    **SIGNIFICANT,
}
# Both whole intervals are below the margin.
BELOW = {"utilization_high": 0.074, "utilization_balanced_high": 0.081}
NOT_READ = {"encoding_qvalue": 0.8}
# What the minimum detectable effect of such a row becomes, in an open verdict.
MAY_FIND = "show a utilization of 0.17 or more in 80% of cases"
