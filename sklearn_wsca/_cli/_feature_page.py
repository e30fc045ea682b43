"""The page of ``wsca features``: sentences, pictures and the first features."""

from __future__ import annotations

from typing import Any

from sklearn_wsca._cli._feature_terminal import describe_share
from sklearn_wsca._report.pages import name_fact, page_of_features
from sklearn_wsca._report.short_page import Picture, render_short_page
from sklearn_wsca._text import format_number

# Columns of the table of features that are numbers of all classes.
SHOWN = ("importance",)
PICTURES = {
    "importance.png": (
        "What features add to each class",
        "Features in the order of their importance, and what each adds to the score of "
        "a class beyond that in all classes: red for the class, blue against it.",
    ),
    "curve.png": (
        "What a part of the features keeps",
        "Performance with the most important features only, beside random ones.",
    ),
    "consistency.png": (
        "Do maps explain the outputs?",
        "Means of the maps against the outputs of the network, class by class; on a "
        "line where maps explain them.",
    ),
    "maps.png": (
        "Where the predicted class comes from",
        "Maps of samples at equal distances in the file, named by their row or image "
        "and the predicted class.",
    ),
}


def make_feature_page(
    found: Any, sentences: list[str], drawn: dict[str, str], files: dict[str, str]
) -> str:
    """Page of a feature analysis.

    Parameters
    ----------
    found : FeatureFindings
        What was found.
    sentences : list of str
        It in words.
    drawn : dict of str to str
        Pictures as SVG, by the names of their files.
    files : dict of str to str
        What was read, by role.
    """
    table = found.features
    shares = [name for name in table if str(name).startswith("share of utilization")]
    names = [*SHOWN, *shares]
    rows = [
        [str(feature), *(format_number(row[name]) for name in names)]
        for feature, row in table.iterrows()
    ]
    pictures = [
        Picture(*PICTURES[name], drawn[name]) for name in PICTURES if name in drawn
    ]
    analysis = found.analysis
    facts = {"Files": ", ".join(f"{role}: {name}" for role, name in files.items())}
    facts |= {
        name_fact(name): str(value)
        for name, value in analysis.get_params().items()
        if isinstance(value, (str, int, float))
    }
    headline = describe_share(analysis)
    others = [sentence for sentence in sentences if sentence != headline]
    page = page_of_features(
        [headline, *others],
        ["Feature", *names],
        rows,
        pictures,
        facts,
        fitted=analysis.head is None,
    )
    return render_short_page(page)
