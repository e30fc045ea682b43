"""A result in the terminal: answers, table and where the files are."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sklearn_wsca._cli._wording import as_typed
from sklearn_wsca._report.caveats import list_caveats
from sklearn_wsca._report.first_screen import (
    by_importance,
    is_brief,
    tell_comparison,
    tell_rightness,
)
from sklearn_wsca._report.gap_sentences import tell_gap
from sklearn_wsca._text import (
    alike_text,
    count_points,
    describe_encoding,
    format_number,
    format_skill,
    printable,
    shown_shift,
)
from sklearn_wsca._verdicts.registry import USED, VERDICTS

MOST_ANSWERS, FEWEST_ANSWERS = 20, 3


def print_result(console: Console, result: dict[str, Any]) -> None:
    """Print the answers in words, what limits them, the numbers, and what is next."""
    analysis = result["analysis"]
    performance, doubtful = tell_rightness(analysis)
    if performance:
        style = "bold yellow" if doubtful else "bold"
        _say(console, performance, style, end="\n\n")
    comparison = tell_comparison(analysis)
    if comparison:
        _say(console, comparison, "dim", end="\n\n")
    columns = by_importance(result["columns"])
    if len(columns) > MOST_ANSWERS:
        n_used = sum(column["verdict"] == USED for column in columns)
        columns = columns[: max(n_used, FEWEST_ANSWERS)]
    for column in columns:
        line = _verdict(column["verdict"], f"{printable(column['name'])}: ")
        line.append(f". {printable(as_typed(column['lead']))}")
        console.print(line, highlight=False)
        gap = tell_gap(column, analysis)
        if gap and not is_brief(column, result["columns"]):
            _say(console, f"  {gap}", "")
    console.print(_counts(result), end="\n\n", highlight=False)
    print_list(console, "Keep in mind", list_caveats(result))
    console.print()
    console.print(make_table(result))
    console.print()
    print_list(console, "What to do next", result["next_steps"])


def _say(console: Console, text: str, style: str, end: str = "\n") -> None:
    """Print text of the result, in which names of data may stand."""
    shown = Text(printable(as_typed(text)), style=style)
    console.print(shown, highlight=False, end=end)


def print_list(console: Console, title: str, sentences: list[str]) -> None:
    """Print sentences as a list with a title; nothing without sentences."""
    if not sentences:
        return
    _say(console, f"{title}:", "bold")
    grid = Table.grid(padding=(0, 1))
    for sentence in sentences:
        grid.add_row("-", Text(printable(as_typed(sentence))))
    console.print(grid, highlight=False)


def make_table(result: dict[str, Any]) -> Table:
    """One row per column of the metadata."""
    analysis = result["analysis"]
    held = " and ".join(f"'{printable(name)}'" for name in analysis["held_fixed"])
    table = Table(title=Text(_rows(analysis)), title_justify="left", title_style="bold")
    table.add_column("column", overflow="fold")
    table.add_column("verdict")
    table.add_column(Text(f"output moves at fixed {held}"))
    table.add_column("encoded")
    table.add_column("aligned")
    for column in by_importance(result["columns"]):
        table.add_row(
            Text(f"{printable(column['name'])}\n{_kind(column)}"),
            _verdict(column["verdict"]),
            _movement(column["utilization"], analysis["min_effect"]),
            _encoding(column),
            _alignment(column["alignment"]),
        )
    return table


def _rows(analysis: dict) -> str:
    """What was analysed, in a line."""
    groups = ""
    if analysis["n_groups"] is not None:
        name = printable(analysis["groups"])
        groups = f" of {analysis['n_groups']} groups ('{name}')"
    known = (analysis["judged_rows"], analysis["head_rows"])
    held_out = "held-out " if "held out" in known else ""
    return (
        f"{analysis['n_samples']} {held_out}rows{groups}, "
        f"{analysis['n_permutations']} permutations, seed {analysis['seed']}"
    )


def _kind(column: dict) -> str:
    n_levels = column["n_levels"]
    if column.get("interaction_of"):
        return column["kind"] or ""
    return f"{n_levels} levels" if n_levels else column["kind"] or ""


def _verdict(verdict: str, before: str = "") -> Text:
    style = VERDICTS[verdict]
    return Text.assemble(
        (f"{style.symbol} ", style.terminal),
        (before, "bold"),
        (verdict, style.terminal),
    )


def _movement(effect: dict, margin: float) -> str:
    if effect["estimate"] is None:
        return "-"
    shift = shown_shift(effect)
    points = "" if shift is None else f"\n{count_points(shift)}"
    keys = ("estimate", "low", "high")
    estimate, low, high = (format_number(effect[key], margin) for key in keys)
    alike = f"\n{alike_text(effect, margin)}".rstrip()
    qvalue = format_number(effect["qvalue"])
    return f"{estimate} ({low} to {high}), q = {qvalue}{alike}{points}"


def _encoding(column: dict) -> str:
    encoding = column["encoding"]
    if encoding["score"] is None:
        return "-"
    metrics = encoding.get("metrics")
    if metrics:
        words = describe_encoding(column, metrics)
    else:
        words = f"skill {format_skill(encoding)}"
    return f"{words}\np = {format_number(encoding['pvalue'])}"


def _alignment(alignment: dict) -> str:
    if alignment["score"] is None:
        return "-"
    pvalue = alignment["pvalue_fwer"]
    return f"{format_number(alignment['score'])}\np = {format_number(pvalue)}"


def _counts(result: dict) -> Text:
    """How many columns have which verdict."""
    parts = [
        Text.assemble(f"{n} ", _verdict(verdict))
        for verdict, n in result["verdict_counts"].items()
    ]
    return Text(", ").join(parts)
