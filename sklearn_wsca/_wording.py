"""Numbers of the summary table in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

ALIGNED_TOO = (
    "It remains aligned when {target} is made equally frequent at every value of the "
    "column, so the association in these data alone does not explain it."
)
ALIGNED_BY_DATA = (
    "Made equally frequent, {target} no longer explains an alignment: it may come from "
    "the association of the two in these data (strength {association:.2f} of 1) rather "
    "than from the network."
)


def format_pvalue(pvalue: float) -> str:
    """p-value with two significant digits; a dash where there is none."""
    return "p -" if np.isnan(pvalue) else f"p = {pvalue:.2g}"


def describe_encoding(row: pd.Series, metrics: pd.Series) -> str:
    """Held-out performance: variance explained, or balanced accuracy."""
    if row["kind"] == "continuous":
        return f"{metrics['r2']:.0%} of its variance, by chance 0%"
    return (
        f"{metrics['balanced_accuracy']:.0%} right, "
        f"by chance {metrics['balanced_accuracy_chance']:.0%}"
    )


def describe_column(
    row: pd.Series,
    adjusted: pd.Series,
    metrics: pd.Series,
    target: str,
    significance: float = 0.05,
) -> str:
    """What the numbers of one column mean, and what they do not.

    Parameters
    ----------
    row, adjusted : Series
        Rows of `summary_` without and with `adjust_for_target`.
    metrics : Series
        Row of `encoding_metrics_`.
    target : str
        Name of the target.
    significance : float, default=0.05
        Level of the p-values.
    """
    # Several columns are read together, so their p-values are corrected for that.
    aligns, aligns_adjusted = (
        r["alignment_pvalue_fwer"] <= significance for r in (row, adjusted)
    )
    measure = describe_encoding(row, metrics)
    if not row["encoding_pvalue"] <= significance:
        return (
            f"not readable from the embedding beyond chance ({measure}); an alignment "
            "would have no meaning."
        )
    encoded = f"readable from the embedding ({measure})."
    if not aligns:
        return (
            f"{encoded} The decision is not clearly aligned with it: shuffled columns "
            f"align as well in {row['alignment_pvalue_fwer']:.0%} of the draws. That "
            "is no proof that it is unused."
        )
    aligned = f"{encoded} The decision aligns with it more than with shuffled columns."
    if aligns_adjusted:
        return f"{aligned} {ALIGNED_TOO.format(target=target)}"
    association = row["target_association"]
    text = ALIGNED_BY_DATA.format(target=target, association=association)
    return f"{aligned} {text}"


def describe_null(null: str, adjusted: bool, n_permutations: int) -> str:
    """What was shuffled for the alignment p-values, how often, and their floor."""
    floor = 1.0 / (n_permutations + 1)
    draws = f"{n_permutations} draws, so no p-value is below {floor:.2g}"
    if null == "sign_flip":
        return (
            "Alignment p-values (direction null): signs of the principal coordinates "
            f"of the primary head flipped at random, {draws}."
        )
    within = " within levels of the target" if adjusted else ""
    return (
        f"Alignment p-values (encoding null): the rows of each column shuffled{within} "
        f"and its head refitted, {draws}."
    )


def explain_no_test(has_primary: bool, n_permutations: int) -> list[str]:
    """Why alignment p-values, or scores, are missing."""
    reasons = []
    if not has_primary:
        reasons.append(
            "There is no primary head (target or target_head): heads are compared with "
            "each other only, and columns have no alignment score."
        )
    if not n_permutations:
        reasons.append("n_permutations=0: there are no p-values.")
    return reasons


def describe_stopping(stop_after: int) -> str:
    """What a stopping rule changes."""
    return (
        f"stop_after={stop_after}: shuffles of a column end once {stop_after} have "
        "reached its statistic (n_permutations_used_), so there is no correction by "
        "max-T; use alignment_qvalue."
    )
