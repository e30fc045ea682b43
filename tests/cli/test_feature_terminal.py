"""What ``wsca features`` prints: many classes, a narrow terminal, nothing to show."""

from io import StringIO

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from sklearn_wsca import Head, IntegratedFeatureAnalysis
from sklearn_wsca._cli._feature_terminal import (
    classes_to_show,
    print_features,
    words_of_figures,
)
from sklearn_wsca._cli._features import FeatureFindings, tabulate
from sklearn_wsca._text import format_number

ABSENT = pytest.mark.filterwarnings("ignore:there is no sample:UserWarning")


def study(n_classes, n_features=12):
    """Class k occurs twice as often as class k + 1, up to the fifth."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), [64, 32, 16, 8, 4])
    labels = labels[labels < n_classes]
    pooled = rng.random((len(labels), n_features)) * np.geomspace(1.0, 3.0, n_features)
    pooled[np.arange(len(labels)), labels] += 30.0
    weights = 0.1 * rng.standard_normal((n_classes, n_features))
    weights[range(5), range(5)] = 1.0
    names = tuple(f"kind {k:04d}" for k in range(n_classes))
    head = Head(weights, np.zeros(n_classes), names, "logistic")
    y = np.array(names)[labels]
    analysis = IntegratedFeatureAnalysis(head, random_state=0, n_permutations=0)
    return analysis.fit(pooled, y), pooled, y


def shown(analysis, pooled, y, classes=(), columns=0, width=80):
    features = tabulate(analysis)
    for k in range(columns):
        features[f"share of utilization by column {k}"] = 0.123456
    site = pd.DataFrame({"site": np.tile(["a", "b"], len(y) // 2)})
    shifts = analysis.compare(pooled, y, site).drop(index="split", level=0)
    scores = analysis.outlier_scores_
    samples = pd.DataFrame({"outlier_score": scores, "unusual": scores > 2.0})
    stream = StringIO()
    found = FeatureFindings(analysis, features, shifts, samples)
    rows = classes_to_show(analysis, classes)
    print_features(Console(file=stream, width=width), found, rows)
    return stream.getvalue()


@ABSENT
def test_a_thousand_classes_fit_80_columns():
    text = shown(*study(1000), columns=9)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) < 45
    assert "importance of" not in text
    assert "more classes, see --show-classes" in " ".join(text.split())
    assert [line[2:11] for line in lines if line.startswith("  kind")] == [
        f"kind {k:04d}" for k in range(5)
    ]
    assert " 0.12 " in text and "…" not in text
    assert "features.csv has " in text


def test_few_classes_stand_in_the_table():
    text = shown(*study(5, n_features=9), width=120)
    assert text.count("importance") >= 6


@ABSENT
def test_classes_are_chosen():
    analysis, pooled, y = study(40)
    text = shown(analysis, pooled, y, classes=("kind 0003",))
    assert [line[:11] for line in text.splitlines() if "kind" in line] == [
        "  kind 0003"
    ]
    with pytest.raises(ValueError, match=r"^--show-classes: 'kind 7' are none of"):
        classes_to_show(analysis, ("kind 7",))


def test_a_head_that_is_always_wrong_has_no_table():
    analysis, pooled, y = study(5)
    wrong = np.roll(np.unique(y), 1)[np.unique(y, return_inverse=True)[1]]
    with pytest.warns(UserWarning, match="is classified correctly"):
        analysis.fit(pooled, wrong)
    text = shown(analysis, pooled, wrong)
    assert "No sample is classified correctly" in text and "┃" not in text
    assert "nan" not in text


@ABSENT
def test_a_class_without_samples_has_no_numbers():
    text = shown(*study(30), classes=["kind 0022", "kind 0001"])
    assert "kind 0022: no sample of it is classified correctly" in text
    assert "nan" not in text


@ABSENT
def test_what_contributions_add_up_to_has_its_own_p():
    """Beside that which is corrected for all features."""
    analysis, pooled, y = study(5)
    analysis.set_params(n_permutations=99)
    text = " ".join(shown(analysis, pooled, y).split())
    site = pd.DataFrame({"site": np.tile(["a", "b"], len(y) // 2)})
    rows = analysis.compare(pooled, y, site).loc["site"]
    for name in ("own score", "own margin"):
        row = rows.loc[name]
        assert row["pvalue"] < row["pvalue_fwer"]
        own, corrected = format_number(row["pvalue"]), format_number(row["pvalue_fwer"])
        assert f"{name} {row['smd']:+.2f} (p = {own}, {corrected} by max-T)" in text


def test_of_a_number_nothing_is_said_of_classes():
    rng = np.random.default_rng(0)
    pooled = rng.random((60, 8))
    head = Head(rng.standard_normal((1, 8)), np.zeros(1), None, "ridge")
    y = head.outputs(pooled)[:, 0] + 0.1 * rng.standard_normal(60)
    analysis = IntegratedFeatureAnalysis(head, target="age", n_permutations=19)
    analysis.fit(pooled, pd.DataFrame({"age": y}))
    table = tabulate(analysis)
    assert "change with one standard deviation of age" in table
    site = pd.DataFrame({"site": np.tile(["a", "b"], 30)})
    shifts = analysis.compare(pooled, pd.DataFrame({"age": y}), site)
    samples = pd.DataFrame(
        {"outlier_score": analysis.outlier_scores_, "unusual": False}
    )
    stream = StringIO()
    found = FeatureFindings(
        analysis, table, shifts.drop(index="split", level=0), samples
    )
    print_features(Console(file=stream, width=100), found, [])
    said = [stream.getvalue(), *table.columns, *words_of_figures(analysis).values()]
    for words in ("class", "importance of", "beyond"):
        assert not any(words in one for one in said)
    assert "absolute error" in said[0] and "(max-T, 5%)" in said[0]
    assert words_of_figures(study(5)[0]) == {}
