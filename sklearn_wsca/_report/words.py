"""What an analysis asks, does and cannot say, in sentences.

What it found is said by the verdicts, see `sklearn_wsca._verdicts`.
"""

from __future__ import annotations

from typing import Any

from sklearn_wsca._text import (
    capitalised,
    column_text,
    describe_confusable,
    describe_robustness,
    format_number,
)
from sklearn_wsca._verdicts.registry import USED
from sklearn_wsca._verdicts.rule import Rule

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


def tell_doubts(column: dict[str, Any]) -> list[str]:
    """How wrong the use of a column of the result could be, in sentences.

    Of the columns that it goes together with, the first is named.
    """
    if column["verdict"] != USED:
        return []
    effect, name = column["utilization"], column["name"]
    ends = (effect["robustness_to_margin"], effect["robustness_to_zero"])
    found = [describe_robustness(ends)]
    for pair in column["confusable"][:1]:
        found.append(describe_confusable(name, pair["column"], pair))
    return [f"{capitalised(text)}." for text in found if text]


def describe_analysis(result: dict[str, Any]) -> list[str]:
    """What was done, in sentences fit for a methods section."""
    analysis = result["analysis"]
    sentences = [_describe_rows(analysis), tell_lacking(analysis)]
    sentences.append(_describe_space(analysis))
    sentences += [_describe_head(analysis), _describe_permutations(result)]
    sentences.append(_describe_rule(analysis))
    versions = ", ".join(f"{k} {v}" for k, v in result["software"].items())
    return [s for s in sentences if s] + [f"Software: {versions}."]


def tell_performance(analysis: dict[str, Any]) -> tuple[str, bool]:
    """How well the head predicts the target, and whether that is a warning.

    The sentence is "" where nothing is known of it.
    """
    found, target = analysis.get("head_performance"), analysis["target"]
    if found is None:
        return "", False
    trained = (analysis.get("primary_head") or {}).get("source") != "fitted"
    held_out = "held out" in (analysis["judged_rows"], analysis.get("head_rows"))
    head = "the network" if trained else "the linear head fitted here"
    rows = f"these {found['n_rows']} {'held-out ' if held_out else ''}rows"
    name, finding = f"'{column_text(target['name'])}'", found["finding"]
    score, chance = _performance_text(found)
    if finding == "better than chance":
        if "r2" in found and (found["r2"] or 0.0) <= 0.0:
            return _tell_unit(found, head, name, rows), False
        sentence = f"{head} predicts {name} with {score} (chance {chance}) on {rows}."
        return capitalised(sentence) + _explain_score(found), False
    if finding == "better in another order":
        told = f"predicts {name} better with its classes in another order"
    elif finding == "worse than chance":
        told = f"predicts {name} worse than chance"
    else:
        told = f"is not shown to predict {name} better than chance"
    shown = f"{score}, chance {chance}"
    return f"Warning: {head} {told} on {rows} ({shown}). {_doubt(trained)}", True


def _performance_text(found: dict[str, Any]) -> tuple[str, str]:
    """Performance, and what chance gives."""
    if "r2" in found:
        error = format_number(found["mae"])
        return f"mean absolute error {error} and R2 {_two_digits(found['r2'])}", "0.00"
    score = _two_digits(found["balanced_accuracy"])
    return f"balanced accuracy {score}", _two_digits(found["chance"])


def _tell_unit(found: dict[str, Any], head: str, name: str, rows: str) -> str:
    """How outputs go with the target that are no predictions in its unit."""
    score, _ = _performance_text(found)
    together = _two_digits(found["correlation"])
    return (
        f"The outputs of {head} and {name} go together on {rows} (correlation "
        f"{together}, chance 0.00), but not in unit or level: {score}."
    )


def _two_digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _explain_score(found: dict[str, Any]) -> str:
    """Where outputs go with the target, though as predictions they are poor."""
    if "r2" in found:
        return ""
    gain = (found["balanced_accuracy"] or 0.0) - found["chance"]
    area = found["auroc"]
    if area is None or area < 0.6 or gain > 0.2 * (area - 0.5) * (1 - found["chance"]):
        return ""
    return (
        f" Its scores rank the rows better than that (AUROC {area:.2f}): are its "
        "intercepts those of the network?"
    )


def _doubt(trained: bool) -> str:
    """What a head that predicts nothing means for the rest."""
    if not trained:
        return "What follows is about outputs that have little to do with it."
    return (
        "What follows is then not about a network that decides it. Are the rows of "
        "embeddings and metadata in the same order, the classes in that of the head, "
        "and is it the head of this target and of these embeddings?"
    )


def tell_held_out(analysis: dict[str, Any]) -> str:
    """What the head has seen of the rows judged, unless they are held out; or ""."""
    relation = analysis.get("head_rows")
    if relation == "unknown":
        return (
            "These rows are not known to be held out: the trained head may have been "
            "fitted on them, and use may then look smaller or larger than it is. Judge "
            "rows that it has not seen (--held-out, --held-out-rows; audit in Python). "
            "If it has not seen these, say so (--rows-are-held-out; held_out=True)."
        )
    if relation == "cross-fitted":
        unit = "row" if analysis["n_groups"] is None else "group"
        return (
            "No rows were held out from the analysis, but the linear head that judges "
            f"a {unit} was fitted without it (cross-fitting). If the network was "
            "trained on these rows, repeat the analysis on others."
        )
    return ""


def tell_lacking(analysis: dict[str, Any]) -> str:
    """How many rows lack what every column is judged with; "" if none does."""
    lacking = analysis.get("lacking") or []
    if not lacking:
        return ""
    parts = []
    for column in lacking:
        name = f"the {column['role']} '{column_text(column['name'])}'"
        if column["n_missing"]:
            parts.append(f"{column['n_missing']} lack {name}")
        if column["n_rare"]:
            parts.append(f"{column['n_rare']} are of no level of {name} that is used")
    n_used, n = analysis["n_used"], analysis["n_samples"]
    return f"Of {n} rows, {n_used} can be judged: {', '.join(parts)}."


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
        seen = {
            "held out": ", which has not seen these rows, as its user declares",
            "unknown": "; whether it has seen these rows is not known",
        }
        known = "" if analysis["judged_rows"] != "fit" else analysis.get("head_rows")
        found = seen.get(known or "", "")
        return f"The decision is that of the trained head of the network{found}."
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
    return Rule(analysis["significance"], analysis["min_effect"], []).describe()


def explain_limits(result: dict[str, Any]) -> list[str]:
    """What this analysis cannot say, most important first."""
    seen = tell_held_out(result["analysis"])
    return [*limits_of(result["analysis"]), *([seen] if seen else []), *LIMITS_OF_ALL]


def limits_of(analysis: dict[str, Any]) -> list[str]:
    """Limits that another analysis of the same network need not have."""
    head = analysis.get("primary_head")
    limits = []
    if head is not None and head["source"] == "fitted":
        limits.append(
            "No trained head was given, so this is about a linear head fitted to the "
            "embeddings, not about the network's own decision."
        )
    if analysis["n_groups"] is None:
        limits.append(
            "Rows were taken for independent. If several belong to one patient, "
            "p-values and intervals are too optimistic: name the patient in groups."
        )
    return limits
