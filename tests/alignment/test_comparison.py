"""Alignment of all head rows with each other, against the formulas."""

import numpy as np
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._alignment.comparison import describe_undirected
from sklearn_wsca._alignment.metrics import METRICS
from sklearn_wsca.report import to_html
from tests.prepared_studies import compare_study
from tests.reference import (
    aggregate,
    align,
    centre_classes,
    make_study,
    principal_directions,
)

D = 8
COLUMNS = ["site", "sex", "age"]
METRIC_NAMES = ["weight", "score", "pattern"]


def study(seed=0, n=120):
    X, table = make_study(seed, n=n, shared=1.0)
    weights = np.random.default_rng(seed).uniform(0.5, 2.0, n)
    return X, table[["stage", "disease", *COLUMNS]], weights


def compare(*data, **options):
    settings = {"target": "stage", "columns": COLUMNS, "min_components": 2}
    return compare_study(*data, **settings | options)


def slow_alignment(X, weights, first, second, metric, n_components=0.99):
    principal = principal_directions(X, weights, n_components, 2)
    coefs = [centre_classes(head.coef, head.kind) for head in (first, second)]
    return align(*coefs, principal, metric, n_components is not None)


@pytest.mark.parametrize("n_components", [0.99, 3, None])
@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_every_pair_of_heads_is_compared_by_the_formula(metric, trained, n_components):
    X, table, weights = study()
    head = np.random.default_rng(1).standard_normal((3, D)) * 40.0 + 7.0
    options = {"metric": metric, "n_components": n_components}
    options["target_head"] = head if trained else None
    _, tasks, _, found = compare(X, table, weights, **options)
    heads = tasks.primary_head() | tasks.heads()
    assert found.correlation.index.names == ["task", "class"]
    assert list(found.correlation.columns) == list(found.correlation.index)
    for name, one in heads.items():
        for other_name, other in heads.items():
            expected = slow_alignment(X, weights, one, other, metric, n_components)
            block = found.correlation.loc[[name], [other_name]]
            np.testing.assert_allclose(block, expected, atol=1e-9)
    symmetric = np.allclose(found.correlation, found.correlation.T)
    assert symmetric == METRICS[metric].symmetric
    # Three stages against three sites, one row of the sex and one of the age.
    assert found.alignment.shape == (3, 3 + 1 + 1)
    assert np.abs(found.alignment).to_numpy().max() > 0.1


@pytest.mark.parametrize("how", ["rms", "max", "mean"])
@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_column_scores_summarise_the_rows_of_the_primary_head(metric, how):
    _, tasks, _, found = compare(*study(), metric=metric, aggregate=how)
    scores = found.scores()
    assert list(scores.index) == COLUMNS
    for name in COLUMNS:
        block = found.alignment.loc[:, [name]].to_numpy()
        assert scores[name] == pytest.approx(aggregate(block, how))
        assert found.references[name].shape[0] == tasks.heads()[name].n_rows
    assert scores.between(0.01, 0.99).all()


@pytest.mark.parametrize("how", ["rms", "mean"])
@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_heads_of_permutations_are_scored_as_the_fitted_ones(metric, how):
    """In scaled principal coordinates, which is where permutations are fitted."""
    # A trained head: what lies outside the subspace has coordinates of its own.
    head = np.random.default_rng(2).standard_normal((1, D))
    options = {"metric": metric, "aggregate": how, "target_head": head}
    _, tasks, rows, found = compare(*study(1), n_components=4, **options)
    for name, fitted in tasks.heads().items():
        inside = rows.subspace.project(fitted.coef) * rows.subspace.scale
        batch = np.stack([inside, -3.0 * inside, np.zeros_like(inside)])
        scores = found.primary.scores(batch, fitted.kind == "logistic")
        assert scores[:2] == pytest.approx(found.scores()[name])
        # A permutation without any information is aligned with nothing.
        assert scores[2] == 0.0


