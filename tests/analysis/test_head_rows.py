"""Whether the primary head has seen the rows, and what cannot be said therefore."""

import numpy as np
import pytest

from sklearn_wsca._analysis.head_rows import HeadRows, relate_head
from sklearn_wsca._encoding.cross_fitting import cross_fit
from tests.prepared_studies import Runner, prepare_study
from tests.reference import make_study

N, GROUPS = 60, 30


def relate(n_features, *, trained=True, held_out=False, groups=None, rare=False, **kw):
    X, table = make_study(0, n=N)
    patient = np.arange(N) // 2
    table["disease"] = np.where(patient < 14, "ill", "well")
    if rare:
        table.loc[patient == 29, "disease"] = "rare"
        table.loc[patient == 28, "disease"] = "rare"
    table = table[["disease", "sex"]].assign(patient=patient // (2 if rare else 1))
    head = np.ones((1, 8)) if trained else None
    options = {"groups": groups, "columns": ["sex"], "target_head": head} | kw
    _, tasks, rows = prepare_study(X, table, **options)
    crossed = None
    if not trained:
        crossed = cross_fit(tasks.primary, rows, 5, 0, Runner(rows))
    return relate_head(tasks, n_features, crossed, held_out)


@pytest.mark.parametrize(
    ("groups", "n_features", "withheld"),
    [
        (None, N // 2, False),
        (None, N // 2 + 1, True),
        ("patient", GROUPS // 2, False),
        ("patient", GROUPS // 2 + 1, True),
    ],
)
def test_features_are_compared_with_half_of_the_units(groups, n_features, withheld):
    found = relate(n_features, groups=groups)
    assert (found.relation, bool(found.withheld)) == ("unknown", withheld)
    if withheld:
        units = "30 groups" if groups else "60 rows"
        assert f"as {n_features} features are more than half of {units}" in (
            found.withheld
        )
        assert "held_out=True (--rows-are-held-out)" in found.withheld


@pytest.mark.parametrize("n_features", [8, 1000])
def test_rows_that_a_head_has_not_seen_can_show_all(n_features):
    assert relate(n_features, held_out=True) == HeadRows("held out")
    assert relate(n_features, trained=False) == HeadRows("cross-fitted")


def test_rows_that_could_not_be_held_out_show_no_absence():
    options = {"trained": False, "groups": "patient", "rare": True}
    assert relate(4, **options) == HeadRows("cross-fitted")
    found = relate(1000, **options)
    assert found.relation == "cross-fitted"
    assert found.withheld.startswith("4 rows could not be held out from the head of ")


def test_without_a_target_there_is_nothing_to_judge():
    X, table = make_study(0, n=N)
    head = np.ones((1, 8))
    _, tasks, _ = prepare_study(X, table[["sex"]], target=None, target_head=head)
    assert relate_head(tasks, 1000, None, False) == HeadRows(None)
