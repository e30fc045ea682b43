"""A result and its figures as one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import partial
from pathlib import Path
from typing import Any

from sklearn_wsca._report._level_bars import (
    MOST_IN_ALL,
    WIDTH,
    Scale,
    draw_alignment,
    draw_effects,
    draw_outputs,
    draw_performance,
    draw_utilization,
    scale_effects,
)
from sklearn_wsca._report._page import (
    choose_levels,
    choose_measures,
    confidence_text,
    count_text,
    count_verdicts,
    join_brief,
    list_facts,
    name_target,
    number_columns,
    split_answers,
    target_levels,
    write_headline,
)
from sklearn_wsca._report.caveats import list_caveats
from sklearn_wsca._report.first_screen import (
    ask_in_short,
    tell_comparison,
    tell_rightness,
)
from sklearn_wsca._report.gap_sentences import tell_gap
from sklearn_wsca._report.picture import Figure, import_for_report
from sklearn_wsca._text import (
    count_points,
    format_number,
    format_skill,
    printable,
    shown_shift,
)
from sklearn_wsca._verdicts.registry import VERDICTS

TEMPLATES = Path(__file__).parent / "templates"
# A page of a thousand columns must open at once.
MOST_DRAWN = 100
METRIC_WORDS = {
    "accuracy": "Share of rows right",
    "balanced_accuracy": "Share right, every level counting the same",
    "balanced_accuracy_chance": "The same by chance",
    "macro_precision": "Precision, mean over levels",
    "macro_f1": "F1, mean over levels",
    "auroc": "Area under the ROC curve",
    "r2": "Share of its variance explained",
    "mean_absolute_error": "Mean absolute error",
}
LOSSES = {
    "output_change": "Change of the output (standard deviations)",
    "balanced_accuracy_drop": "Drop of balanced accuracy",
    "log_loss_rise": "Rise of log-loss",
    "r2_drop": "Drop of explained variance",
}


def render_html(result: dict[str, Any], figures: list[Figure]) -> str:
    """Page of a result.

    Parameters
    ----------
    result : dict
        Of `make_result`.
    figures : list of Figure
        Pictures of the analysis as a whole.

    Returns
    -------
    str
        The page.

    Raises
    ------
    ImportError
        If jinja2 is not installed.
    """
    environment, markup = make_environment()
    script = (TEMPLATES / "report.js").read_text("utf-8")
    style = (TEMPLATES / "report.css").read_text("utf-8") + _style_verdicts()
    columns, analysis = number_columns(result), result["analysis"]
    confidence = confidence_text(analysis)
    shown, folded = split_answers(columns)
    scale = scale_effects(columns, analysis["min_effect"])
    return environment.get_template("report.html").render(
        result=result,
        analysis=analysis,
        question=ask_in_short(result),
        performance=tell_rightness(analysis),
        comparison=tell_comparison(analysis),
        settings=_write_settings(result["settings"]),
        columns=columns,
        alignments=draw_alignment(columns),
        forest=draw_utilization(columns, analysis),
        shown=join_brief(shown, columns),
        folded=folded,
        counts=count_verdicts(columns),
        pictures=[draw_effects(column, scale) for column in columns],
        **_draw_columns(columns, analysis, scale),
        gaps=[tell_gap(c, analysis) for c in columns],
        caveats=list_caveats(result),
        headline=write_headline(columns),
        facts=list_facts(result),
        measures=choose_measures(columns, confidence, analysis["min_effect"]),
        confidence=confidence,
        target_levels=target_levels(analysis),
        figures=[(figure, markup(figure.svg)) for figure in figures],
        style=markup(style),
        style_hash=hash_of(style),
        script=markup(script),
        script_hash=hash_of(script),
        version=result["software"]["sklearn_wsca"],
    )


def _draw_columns(
    columns: list[dict], analysis: dict[str, Any], scale: Scale
) -> dict[str, Any]:
    """Pictures of each column; of many, only of those that matter most."""
    drawn, target = columns[:MOST_DRAWN], name_target(analysis)
    n_more = len(columns) - len(drawn)
    found: dict[str, list] = {
        "scores": [draw_alignment([column]) for column in drawn],
        "spreads": [draw_outputs(column, target) for column in drawn],
        "all_levels": [draw_effects(c, scale, MOST_IN_ALL) for c in drawn],
        "performances": [draw_performance(column) for column in drawn],
    }
    filled = {name: [*own, *([None] * n_more)] for name, own in found.items()}
    return filled | {"most_drawn": MOST_DRAWN}


def make_environment() -> tuple[Any, Any]:
    """Templates in which every value is escaped, and what marks text as safe."""
    jinja2 = import_for_report("jinja2")
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=partial(_finalize, Markup),
    )
    environment.globals |= {
        "verdicts": VERDICTS,
        "slug": _slug,
        "metric_words": METRIC_WORDS,
        "erasure_words": LOSSES,
        "choose_levels": choose_levels,
        "shown_shift": shown_shift,
        "bar_width": WIDTH,
    }
    environment.filters |= {
        "number": format_number,
        "skill": format_skill,
        "count": count_text,
        "points": count_points,
        "amount": _amount,
        "options": partial(_keep_options, Markup),
    }
    return environment, Markup


def _finalize(safe: type, value: Any) -> Any:
    """Text of the data on one line; markup of the templates as it is."""
    return value if isinstance(value, safe) else printable(value)


def _keep_options(markup: Any, sentence: str) -> Any:
    """A sentence in which the name of an option is not broken over two lines."""
    escaped = str(markup.escape(printable(sentence)))
    return markup(
        re.sub(r"(--[a-z][a-z-]*)", r'<span class="option">\1</span>', escaped)
    )


def _amount(value: float | None) -> str:
    """Value of a metadata column, such as a year: four digits, no exponent."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _write_settings(settings: dict[str, Any]) -> dict[str, str]:
    """Parameters as Python writes them."""
    return {name: repr(value) for name, value in settings.items()}


def _slug(verdict: str) -> str:
    return verdict.replace(" ", "-")


def _style_verdicts() -> str:
    """Rules of the badges and marks."""
    return "".join(
        f".badge-{_slug(verdict)} {{ background: {look.colour}; "
        f"color: {readable_on(look.colour)}; }}\n"
        f".mark-{_slug(verdict)} {{ fill: {look.colour}; }}\n"
        for verdict, look in VERDICTS.items()
    )


def readable_on(colour: str) -> str:
    """Black or white, whichever stands out more on a colour (as #rrggbb)."""
    luminance = relative_luminance(colour)
    white, black = 1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05
    return "#ffffff" if white > black else "#000000"


def relative_luminance(colour: str) -> float:
    """Luminance of #rrggbb as the accessibility guidelines (WCAG 2) define it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def hash_of(text: str) -> str:
    """Source of a content security policy that allows exactly this text."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
