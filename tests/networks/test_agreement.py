"""Networks are compared on the same rows, columns and settings only."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_wsca import Head, WeightSpaceCorrelation, network_spread
from sklearn_wsca._networks.agreement import read_analyses
from tests.networks.studies import analyse, make_networks

COLUMNS = ["scanner", "age"]
QUICK = {"columns": COLUMNS, "n_permutations": 0, "diagnostics": False}


@pytest.fixture(scope="module")
def networks():
    return make_networks(2)


@pytest.fixture(scope="module")
def first(networks):
    ((X, head), _), table = networks
    return analyse(X, table, head, **QUICK)


def other(networks, change=lambda X, table: (X, table), **options):
    (_, (X, head)), table = networks
    X, table = change(X, table)
    return analyse(X, table, head, **{**QUICK, **options})


def with_values(name, make):
    return lambda X, table: (X, table.assign(**{name: make(table[name].to_numpy())}))


def flip_one(values):
    values = values.copy()
    values[3] = next(name for name in values if name != values[3])
    return values


def test_a_centred_number_has_no_exact_mean(networks):
    """Its mean is rounding, and hangs on the order of the rows."""

    def centre(X, table):
        return X, table.assign(age=table["age"] - table["age"].mean())

    ((X, head), _), table = networks
    first = analyse(*centre(X, table), head, **QUICK)
    assert len(read_analyses([first, other(networks, centre)])) == 2


def test_order_of_rows_and_seed_do_not_matter(networks, first):
    order = np.random.default_rng(0).permutation(200)
    turned = other(
        networks,
        lambda X, table: (X[order], table.iloc[order].reset_index(drop=True)),
        random_state=3,
        n_jobs=1,
    )
    assert [one.name for one in read_analyses({"a": first, "b": turned})] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (None, {"columns": ["scanner"]}, "have other columns: only one.*'age'"),
        (None, {"columns": ["scanner", "batch"]}, "'age', 'batch'"),
        (lambda X, t: (X[:-1], t[:-1]), {}, r"have different rows \(199 and 200\)"),
        (with_values("scanner", flip_one), {}, "other values of 'scanner'"),
        (with_values("age", lambda age: age + 1e-3), {}, "other values of 'age'"),
        (with_values("target", flip_one), {}, "have different targets; pass"),
        (None, {"min_effect": 0.2}, r"min_effect \(0.2 and 0.1\)"),
        (None, {"confounders": ["batch"]}, "columns held fixed"),
        (None, {"held_out": True}, "whether the head has seen the rows"),
        (None, {"n_permutations": 39}, "have n_permutations=39 and n_permutations=0"),
        (None, {"metric": "score"}, "have metric='score' and metric='weight'"),
        (None, {"heads": "ridge"}, "have heads='ridge' and heads='auto'"),
        (None, {"adjustment": "linear"}, "have adjustment='linear'"),
        (None, {"diagnostics": True}, "have diagnostics=True and diagnostics=False"),
    ],
)
def test_what_differs_is_named(networks, first, change, options, message):
    found = other(networks, *filter(None, [change]), **options)
    with pytest.raises(ValueError, match=f"^analyses: 'b' and 'a' .*{message}") as e:
        network_spread({"a": first, "b": found})
    assert "\n" not in str(e.value)


def test_settings_are_compared_from_tables_too(networks, first):
    """Of held-out rows, which the tables of audits are about."""
    (_, (X, _)), table = networks
    alike, turned = other(networks), other(networks, adjustment="linear")
    audits = [one.audit(X, table) for one in (alike, alike, turned)]
    assert len(read_analyses(audits[:2])) == 2
    with pytest.raises(ValueError, match="have adjustment='linear' and adjustment='sp"):
        read_analyses(audits[1:])
    fewer = other(networks, n_permutations=39).audit(X, table)
    with pytest.raises(ValueError, match="have n_permutations=39 and n_permutations=0"):
        read_analyses([audits[0], fewer])


def test_rows_are_compared_from_tables_alone(networks, first):
    """As they come from a file, without what else an audit knows."""
    table = pd.DataFrame(first.summary_.to_dict("list"), first.summary_.index)
    fewer = table.assign(n_samples=table["n_samples"] - 1)
    assert len(read_analyses([table, first])) == 2
    with pytest.raises(ValueError, match="1 and 0 have other values of 'scanner'"):
        read_analyses([table, fewer])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda one: [one], ValueError, "analyses: found 1; a spread needs"),
        (lambda one: one, TypeError, "analyses: found a WeightSpaceCorrelation"),
        (lambda one: [one, 3], TypeError, "analyses: 1 is a int"),
        (lambda one: [one, pd.DataFrame()], ValueError, "1 is no table of an audit"),
        (
            lambda one: [one, WeightSpaceCorrelation("target")],
            NotFittedError,
            "not fitted",
        ),
    ],
)
def test_what_is_no_analysis_is_refused(first, make, error, message):
    with pytest.raises(error, match=message):
        network_spread(make(first))


def test_an_analysis_that_comes_twice_is_refused(first):
    with pytest.raises(ValueError, match="'a' and 'b' are the same network"):
        network_spread({"a": first, "b": first})


def test_heads_of_other_outputs_are_refused(networks, first):
    ((_, _), (X, (coef, intercept))), table = networks
    classes = sorted(table["target"].unique())
    # Of two classes, one output is that of the second.
    both = np.vstack([-coef / 2, coef / 2]), [*-intercept / 2, *intercept / 2]
    third = np.vstack([*both[0], 0.0 * coef]), [*both[1], -30.0]
    heads = {
        "2 outputs for the 2 classes": Head(*both, classes),
        "3 outputs for the 3 classes": Head(*third, [*classes, "other"]),
    }
    for shown, head in heads.items():
        found = analyse(X, table, head, **QUICK)
        message = (
            f"^analyses: 'b' and 'a' have heads of other outputs: {shown} 'class 0', "
            "'class 1'.*, and 1 output for the 2 classes 'class 0', 'class 1'; pass"
        )
        with pytest.raises(ValueError, match=message):
            network_spread({"a": first, "b": found})
    # The order of the classes does not count.
    turned = Head(both[0][::-1], both[1][::-1], classes[::-1])
    same = [analyse(X, table, own, **QUICK) for own in (Head(*both, classes), turned)]
    assert len(read_analyses(same)) == 2


def test_heads_are_compared_from_tables_too(networks, first):
    ((X, _), (other_X, (coef, intercept))), table = networks
    pair = np.vstack([-coef, coef]), [*-intercept, *intercept]
    found = analyse(other_X, table, pair, **QUICK)
    audits = [first.audit(X, table), found.audit(other_X, table)]
    with pytest.raises(ValueError, match="1 and 0 have heads of other outputs"):
        network_spread(audits)


def test_several_targets_are_refused(networks):
    ((X, _), _), table = networks
    joined = WeightSpaceCorrelation(
        ["target", "scanner"], n_permutations=0, diagnostics=False
    )
    joined.fit(X, table)
    with pytest.raises(ValueError, match=r"targets_\['target'\]"):
        network_spread([joined, joined])
    with pytest.raises(ValueError, match="0 is of several targets"):
        network_spread([joined.summary_, joined.summary_])
