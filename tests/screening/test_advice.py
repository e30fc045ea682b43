"""What to do next, by what was found."""

import pandas as pd

from sklearn_wsca._input.table import level_index
from sklearn_wsca._screening.advice import NAMES_SHOWN, advise
from tests.screening.test_result import NAN, make_screen


def steps_of(found):
    return advise(found.columns, found.confusable, 0.1, lambda n: f"{n:.0f} rows")


def test_steps_are_in_the_order_in_which_they_are_done():
    steps = steps_of(make_screen())
    assert len(steps) == 4
    assert "do without an answer on 'site'" in steps[0]
    assert "'scanner' and 'site' stand for each other" in steps[1]
    assert "Collect 420 rows of the same kind if a use of 0.1 by 'scanner'" in steps[2]
    assert steps[3].endswith("named beforehand: 'scanner', 'age'.")


def test_nothing_is_ready():
    hopeless = make_screen().columns.loc[["site", "row"]]
    steps = steps_of(make_screen(columns=hopeless))
    assert steps[-1] == "No column is ready for an audit."


def test_columns_of_which_no_use_is_found_are_told_from_those_that_need_more_rows():
    columns = make_screen().columns
    columns = pd.concat([columns, columns.loc[["scanner"]].rename({"scanner": "b"})])
    columns.loc["b", "minimum_detectable_effect"] = NAN
    columns.loc["b", "units_needed"] = NAN
    columns.index.name = "column"
    steps = " ".join(steps_of(make_screen(columns=columns)))
    assert "Merge or fill rare levels of 'b': a use of 0.1 would be missed" in steps
    assert "a use of 0.1 by 'scanner' must not be missed" in steps


def test_many_pairs_are_counted():
    names = [f"c{i}" for i in range(2 * NAMES_SHOWN + 4)]
    first, second = names[::2], names[1::2]
    pairs = [p for a, b in zip(first, second, strict=True) for p in ((a, b), (b, a))]
    index = level_index(list(zip(*pairs, strict=True)), ("column", "fixed"))
    confusable = pd.DataFrame({"association": 0.8, "reason": ""}, index)
    steps = steps_of(make_screen(confusable=confusable))
    assert sum("stand for each other" in step for step in steps) == NAMES_SHOWN
    assert "2 more pairs do: see confusable." in steps
