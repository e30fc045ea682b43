"""What an audit could find, and where it could not judge, is what the audit says."""

import numpy as np
import pytest

from sklearn_wsca import utilization_test
from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._screening.prospects import foresee, why_untestable
from sklearn_wsca._screening.simulated_outputs import Assumptions
from sklearn_wsca._utilization.adjusted_effect import Prepared
from tests.screening.tables import decision_of, draw_patients, draw_table


def prospects_of(table, names, groups=None, margin=0.1, level=0.05):
    return foresee(
        decision_of(table, groups=groups),
        {name: read_column(table[name]) for name in names},
        Assumptions(0.9, 0.5),
        margin,
        level,
        1,
        SequentialRunner("audits"),
    )


def with_hopeless(table):
    sick = table["disease"] == "yes"
    odd = np.where(sick, np.where(table["age"] > 60, "A", "B"), "C")
    return table.assign(hopeless=odd)


def with_few(table):
    return table.iloc[:18].assign(hopeless=table["scanner"])


@pytest.mark.parametrize("change", [with_hopeless, with_few])
@pytest.mark.parametrize("seed", range(2))
def test_what_no_audit_can_judge_is_refused_by_the_test_for_the_same_reason(
    change, seed
):
    table = change(draw_table(seed))
    column = read_column(table["hopeless"])
    reason = why_untestable(decision_of(table), column)
    found = prospects_of(table, ["hopeless"])["hopeless"]
    assert (found.outlook, found.reason) == ("untestable", reason)
    assert found.n_units == len(table)
    assert np.isnan(found.detectable) and np.isnan(found.units_needed)
    outputs = np.random.default_rng(seed).standard_normal(len(table))
    with pytest.raises(ValueError) as caught:
        utilization_test(
            outputs, table["hopeless"], target=table["disease"], n_permutations=0
        )
    # It does not know the name of the target.
    reason = reason.replace("'disease'", "'target'")
    assert str(caught.value) == f"column 'hopeless' cannot be tested: {reason}."


def test_what_an_audit_can_judge():
    table = draw_table(n=300, shares=(0.5, 0.48, 0.02), seed=2)
    column = read_column(table["scanner"])
    assert isinstance(why_untestable(decision_of(table), column), Prepared)
    found = prospects_of(table, ["scanner", "age"])
    assert list(found) == ["scanner", "age"]
    assert found["scanner"].beside == ("C",)
    assert found["scanner"].n_units == (table["scanner"] != "C").sum()
    for own in found.values():
        assert own.outlook == "too small"
        assert 0.1 < own.detectable < 0.3
        expected = own.n_units * (own.detectable / 0.1) ** 2
        assert own.units_needed == pytest.approx(expected, rel=0.1)
    (larger,) = prospects_of(table, ["age"], margin=0.3).values()
    assert larger.outlook == "enough"
    assert np.isnan(larger.units_needed)


def test_columns_are_corrected_for_together():
    table = draw_table(n=300)
    names = ["scanner", *(f"copy {i}" for i in range(9))]
    table = table.assign(**dict.fromkeys(names, table["scanner"]))
    (alone,) = prospects_of(table, ["scanner"]).values()
    together = prospects_of(table, names)["scanner"]
    (corrected,) = prospects_of(table, ["scanner"], level=0.005).values()
    assert together.detectable == corrected.detectable > 1.15 * alone.detectable


def test_patients_are_the_units():
    table = draw_patients(n=60)
    found = prospects_of(table, ["scanner"], "patient")["scanner"]
    assert found.n_units == 60
    rows = prospects_of(table, ["scanner"])["scanner"]
    assert found.detectable > 2 * rows.detectable


def test_too_few_arrangements_for_any_pvalue():
    table = draw_table(n=60)
    sick = np.flatnonzero(table["disease"] == "yes")
    table["scanner"] = np.where(table["disease"] == "yes", "A", "B")
    table.loc[sick[0], "scanner"] = "B"
    found = prospects_of(table, ["scanner"], level=0.01)["scanner"]
    assert found.outlook == "untestable"
    assert f"its units have {len(sick)} different arrangements" in found.reason
    assert prospects_of(table, ["scanner"])["scanner"].outlook == "too small"


def test_a_rare_level_alone_is_found_less_easily():
    table = draw_table(n=300, shares=(0.5, 0.45, 0.05))
    found = prospects_of(table, ["scanner", "age"])
    assert found["scanner"].rarest == "C"
    assert found["scanner"].rarest_detectable > 1.4 * found["scanner"].detectable
    assert found["age"].rarest is None
    assert np.isnan(found["age"].rarest_detectable)
