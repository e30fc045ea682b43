"""What an analysis found, in sentences for people who do not read tables."""

from __future__ import annotations

from typing import Any

from sklearn_wsca._report.plain import column_text
from sklearn_wsca._text import format_number
from sklearn_wsca._verdict import EXPLAINED, INCONCLUSIVE, NOT_ENCODED, NOT_USED, USED

LIMITS_OF_ALL = (
    "Utilization is an association at fixed target, not proof of a cause: rows of the "
    "same class may differ between levels in what the network should see.",
    "Columns that are not in the table were not looked at.",
    "Inconclusive does not mean unused.",
)


def ask(analysis: dict[str, Any]) -> str:
    """Question that the analysis answers."""
    target = analysis["target"]
    what = "its decision"
    if target is not None:
        what += f" '{column_text(target['name'])}'"
    return (
        "The network's embeddings may encode metadata such as scanner, hospital or "
        f"sex. Does {what} use them?"
    )


def answer(column: dict[str, Any], analysis: dict[str, Any]) -> str:
    """Verdict on one column in plain sentences."""
    effect = column["utilization"]
    sentences = {
        USED: _used,
        NOT_USED: _not_used,
        NOT_ENCODED: _not_encoded,
        INCONCLUSIVE: _inconclusive,
    }
    if column["verdict"] not in sentences:
        reason = effect["untestable"] or column["note"] or "no reason was recorded"
        return f"Nothing can be said: {reason}."
    found = sentences[column["verdict"]](effect, analysis)
    if EXPLAINED in column["note"]:
        found += (
            " The heads align, but the data explain that: the column and the target "
            "are associated."
        )
    return found


def _used(effect: dict, analysis: dict) -> str:
    return f"{_moves(effect, analysis)}{_points(effect)}."


def _not_used(effect: dict, analysis: dict) -> str:
    margin = _margin(analysis)
    return (
        f"The embeddings encode it, but {_subject(analysis)} moves less with it than "
        f"{margin} of its standard deviation{_fixed(analysis)}: "
        f"{_estimate(effect, analysis)}."
    )


def _not_encoded(effect: dict, analysis: dict) -> str:
    return (
        "A linear model cannot read it off the embeddings better than chance."
        f"{_power(effect)}"
    )


def _inconclusive(effect: dict, analysis: dict) -> str:
    qvalue, level = effect["qvalue"], analysis["significance"]
    if qvalue is not None and level is not None and qvalue <= level:
        opening = (
            f"{_moves(effect, analysis)}, but whether that reaches the margin of "
            f"{_margin(analysis)} is open"
        )
    else:
        opening = (
            "Neither a use nor its absence is shown: "
            f"{_estimate(effect, analysis, 'the output')}"
        )
    return f"{opening}.{_power(effect)}"


def _subject(analysis: dict) -> str:
    head = analysis.get("primary_head") or {}
    subjects = {
        "trained": "the network's output",
        "fitted": "the output of the fitted linear head",
    }
    return subjects.get(head.get("source", ""), "the output of the decision")


def _moves(effect: dict, analysis: dict) -> str:
    subject = _subject(analysis)
    return (
        f"{subject[0].upper()}{subject[1:]} moves with it{_fixed(analysis)}, by "
        f"{_estimate(effect, analysis)}"
    )


def _estimate(effect: dict, analysis: dict, whose: str = "") -> str:
    """Estimate and interval."""
    deviation = f"{whose}'s standard deviation" if whose else "its standard deviation"
    return (
        f"{_number(effect['estimate'])} of {deviation} "
        f"({_confidence(analysis)}interval {_number(effect['low'])} to "
        f"{_number(effect['high'])})"
    )


def _points(effect: dict) -> str:
    """Change of predicted probabilities, where there are any and noise is excluded."""
    shift = effect["probability_shift"]
    if shift is None or not effect["low"]:
        return ""
    return f"; predicted probabilities differ by up to {count_points(shift)}"


def count_points(shift: float) -> str:
    """Percentage points in words."""
    shown = f"{shift:.0f}"
    return f"{shown} percentage point{'' if shown == '1' else 's'}"


def _power(effect: dict) -> str:
    detectable = effect["minimum_detectable_effect"]
    if detectable is None:
        return ""
    return (
        f" A utilization of {_number(detectable)} or more would be found in 80% of "
        "samples like this one."
    )


