"""The estimator against the slow loops of `reference`, with the same permutations."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from sklearn_wsca import Head, WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut
from tests.reference import analyse, make_study, ridge_outputs, with_gaps

HEADS = {"site": "logistic", "sex": "logistic", "age": "ridge", "dose": "ridge"}
PERMUTATIONS = 19


def fit_both(X, table, target, *, heads=None, target_head=None, weight=None, **options):
    """Fit the library and the reference with the same settings."""
    heads = HEADS if heads is None else heads
    settings = {"n_permutations": PERMUTATIONS, "random_state": 3} | options
    renamed = {"aggregate": "how", "adjust_for_target": "adjust"}
    expected = analyse(
        X,
        table,
        target,
        heads,
        target_kind="ridge" if target == "severity" else "logistic",
        target_head=None if target_head is None else (target_head, "logistic"),
        sample_weight=weight,
        **{renamed.get(name, name): value for name, value in settings.items()},
    )
    names = [target, *heads] if target else list(heads)
    found = WeightSpaceCorrelation(
        target,
        target_head=target_head,
        heads=heads,
        # With few permutations the floor is above the level: not what is tested here.
        significance=0.5,
        **settings,
    ).fit(X, table[names], sample_weight=weight)
    return found, expected


def assert_same(found, expected, *, coef=1e-6, values=1e-4):
    """Compare everything that both compute."""
    for name in expected.scores:
        scale = np.abs(expected.coefs[name]).max()
        assert scale > 0
        np.testing.assert_allclose(
            found.heads_[name].coef, expected.coefs[name], atol=coef * scale, rtol=0
        )
        np.testing.assert_allclose(
            found.heads_[name].intercept,
            expected.intercepts[name],
            atol=coef * max(scale, np.abs(expected.intercepts[name]).max()),
        )
        alignment = found.alignment_.loc[:, [name]].to_numpy()
        assert np.abs(alignment).max() > 10 * values
        np.testing.assert_allclose(alignment, expected.alignments[name], atol=values)
        null = found.null_distribution_[name]
        assert null.std() > 1e-4
        np.testing.assert_allclose(null, expected.nulls[name], atol=values)
        assert found.alignment_scores_[name] == pytest.approx(
            expected.scores[name], abs=values
        )
        assert found.encoding_scores_[name] == pytest.approx(
            expected.encoding_scores[name], abs=values
        )
    for attribute, oracle in (
        ("pvalues_", expected.pvalues),
        ("pvalues_fwer_", expected.pvalues_fwer),
        ("encoding_pvalues_", expected.encoding_pvalues),
    ):
        assert getattr(found, attribute).to_dict() == pytest.approx(oracle, rel=1e-12)


@pytest.mark.parametrize(
    ("metric", "aggregate"),
    [("weight", "rms"), ("weight", "max"), ("score", "mean"), ("pattern", "rms")],
)
def test_metrics_and_aggregates(metric, aggregate):
    X, table = make_study(1)
    assert_same(*fit_both(X, table, "stage", metric=metric, aggregate=aggregate))


@pytest.mark.parametrize("adjust_for_target", [False, True])
@pytest.mark.parametrize("target", ["disease", "stage", "severity"])
def test_kinds_of_target_and_adjustment(target, adjust_for_target):
    X, table = make_study(2, n=240)
    both = fit_both(X, table, target, adjust_for_target=adjust_for_target)
    assert_same(*both)


@pytest.mark.parametrize("adjust_for_target", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_missing_values_and_sample_weights(weighted, adjust_for_target):
    X, table = make_study(3, n=240)
    table = with_gaps(table, 3)
    weight = None
    if weighted:
        weight = np.random.default_rng(3).integers(0, 4, len(X)) * 0.5
        assert (weight == 0).any()
    both = fit_both(
        X, table, "stage", weight=weight, adjust_for_target=adjust_for_target
    )
    assert_same(*both)


@pytest.mark.parametrize(
    ("metric", "target"), [("weight", None), ("score", "disease"), ("pattern", None)]
)
def test_trained_softmax_head(metric, target):
    X, table = make_study(4)
    trained = np.random.default_rng(4).standard_normal((3, X.shape[1])) + 2.0
    if target:
        trained = trained[:1]
    assert_same(*fit_both(X, table, target, target_head=trained, metric=metric))


@pytest.mark.parametrize(
    ("metric", "n_components"), [("weight", 3), ("score", None), ("pattern", 0.8)]
)
def test_subspace_rules_with_a_trained_head(metric, n_components):
    X, table = make_study(5)
    trained = np.random.default_rng(5).standard_normal((2, X.shape[1]))
    both = fit_both(
        X,
        table,
        "disease",
        target_head=trained,
        metric=metric,
        n_components=n_components,
        min_components=2,
    )
    assert_same(*both)


def test_ridge_indicator_heads_of_levels():
    X, table = make_study(6)
    heads = {"site": "ridge", "sex": "ridge", "age": "ridge"}
    assert_same(*fit_both(X, table, "stage", heads=heads, alpha=7.0))


@pytest.mark.parametrize("C", [0.01, 100.0])
def test_penalties(C):
    X, table = make_study(7)
    assert_same(*fit_both(X, table, "disease", C=C, alpha=1.0 / C))


@pytest.mark.parametrize("adjust_for_target", [False, True])
def test_single_precision_batches(adjust_for_target):
    """From 2000 rows on the permuted heads are fitted in single precision."""
    X, table = make_study(8, n=2100)
    settings = {"n_permutations": 19, "random_state": 3, "cv": 2}
    expected = analyse(
        X, table, "stage", HEADS, adjust=adjust_for_target, encoding=False, **settings
    )
    found = WeightSpaceCorrelation(
        "stage",
        columns=list(HEADS),
        adjust_for_target=adjust_for_target,
        significance=0.5,
        **settings,
    ).fit(X, table)
    for name in HEADS:
        null = found.null_distribution_[name]
        assert null.std() > 1e-4
        np.testing.assert_allclose(null, expected.nulls[name], atol=1e-4)
        assert found.pvalues_[name] == pytest.approx(expected.pvalues[name])
        assert found.pvalues_fwer_[name] == pytest.approx(expected.pvalues_fwer[name])


def test_order_of_the_table_is_irrelevant_to_the_reference_too():
    """The oracle itself permutes in canonical order: guard against a lucky match."""
    X, table = make_study(9)
    order = np.random.default_rng(9).permutation(len(X))
    settings = {"n_permutations": 9, "random_state": 3, "encoding": False}
    first = analyse(X, table, "disease", {"age": "ridge"}, **settings)
    second = analyse(
        X[order], table.iloc[order], "disease", {"age": "ridge"}, **settings
    )
    np.testing.assert_allclose(first.nulls["age"], second.nulls["age"], rtol=1e-9)
    assert first.nulls["age"].std() > 0.01


def test_probes_of_the_reference_are_those_of_scikit_learn():
    """Of the many that it fits scikit-learn would take seconds to check the input."""
    rng = np.random.default_rng(10)
    T, responses = rng.normal(size=(60, 7)) + 2.0, rng.normal(size=(60, 3)) - 1.0
    train, weights = np.arange(60) % 4 > 0, rng.uniform(0.5, 2.0, 60)
    ridge = Ridge(alpha=5.0).fit(T[train], responses[train], weights[train])
    found = ridge_outputs(T, responses, train, ~train, 5.0, weights)
    np.testing.assert_allclose(found, ridge.predict(T[~train]), rtol=1e-9)


def test_compared_pvalues_are_not_all_at_the_floor():
    """Guard: equal p-values prove little where every one is the smallest possible."""
    X, table = make_study(1)
    found, _ = fit_both(X, table, "stage")
    pvalues = np.concatenate([found.pvalues_, found.encoding_pvalues_])
    assert len(np.unique(pvalues)) > 3


@pytest.mark.parametrize("kind", ["none", "array", "pair", "Head"])
def test_repr_is_short_whatever_the_head(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(2, 5, size=(40, 512))
    table = pd.DataFrame({"disease": ["ill", "well"] * 20, "age": rng.normal(size=40)})
    W, b = rng.normal(size=(2, 512)), rng.normal(size=2)
    head = {
        "none": None,
        "array": W,
        "pair": (W, b),
        "Head": Head(W, b, ("ill", "well"), "logistic"),
    }[kind]
    estimator = WeightSpaceCorrelation("disease", target_head=head, n_permutations=0)
    before = repr(estimator)
    assert repr(estimator.fit(X, table)) == before
    assert len(before.splitlines()) <= 10
    assert "'disease'" in before


# --- without diagnostics -------------------------------------------------------------

LEFT_OUT = ["encoding_scores_", "encoding_pvalues_", "encoding_qvalues_"]
LEFT_OUT += ["encoding_skills_", "encoding_power_", "encoding_selectivity_"]
LEFT_OUT += ["reliability_", "alignment_ceilings_", "alignment_corrected_"]


@pytest.fixture(scope="module", params=[1.0, 0.0], ids=["used", "not used"])
def with_and_without(request):
    """An encoded column, used or not, and others, which are not encoded."""
    use = request.param
    study = make_shortcut(900, 12, use=use, encoding=2.0, random_state=0)
    table = study.metadata.assign(noise=np.tile(list("ab"), 450))
    return [
        WeightSpaceCorrelation(
            target_head=study.head,
            target="target",
            columns=["scanner", "batch", "noise"],
            n_permutations=99,
            random_state=0,
            min_effect=0.2,
            held_out=True,
            diagnostics=diagnostics,
        ).fit(study.data, table)
        for diagnostics in (True, False)
    ]


def test_without_diagnostics_the_rest_is_the_same(with_and_without):
    full, bare = with_and_without
    for name in LEFT_OUT:
        assert getattr(full, name).notna().any(), name
        assert getattr(bare, name).isna().all(), name
        assert getattr(bare, name).index.equals(getattr(full, name).index)
    assert full.erasure_ is not None and bare.erasure_ is None
    assert bare.encoding_metrics_.shape == (3, 0)
    for name in ("pvalues_", "alignment_scores_", "utilization_pvalues_"):
        pd.testing.assert_series_equal(getattr(bare, name), getattr(full, name))
    left_out = [name for name in bare.summary_ if name.startswith("encoding")]
    left_out += [*full.summary_.filter(like="performance")]
    same = full.summary_.drop(columns=[*left_out, "verdict", "note", "consequence"])
    pd.testing.assert_frame_equal(bare.summary_[same.columns], same)
    assert bare.summary_[left_out].isna().all(axis=None)


def test_without_diagnostics_verdicts_go_by_utilization(with_and_without):
    full, bare = with_and_without
    assert full.verdicts_["scanner"] in ("used", "not used")
    assert full.verdicts_["noise"] == "not encoded"
    for name, verdict in full.verdicts_.items():
        encoded = verdict in ("used", "not used")
        assert bare.verdicts_[name] == (verdict if encoded else "not used")
        note = bare.summary_.loc[name, "note"]
        untested = "whether it is encoded was not tested; "
        assert note.startswith(untested) == (bare.verdicts_[name] == "not used")
    assert sum("diagnostics=False" in note for note in bare.notes_) == 1
    assert not any("diagnostics=False" in note for note in full.notes_)


def test_a_grid_with_memory_is_the_same_grid(tmp_path):
    X, table = make_study(0, n=90)
    searches = [
        GridSearchCV(
            WeightSpaceCorrelation(
                "disease",
                columns=["site"],
                n_permutations=0,
                diagnostics=False,
                memory=memory,
            ),
            {"C": [0.1, 1.0, 10.0]},
            cv=3,
        ).fit(40.0 * X + 7.0, table)
        for memory in (None, str(tmp_path / "cache"))
    ]
    plain, kept = (search.cv_results_["mean_test_score"] for search in searches)
    np.testing.assert_array_equal(kept, plain)
    assert len(set(plain)) == 3
    # Three folds, and all rows.
    assert len(list(tmp_path.rglob("output.pkl"))) == 4
