"""What is said of a table, in sentences and in JSON."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.table import level_index, name_index
from sklearn_wsca._screening.result import COLUMNS, OUTLOOKS, MetadataScreen

NAN = float("nan")
NONE = (None, NAN)
ROWS = {
    "scanner": ("categorical", 400, 80, 2, 0.4, 0.001, 1, 1, 0.23, "B", 0.4, 420.0),
    "age": ("continuous", 400, 80, 0, 0.05, 0.3, 0, 0, 0.08, *NONE, NAN),
    "site": ("categorical", 400, 80, 3, 0.9, 0.001, 3, 0, NAN, *NONE, NAN),
    "row": (None, None, None, None, NAN, NAN, None, None, NAN, *NONE, NAN),
}
REASONS = ("", "", "a reason", "identifier")
WORDS = ("too small", "enough", "untestable", "left out")


def make_screen(**changes):
    rows = [
        (*row, word, reason)
        for row, word, reason in zip(ROWS.values(), WORDS, REASONS, strict=True)
    ]
    columns = pd.DataFrame(rows, name_index(ROWS), columns=list(COLUMNS))
    cells = [("A", "all", 300, 60, ""), ("A", "yes", 20, 4, "few")]
    cells += [("B", "all", 100, 20, ""), ("B", "yes", 0, 0, "empty")]
    index = level_index(
        [["scanner"] * 4, [c[0] for c in cells], [c[1] for c in cells]],
        ("column", "level", "target_class"),
    )
    levels = pd.DataFrame(
        [c[2:] for c in cells], index, columns=["n_rows", "n_units", "finding"]
    )
    pairs = level_index([["scanner", "site"], ["site", "scanner"]], ("column", "fixed"))
    confusable = pd.DataFrame({"association": [0.8, 0.8], "reason": ["", "no"]}, pairs)
    found = MetadataScreen(
        columns,
        levels,
        confusable,
        target="disease",
        groups="patient",
        confounders=[],
        n_samples=410,
        n_used=400,
        min_effect=0.1,
        significance=0.05,
        auroc=0.9,
        intraclass_correlation=0.5,
        notes=("a note",),
    )
    return replace(found, **changes)


def test_sentences():
    found = make_screen()
    assert found.to_text("scanner") == (
        "'scanner' could be a shortcut: it goes with 'disease' (association 0.4, p = "
        "0.001). An audit of its 80 groups ('patient') finds a use of 0.23 or more in "
        "80% of networks (under 'B' alone of 0.4), and misses smaller ones; for 0.1 it "
        "takes about 420 groups ('patient'). 1 combination with 'disease' does not "
        "occur: 'B' & 'yes'. 1 "
        "combination with 'disease' has few units: 'A' & 'yes' (4)."
    )
    assert found.to_text("age") == (
        "'age' is not shown to go with 'disease' (association 0.05, p = 0.3). An audit "
        "of its 80 groups ('patient') finds a use of 0.08 or more in 80% of networks."
    )
    assert "No audit of these rows can judge it: a reason" in found.to_text("site")
    assert found.to_text("row") == "'row': an audit leaves it out: identifier."
    assert "80 rows finds" in replace(found, groups=None).to_text("age")


def change(found, **values):
    columns = found.columns.copy()
    for name, value in values.items():
        columns.loc["scanner", name] = value
    return replace(found, columns=columns)


def test_sentences_of_other_cases():
    found = make_screen()
    weak = change(found, target_association=0.04)
    assert "it goes weakly with 'disease'" in weak.to_text("scanner")
    untested = change(found, association_pvalue=NAN)
    assert "'scanner' goes with 'disease' by 0.4, which is not tested. An audit" in (
        untested.to_text("scanner")
    )
    alike = change(found, rarest_level_effect=0.24)
    assert "in 80% of networks, and misses" in alike.to_text("scanner")
    never = change(found, rarest_level_effect=NAN)
    assert "(under 'B' alone none), and" in never.to_text("scanner")
    none = change(found, minimum_detectable_effect=NAN, units_needed=NAN)
    assert "finds no use in 80% of networks, however large" in none.to_text("scanner")


def test_there_are_no_other_outlooks():
    assert set(WORDS) == set(OUTLOOKS)


def test_all_sentences_come_with_what_to_do():
    found = make_screen()
    lines = found.to_text().splitlines()
    assert len(lines) == 8
    assert lines[-4:] == found.next_steps()


def test_the_dict_is_json_and_holds_everything():
    found = make_screen().to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    scanner, age, site, row = found["columns"]
    assert scanner["name"] == "scanner"
    assert scanner["units_needed"] == 420.0
    assert age["units_needed"] is None
    assert scanner["levels"][3] == {
        "level": "B",
        "target_class": "yes",
        "n_rows": 0,
        "n_units": 0,
        "finding": "empty",
    }
    assert site["confusable"] == [
        {"fixed": "scanner", "association": 0.8, "reason": "no"}
    ]
    assert row["outlook"] == "left out" and row["n_samples"] is None
    assert found["notes"] == ["a note"]
    assert found["next_steps"] == make_screen().next_steps()


@pytest.mark.parametrize("name", [("scanner", "site"), 7, "größe"])
def test_names_of_columns_of_any_kind(name):
    found = make_screen()
    columns = found.columns.set_axis(name_index([name, "age", "site", "row"]))
    found = replace(found, columns=columns)
    assert "could be a shortcut" in found.to_text(name)
    found.to_text().encode("utf-8")
    assert np.isfinite(found.to_dict()["columns"][0]["target_association"])