def _fixed(analysis: dict) -> str:
    names = [f"'{column_text(name)}'" for name in analysis["held_fixed"]]
    return f" at fixed {' and '.join(names)}" if names else ""


def _confidence(analysis: dict) -> str:
    level = analysis["significance"]
    return "" if level is None else f"{1 - level:.0%} "


def _margin(analysis: dict) -> str:
    return (
        "the margin"
        if analysis["min_effect"] is None
        else _number(analysis["min_effect"])
    )


def _number(value: float | None) -> str:
    return "-" if value is None else format_number(value)


def describe_analysis(result: dict[str, Any]) -> list[str]:
    """What was done, in sentences fit for a methods section."""
    analysis = result["analysis"]
    sentences = [_describe_rows(analysis), _describe_space(analysis)]
    sentences += [_describe_head(analysis), _describe_permutations(result)]
    sentences.append(_describe_rule(analysis))
    versions = ", ".join(f"{k} {v}" for k, v in result["software"].items())
    return [s for s in sentences if s] + [f"Software: {versions}."]


def _describe_rows(analysis: dict) -> str:
    n = analysis["n_samples"]
    if n is None:
        return ""
    rows = f"{n} rows"
    if analysis["n_groups"] is not None:
        rows += f" of {analysis['n_groups']} groups ('{analysis['groups']}')"
    if analysis["judged_rows"] != "held out":
        return f"{rows} were analysed; the linear models were fitted on the same rows."
    fitted = analysis.get("n_samples_fit")
    on = "" if fitted is None else f", fitted on {fitted} other rows"
    return f"{rows} were analysed that were held out from the linear models{on}."


def _describe_space(analysis: dict) -> str:
    k = analysis.get("n_components")
    if k is None:
        return ""
    return (
        f"Embeddings of {analysis['n_features']} features were analysed in {k} "
        f"principal directions, which hold {analysis['explained_variance']:.1%} of "
        "their variance."
    )


def _describe_head(analysis: dict) -> str:
    if "primary_head" not in analysis:
        return ""
    head = analysis["primary_head"]
    if head is None:
        return "There was no decision: heads were compared with each other only."
    if head["source"] == "trained":
        return "The decision is that of the trained head of the network."
    return (
        "No trained head was given: the decision is that of a linear head fitted to "
        "the target on these embeddings, which need not decide as the network does."
    )


def _describe_permutations(result: dict) -> str:
    analysis = result["analysis"]
    m = analysis["n_permutations"]
    if not m:
        return ""
    tests = [column["utilization"] for column in result["columns"]]
    schemes = sorted({test["scheme"] for test in tests if test["scheme"]})
    permuted = f" of {', '.join(schemes)} (utilization)" if schemes else ""
    seed = analysis.get("seed")
    seeded = "" if seed is None else f", seed {seed}"
    return (
        f"p-values are from {m} permutations{permuted}, so none is below "
        f"{1 / (m + 1):.2g}{seeded}."
    )


def _describe_rule(analysis: dict) -> str:
    if analysis["min_effect"] is None or analysis["significance"] is None:
        return ""
    level, margin = analysis["significance"], analysis["min_effect"]
    return (
        f"A column counts as used if its utilization is significant at {level:.0%} "
        f"after correction over columns (Benjamini-Hochberg) and at least {margin:g}, "
        f"and as not used if it is encoded and its {1 - 2 * level:.0%} interval lies "
        "below that margin."
    )


def explain_limits(result: dict[str, Any]) -> list[str]:
    """What this analysis cannot say, most important first."""
    return [*limits_of(result["analysis"]), *LIMITS_OF_ALL]


def limits_of(analysis: dict[str, Any]) -> list[str]:
    """Limits that another analysis of the same network need not have."""
    head = analysis.get("primary_head")
    limits = []
    if head is not None and head["source"] == "fitted":
        limits.append(
            "No trained head was given, so this is about a linear head fitted to the "
            "embeddings, not about the network's own decision."
        )
    if analysis["judged_rows"] == "fit":
        limits.append(
            "The rows judged are those that the linear models were fitted on. If the "
            "network was trained on them too, the answers may be too optimistic or too "
            "pessimistic: repeat the analysis on rows that it has not seen."
        )
    if analysis["n_groups"] is None:
        limits.append(
            "Rows were taken for independent. If several belong to one patient, "
            "p-values and intervals are too optimistic: name the patient in groups."
        )
    return limits