def test_a_head_is_aligned_with_itself_and_against_its_negative():
    X, table, weights = study(2)
    head = np.random.default_rng(3).standard_normal((1, D))
    heads = {"same": 5.0 * head, "opposite": -0.01 * head}
    options = {"target_head": head, "heads": heads, "columns": list(heads)}
    for metric in ("weight", "score"):
        _, _, _, found = compare(X, table, weights, metric=metric, **options)
        np.testing.assert_allclose(found.alignment.to_numpy().ravel(), [1.0, -1.0])
        assert found.scores().tolist() == pytest.approx([1.0, 1.0])
        assert found.correlation.abs().max(axis=None) <= 1.0


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_a_vector_added_to_all_classes_changes_nothing(metric):
    data, options = study(3), {"metric": metric}
    head = np.random.default_rng(4).standard_normal((3, D))
    moved = head + 10.0 * np.arange(D)
    found, other = (
        compare(*data, target_head=h, **options)[-1].correlation for h in (head, moved)
    )
    np.testing.assert_allclose(found, other, atol=1e-9)


def test_without_a_primary_head_columns_are_compared_with_each_other_only():
    with_primary = compare(*study(), metric="pattern")[-1]
    found = compare(*study(), metric="pattern", target=None)[-1]
    assert with_primary.has_primary and not found.has_primary
    assert found.alignment.shape == (0, 5) and found.filters.shape[0] == 0
    assert found.scores().isna().all() and list(found.scores().index) == COLUMNS
    expected = with_primary.correlation.loc[COLUMNS, COLUMNS]
    np.testing.assert_allclose(found.correlation, expected, atol=1e-9)


def test_a_head_without_a_direction_is_named_by_task_and_class():
    options = {"heads": {"lesion": np.zeros((1, D))}, "columns": ["lesion"]}
    with pytest.raises(ValueError, match=r"row \('lesion', ''\) is zero after centr"):
        compare(*study(), target=None, **options)


class TestRowsThatAreZero:
    """The middle grade of a symmetric head: utilization needs no direction of it."""

    GRADES = np.arange(-1.0, 2.0)[:, None] * np.linspace(1.0, 3.0, D) + 7.0

    @pytest.mark.parametrize("metric", METRIC_NAMES)
    @pytest.mark.parametrize("how", ["rms", "max", "mean"])
    def test_are_left_out(self, metric, how):
        X, table, weights = study()
        options = {"metric": metric, "aggregate": how}
        _, tasks, _, found = compare(
            X, table, weights, target_head=self.GRADES, **options
        )
        assert found.alignment.shape == (3, 3 + 1 + 1)
        undirected = found.alignment.isna().all(axis=1)
        assert undirected.tolist() == [False, True, False]
        assert not found.alignment[~undirected].isna().any().any()
        for name, score in found.scores().items():
            block = found.alignment[~undirected].loc[:, [name]].to_numpy()
            assert score == pytest.approx(aggregate(block, how))
        _, _, _, ends = compare(
            X, table, weights, target_head=self.GRADES[[0, 2]], **options
        )
        assert found.scores().to_numpy() == pytest.approx(ends.scores().to_numpy())
        (note,) = describe_undirected(found)
        row = tasks.primary_head()["stage"].row_names[1]
        assert note.endswith(f"scores are of the others: {row!r} of 'stage'.")

    def test_unless_all_are(self):
        X, table, weights = study()
        same = np.ones((3, D)) * 0.3
        with pytest.raises(ValueError, match="so it has no direction to compare"):
            compare(X, table, weights, target_head=same)

    @pytest.mark.parametrize("null", ["permutation", "sign_flip"])
    def test_stop_no_analysis(self, null):
        X, table, _ = study()
        analysis = WeightSpaceCorrelation(
            "stage",
            target_head=self.GRADES,
            columns=COLUMNS,
            null=null,
            n_permutations=59,
            random_state=0,
            check_head=False,
        ).fit(X, table)
        assert any("have no direction" in note for note in analysis.notes_)
        assert analysis.summary_["alignment_pvalue"].notna().all()
        assert analysis.utilization_.notna().all()
        assert "stage" in to_html(analysis)

    def test_whole_heads_have_no_note(self):
        assert describe_undirected(compare(*study())[3]) == []
