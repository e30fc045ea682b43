"""The result as one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_wsca._report._figures import draw_figures, draw_result_figures
from sklearn_wsca._report._page import (
    MEANINGS,
    choose_levels,
    choose_measures,
    confidence_text,
    count_text,
    effect_text,
    group_answers,
    list_facts,
    number_columns,
    shown_shift,
    target_levels,
    write_headline,
)
from sklearn_wsca._report._strips import draw_alignment, draw_utilization
from sklearn_wsca._report.formats import number_text
from sklearn_wsca._report.picture import Figure, import_matplotlib
from sklearn_wsca._report.result import SCHEMA_VERSION, make_result
from sklearn_wsca._text import printable
from sklearn_wsca._verdict import (
    INCONCLUSIVE,
    NOT_ENCODED,
    NOT_USED,
    UNTESTABLE,
    USED,
    VERDICT_STYLES,
)

TEMPLATES = Path(__file__).parent / "templates"
METRICS = {
    "accuracy": "Share of rows right",
    "balanced_accuracy": "Share right, every level counting the same",
    "balanced_accuracy_chance": "The same by chance",
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
RULES = {
    USED: "It is more than chance explains, after correction over columns.",
    NOT_USED: "Its whole interval lies below the margin.",
    INCONCLUSIVE: "This is not the same as unused.",
    NOT_ENCODED: "Then there is little that a linear head could use.",
    UNTESTABLE: "For example, it has one value only, or too few rows.",
}


def to_html(source: Any, *, audit: pd.DataFrame | None = None) -> str:
    """Result of an analysis as one HTML page that needs no other file.

    Parameters
    ----------
    source : WeightSpaceCorrelation, DataFrame or dict
        A fitted estimator, a table of its `audit`, or a dict of `to_dict`. A table or
        dict has no distributions and no matrix of heads, so these plots are left out.
    audit : DataFrame, default=None
        With an estimator: table of held-out rows, which is then what is judged.

    Returns
    -------
    str
        The page. It loads nothing, carries no date, and is the same for equal input.

    Raises
    ------
    ImportError
        If jinja2 or matplotlib is not installed.
    TypeError
        If `source` is none of these.
    ValueError
        If a dict is not from `to_dict` of this version, or a table not from `audit`.

    Examples
    --------
    >>> from sklearn_wsca import WeightSpaceCorrelation
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> from sklearn_wsca.report import to_html
    >>> heart = load_heart_hospitals()
    >>> analysis = WeightSpaceCorrelation(
    ...     "disease", target_head=heart.head, n_permutations=99, random_state=0
    ... ).fit(heart.data, heart.metadata)
    >>> page = to_html(analysis)
    >>> "<h1>" in page
    True
    """
    _import_jinja()
    import_matplotlib()
    result = make_result(source, audit)
    _check_result(result)
    if isinstance(source, (dict, pd.DataFrame)):
        return render_html(result, draw_result_figures(result))
    return render_html(result, draw_figures(source, audit))


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
    environment, markup = _make_environment()
    script = (TEMPLATES / "report.js").read_text("utf-8")
    style = (TEMPLATES / "report.css").read_text("utf-8") + _style_verdicts()
    columns, analysis = number_columns(result), result["analysis"]
    confidence = confidence_text(analysis)
    strips = draw_utilization(columns, analysis), draw_alignment(columns)
    return environment.get_template("report.html").render(
        result=result,
        analysis=analysis,
        settings=_write_settings(result["settings"]),
        columns=columns,
        strips=list(zip(*strips, strict=True)),
        groups=group_answers(columns),
        headline=write_headline(columns),
        facts=list_facts(result),
        measures=choose_measures(columns, confidence),
        confidence=confidence,
        target_levels=target_levels(analysis),
        figures=figures,
        style=markup(style),
        style_hash=_hash(style),
        script=markup(script),
        script_hash=_hash(script),
    )


def _check_result(result: dict) -> None:
    """Raise if a dict is no result of this version."""
    found = result.get("schema_version")
    if found != SCHEMA_VERSION:
        raise ValueError(
            f"source: a dict with schema_version {found!r}, this version of the "
            f"package reads {SCHEMA_VERSION}; pass what to_dict(analysis) returned."
        )


def _import_jinja() -> Any:
    """jinja2, or one error that says how to get it."""
    try:
        import jinja2
    except ImportError as error:
        raise ImportError(
            "the HTML report needs jinja2, which is not installed. Install it with: "
            'pip install "sklearn_wsca[cli]"'
        ) from error
    return jinja2


def _make_environment() -> tuple[Any, Any]:
    """Templates in which every value is escaped, and what marks text as safe."""
    jinja2 = _import_jinja()
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
        "styles": VERDICT_STYLES,
        "meanings": MEANINGS,
        "slug": _slug,
        "metric_words": METRICS,
        "erasure_words": LOSSES,
        "verdict_words": RULES,
        "choose_levels": choose_levels,
        "shown_shift": shown_shift,
    }
    environment.filters |= {
        "number": number_text,
        "count": count_text,
        "effect": effect_text,
        "amount": _amount,
    }
    return environment, Markup


def _finalize(safe: type, value: Any) -> Any:
    """Text of the data on one line; markup of the templates as it is."""
    return value if isinstance(value, safe) else printable(value)


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
        f".badge-{_slug(verdict)} {{ background: {style.colour}; "
        f"color: {readable_on(style.colour)}; }}\n"
        f".strip .mark-{_slug(verdict)} {{ fill: {style.colour}; }}\n"
        for verdict, style in VERDICT_STYLES.items()
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


def _hash(text: str) -> str:
    """Source of a content security policy that allows exactly this text."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
