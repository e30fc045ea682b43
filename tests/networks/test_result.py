"""Several networks as a table for a paper, and as plain values."""

import json

import numpy as np
import pandas as pd

from sklearn_wsca._networks.result import NetworkSpread
from sklearn_wsca._networks.spread import NUMBERS, _spread
from sklearn_wsca._verdicts.registry import INCONCLUSIVE, USED, VERDICTS


def make_spread():
    """Three networks and two columns, of which a name has what Markdown takes."""
    names = ["a|b", ("scanner", "site")]
    index = pd.MultiIndex.from_product([[0, 1], NUMBERS])
    labels = [(names[i], number) for i, number in index]
    numbers = np.arange(len(labels) * 3, dtype=float).reshape(-1, 3) / 10
    numbers[1, 2] = np.nan
    own = pd.MultiIndex.from_tuples(labels, names=["column", "number"])
    values = pd.DataFrame(numbers, own, ["x", "y", "z"])
    columns = pd.Index(names, name="column", tupleize_cols=False)
    verdicts = pd.DataFrame(
        [[USED, USED, INCONCLUSIVE], [USED] * 3], columns, ["x", "y", "z"]
    )
    counts = pd.DataFrame({word: (verdicts == word).sum(axis=1) for word in VERDICTS})
    return NetworkSpread(_spread(values), values, verdicts, counts, pd.DataFrame())


def test_the_table_of_a_paper():
    lines = make_spread().to_markdown().splitlines()
    assert lines[0] == "| column | verdicts | utilization | encoding | alignment |"
    assert lines[2].startswith("| a\\|b | 2 used, 1 inconclusive | 0.1 ± 0.1 | ")
    assert lines[3].startswith("| scanner & site | 3 used | 1.9 ± 0.1 | ")
    assert "over 3 networks" in lines[-1]


def test_rounding_is_no_deviation():
    found = make_spread()
    found.table.iloc[0, 1] = 1e-16
    assert "| 0.1 ± 0 |" in found.to_markdown()


def test_the_dict_is_json_and_holds_everything():
    found = make_spread().to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["networks"] == ["x", "y", "z"]
    first, second = found["columns"]
    assert (first["name"], second["name"]) == ("a|b", "scanner & site")
    assert first["verdict_counts"] == {"used": 2, "inconclusive": 1}
    assert list(first["numbers"]) == list(NUMBERS)
    lacking = first["numbers"]["utilization_balanced"]
    assert lacking["values"] == [0.3, 0.4, None]
    assert lacking["n_networks"] == 2
    assert lacking["mean"] == np.mean([0.3, 0.4])
