"""Means and standard deviations over networks are those of their tables."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import NetworkSpread, network_spread
from sklearn_wsca._networks.spread import NUMBERS
from tests.networks.studies import analyse, make_networks


@pytest.fixture(scope="module")
def analyses():
    networks, table = make_networks()
    columns = ["scanner", "age", ("scanner", "batch")]
    return {
        f"seed {seed}": analyse(X, table, head, columns=columns)
        for seed, (X, head) in enumerate(networks)
    }


def test_numbers_are_those_of_the_networks(analyses):
    found = network_spread(analyses)
    assert isinstance(found, NetworkSpread)
    assert found.networks == ["seed 0", "seed 1", "seed 2"]
    names = list(analyses["seed 0"].summary_.index)
    assert len(found.table) == len(names) * len(NUMBERS)
    for place, name in enumerate(names):
        for i, number in enumerate(NUMBERS):
            own = [one.summary_[number].iloc[place] for one in analyses.values()]
            row = place * len(NUMBERS) + i
            assert found.values.index[row] == (name, number)
            np.testing.assert_array_equal(found.values.iloc[row], own)
            spread = found.table.iloc[row]
            expected = [np.mean(own), np.std(own, ddof=1), min(own), max(own), 3]
            np.testing.assert_allclose(spread, expected)
        verdicts = [one.summary_["verdict"].iloc[place] for one in analyses.values()]
        assert found.verdicts.iloc[place].tolist() == verdicts
        counts = found.verdict_counts.iloc[place]
        assert counts.sum() == 3
        assert counts["used"] == verdicts.count("used")
    utilization = found.table.xs("utilization", level="number")
    assert utilization["standard_deviation"].iloc[0] > 0.001


def test_a_network_and_itself_do_not_differ(analyses):
    one = analyses["seed 1"].summary_
    with pytest.warns(UserWarning, match="^analyses: 0 and 1 have the same .*twice"):
        found = network_spread([one, one.copy()])
    assert found.networks == [0, 1]
    assert (found.table["standard_deviation"] == 0.0).all()
    assert (found.table["lowest"] == found.table["mean"]).all()


def test_columns_may_stand_in_another_order(analyses):
    first, second = list(analyses.values())[:2]
    turned = second.summary_.iloc[::-1]
    found = network_spread([first.summary_, turned])
    expected = network_spread([first, second])
    pd.testing.assert_frame_equal(found.values, expected.values)
    pd.testing.assert_frame_equal(found.verdicts, expected.verdicts)


def test_audits_of_held_out_rows_are_compared():
    networks, table = make_networks(2)
    fitted = [analyse(X[:120], table[:120], head) for X, head in networks]
    audits = [
        one.audit(X[120:], table[120:])
        for one, (X, _) in zip(fitted, networks, strict=True)
    ]
    found = network_spread(audits)
    row = found.table.loc[("scanner", "utilization")]
    assert row["mean"] == pytest.approx(
        np.mean([audit.loc["scanner", "utilization"] for audit in audits])
    )


def test_a_number_that_a_network_lacks_is_counted_not_made_up(analyses):
    tables = [one.summary_.copy() for one in analyses.values()]
    tables[1].iloc[0, tables[1].columns.get_loc("utilization")] = np.nan
    found = network_spread(tables)
    row = found.table.iloc[0]
    assert row["n_networks"] == 2
    kept = [tables[i]["utilization"].iloc[0] for i in (0, 2)]
    assert row["mean"] == pytest.approx(np.mean(kept))
