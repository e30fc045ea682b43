"""Several targets in one call: each as alone, one correction, joined tables."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone

from sklearn_wsca import (
    AlignmentDisplay,
    Head,
    NullDistributionDisplay,
    UtilizationDisplay,
    WeightSpaceCorrelation,
)
from sklearn_wsca._input.several_targets import audit_of
from tests.reference import make_study

TARGETS = ["effusion", "edema", "severity"]
COLUMNS = ["site", "age"]
N, D = 240, 8


@pytest.fixture(scope="module")
def films():
    """Embeddings, findings with metadata, and one head of three outputs."""
    X, table = make_study(3, N, D)
    rng = np.random.default_rng(5)
    coef = rng.standard_normal((3, D)) / X.std(axis=0)
    outputs = X @ coef.T
    centre = outputs.mean(axis=0)
    noisy = outputs - centre + 1.5 * rng.logistic(size=outputs.shape)
    table = table[["site", "sex", "age"]].assign(
        effusion=np.where(noisy[:, 0] > 0, "yes", "no"),
        edema=(noisy[:, 1] > 0).astype(int),
        severity=noisy[:, 2],
    )
    return X, table, Head(coef, -centre, TARGETS, "logistic")


def settings(**options):
    common = {"n_permutations": 199, "random_state": 0, "columns": COLUMNS}
    return common | options


@pytest.fixture(scope="module")
def found(films):
    X, table, head = films
    return WeightSpaceCorrelation(TARGETS, target_head=head, **settings()).fit(X, table)


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_is_analysed_as_if_it_were_alone(films, found, target):
    X, table, head = films
    alone = WeightSpaceCorrelation(
        target, target_head=head, target_output=target, **settings()
    ).fit(X, table)
    for name in ("utilization_", "utilization_ci_", "alignment_scores_", "pvalues_"):
        expected, joined = getattr(alone, name), getattr(found, name)
        np.testing.assert_allclose(joined.loc[target], expected, rtol=1e-9)
    np.testing.assert_allclose(
        found.null_distribution_[target], alone.null_distribution_
    )
    assert found.head_performance_[target] == alone.head_performance_
    np.testing.assert_allclose(found.target_head_[target].coef, alone.target_head_.coef)
    detectable = found.minimum_detectable_effect_.loc[target]
    assert (detectable > alone.minimum_detectable_effect_).all()


def test_corrections_are_over_the_columns_of_all_targets(found):
    names = [(target, column) for target in TARGETS for column in COLUMNS]
    assert list(found.summary_.index) == names
    assert found.summary_.index.names == ["target", "column"]
    pairs = [
        ("utilization_pvalues_", "utilization_qvalues_"),
        ("pvalues_", "qvalues_"),
        ("encoding_pvalues_", "encoding_qvalues_"),
    ]
    for single, corrected in pairs:
        expected = stats.false_discovery_control(getattr(found, single))
        np.testing.assert_allclose(getattr(found, corrected), expected)
    scores, null = found.alignment_scores_, found.null_distribution_
    pooled = np.vstack([scores, null])
    standard = (pooled - pooled.mean(axis=0)) / pooled.std(axis=0)
    largest = standard[1:].max(axis=1)
    expected = [(1 + np.sum(largest >= s - 1e-9)) / 200 for s in standard[0]]
    np.testing.assert_allclose(found.pvalues_fwer_, expected)
    assert (found.pvalues_fwer_ > found.pvalues_).any()
    assert "3 targets ('effusion', 'edema', 'severity')" in found.notes_[0]


@pytest.mark.parametrize("adjusted", [False, True])
def test_heads_of_columns_are_shared_unless_adjusted(films, adjusted):
    X, table, head = films
    model = WeightSpaceCorrelation(
        TARGETS[:2],
        target_head=head,
        adjust_for_target=adjusted,
        **settings(n_permutations=0),
    ).fit(X, table)
    names = [(t, c) for t in TARGETS[:2] for c in COLUMNS] if adjusted else COLUMNS
    assert list(model.heads_) == names
    outputs = model.transform(X)
    assert outputs.shape[1] == len(model.get_feature_names_out())
    np.testing.assert_allclose(outputs[:, 1], X @ head.coef[1] + head.intercept[1])
    parts = [part.score(X, table) for part in model.targets_.values()]
    assert model.score(X, table) == pytest.approx(np.mean(parts))


def test_audit_is_corrected_over_all_targets(films, found):
    X, table, _ = films
    joined = found.audit(X, table)
    expected = stats.false_discovery_control(joined["utilization_pvalue"])
    np.testing.assert_allclose(joined["utilization_qvalue"], expected)
    for target, part in found.targets_.items():
        own = audit_of(joined, target)
        alone = part.audit(X, table)
        assert own.attrs.keys() == alone.attrs.keys()
        pd.testing.assert_series_equal(own["utilization"], alone["utilization"])
        assert own.attrs["effects"]["effect"] == alone.attrs["effects"]["effect"]
        page = part.to_markdown(audit=joined)
        assert f"'{target}'" in page
    with pytest.raises(ValueError, match=r"table: it is of several targets"):
        WeightSpaceCorrelation.to_dict(joined)


def test_tables_by_component_and_feature_have_the_targets(films, found):
    X, table, _ = films
    scores = found.component_sensitivity(X, table, [3])
    part = found.targets_["edema"].component_sensitivity(X, table, [3])
    np.testing.assert_allclose(scores["edema"], part)
    shares = found.utilization_by_feature(X, table, "site")["share"]
    np.testing.assert_allclose(shares.groupby(level="target").sum(), 1.0)


@pytest.mark.parametrize("as_table", [True, False])
def test_y_holds_the_targets_beside_metadata(films, found, as_table):
    X, table, _ = films
    y = table[TARGETS[::-1]] if as_table else table[TARGETS].to_numpy()
    model = clone(found).set_params(columns=None, n_permutations=0)
    model.fit(X, y, metadata=table[COLUMNS])
    np.testing.assert_allclose(model.utilization_raw_, found.utilization_raw_)
    audited = model.audit(X, y, metadata=table[COLUMNS])
    np.testing.assert_allclose(audited["utilization"], model.utilization_)
    with pytest.raises(ValueError, match="y: 2 columns, but target names 3"):
        model.fit(X, table[TARGETS[:2]], metadata=table[COLUMNS])


def test_other_targets_are_no_columns_unless_named(films):
    X, table, head = films
    options = {"target_head": head, "n_permutations": 0}
    found = WeightSpaceCorrelation(TARGETS, **options).fit(X, table)
    assert found.summary_.loc["edema"].index.tolist() == ["site", "sex", "age"]
    assert found.dropped_columns_ == {target: {} for target in TARGETS}
    named = WeightSpaceCorrelation(["edema"], columns=["effusion"], **options)
    assert list(named.fit(X, table).summary_.index) == [("edema", "effusion")]


def test_each_target_may_have_its_own_head_and_output(films, found):
    X, table, head = films
    heads = {
        name: Head(head.coef[[i]], head.intercept[[i]], None, "ridge")
        for i, name in enumerate(TARGETS)
    }
    by_head = WeightSpaceCorrelation(TARGETS, target_head=heads, **settings())
    np.testing.assert_allclose(
        by_head.fit(X, table).utilization_raw_, found.utilization_raw_
    )
    numbered = clone(found).set_params(
        target_head=Head(head.coef, head.intercept),
        target_output={name: i for i, name in enumerate(TARGETS)},
    )
    np.testing.assert_allclose(
        numbered.fit(X, table).utilization_raw_, found.utilization_raw_
    )
    fitted = WeightSpaceCorrelation(TARGETS[:2], **settings(n_permutations=0))
    assert fitted.fit(X, table).targets_["edema"].target_head_.classes == (0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": []}, "pass one name, or a list of different names"),
        ({"target": ["edema", "edema"]}, "list of different names"),
        ({"target": [["edema"]]}, "list of different names"),
        ({"target": ["edema", "oedema"]}, "no column 'oedema'.*did you mean 'edema'"),
        ({"target_output": "edema"}, "one output, and target names 3; pass a dict"),
        ({"target_output": {"edema": 1}}, "target_output: 'effusion' is only one of"),
        ({"groups": "edema"}, "groups: 'edema' is a target too"),
        ({"columns": ["edema", "age"]}, "columns: the target 'edema' is among them"),
    ],
)
def test_what_does_not_fit_several_targets_is_named(films, found, change, message):
    X, table, _ = films
    with pytest.raises(ValueError, match=message):
        clone(found).set_params(**change).fit(X, table)


@pytest.mark.parametrize(
    "display", [AlignmentDisplay, NullDistributionDisplay, UtilizationDisplay]
)
def test_plots_and_reports_are_of_one_target(found, display):
    with pytest.raises(ValueError, match=r"pass .* analysis.targets_\['effusion'\]"):
        display.from_estimator(found)
    with pytest.raises(ValueError, match="the analysis has 3 targets"):
        found.to_json()
    assert "effusion" in found.targets_["effusion"].to_json()


def test_too_few_permutations_are_told_for_all_columns(films, found):
    X, table, _ = films
    few = clone(found).set_params(n_permutations=99)
    with pytest.warns(UserWarning, match="single column among 6 cannot reach"):
        few.fit(X, table)
