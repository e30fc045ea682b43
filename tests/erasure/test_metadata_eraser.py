"""MetadataEraser: what is left of a column, what is not, and what users may pass."""

import numpy as np
import pandas as pd
import pytest
from scipy import linalg
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, r2_score

from sklearn_wsca import Head, MetadataEraser
from sklearn_wsca.datasets import make_shortcut
from tests.erasure.studies import COLUMNS, SHAPES, study
from tests.reference import with_gaps

# Columns of these studies are associated, and the target is not always named.
pytestmark = pytest.mark.filterwarnings("ignore:target. without one:UserWarning")

SEEDS = [0, 1, 2]


def level_gain(X, labels, weights):
    """How much less than its entropy the log-loss of a weakly penalised probe is."""
    scaled = (X - X.mean(axis=0)) / X.std()
    probe = LogisticRegression(C=100.0, solver="newton-cholesky", tol=1e-8)
    probe.fit(scaled, labels, weights)
    loss = log_loss(labels, probe.predict_proba(scaled), sample_weight=weights)
    shares = pd.Series(weights).groupby(np.asarray(labels)).sum() / weights.sum()
    return -np.sum(shares * np.log(shares)) - loss


def number_gain(X, numbers, weights):
    """Share of variance that a weakly penalised probe explains."""
    probe = Ridge(alpha=1e-3).fit(X - X.mean(axis=0), numbers, weights)
    predicted = probe.predict(X - X.mean(axis=0))
    return r2_score(numbers, predicted, sample_weight=weights)


def dummies(series):
    if series.dtype == object or isinstance(series.dtype, pd.StringDtype):
        return pd.get_dummies(series).to_numpy(float)
    return series.to_numpy(float)[:, None]


def adjusted_effects(outputs, column, target, weights):
    """Coefficients of the column in a plain weighted regression of the outputs."""
    design = np.hstack([np.ones((len(target), 1)), dummies(target), dummies(column)])
    roots = np.sqrt(weights)[:, None]
    beside = dummies(target).shape[1] + 1
    # The indicators depend on each other; some old libraries miss that by rounding.
    coef = linalg.lstsq(roots * design, roots * outputs, cond=1e-10)[0][beside:]
    return coef - coef.mean(axis=0) if len(coef) > 1 else coef


def least_squares_erasure(X, concepts, weights, shrinkage):
    """Slow and obvious: roots and pseudo-inverses of d x d matrices."""
    shares = weights / weights.sum()
    mean = shares @ X
    centred = X - mean
    covariance = (centred.T * shares) @ centred
    d = len(mean)
    identity = np.trace(covariance) / d * np.eye(d)
    shrunk = (1 - shrinkage) * covariance + shrinkage * identity
    values, vectors = linalg.eigh(shrunk)
    kept = values > 1e-10 * values.max()
    whitening = (vectors[:, kept] / np.sqrt(values[kept])) @ vectors[:, kept].T
    cross = (centred.T * shares) @ (concepts - shares @ concepts)
    span = linalg.orth(whitening @ cross, rcond=1e-9)
    projection = span @ span.T
    return X - centred @ (linalg.pinv(whitening) @ projection @ whitening).T


class TestTheMap:
    @pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    def test_it_is_least_squares_erasure(self, shape, weighted, shrinkage):
        X, table, weights = study(0, shape, weighted)
        eraser = MetadataEraser(COLUMNS, shrinkage=shrinkage)
        found = eraser.fit(X, table, weights).transform(X)
        concepts = np.hstack(
            [dummies(table["site"]), (dummies(table["age"]) - 60.0) / 12.0]
        )
        expected = least_squares_erasure(X, concepts, weights, shrinkage)
        assert np.abs(expected - X).max() > 0.1
        np.testing.assert_allclose(found, expected, atol=1e-7)
        assert eraser.rank_ == 3
        assert eraser.shrinkage_ == shrinkage
        np.testing.assert_allclose(eraser.mean_, np.average(X, 0, weights))

    def test_new_rows_are_erased_by_the_same_map(self):
        X, table, _ = study(0, (200, 8))
        eraser = MetadataEraser(COLUMNS).fit(X[:150], table[:150])
        whole = eraser.transform(X)
        np.testing.assert_allclose(whole[150:], eraser.transform(X[150:]))
        assert number_gain(whole[150:], table["age"][150:], np.ones(50)) < 0.35
        np.testing.assert_allclose(eraser.transform(whole), whole)

    def test_automatic_shrinkage_is_between(self):
        for shape in SHAPES.values():
            X, table, _ = study(0, shape)
            assert 0 < MetadataEraser(COLUMNS).fit(X, table).shrinkage_ < 1


class TestNoProbeBeatsChance:
    @pytest.mark.parametrize("shrinkage", ["auto", 0.0])
    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    @pytest.mark.parametrize("seed", SEEDS)
    def test_on_the_rows_of_fit(self, seed, shape, weighted, shrinkage):
        X, table, weights = study(seed, shape, weighted)
        assert level_gain(X, table["site"], weights) > 0.1
        assert number_gain(X, table["age"], weights) > 0.2
        eraser = MetadataEraser(COLUMNS, shrinkage=shrinkage)
        erased = eraser.fit(X, table, sample_weight=weights).transform(X)
        assert level_gain(erased, table["site"], weights) < 1e-6
        assert number_gain(erased, table["age"], weights) < 1e-9
        # What was not asked for is still there.
        assert level_gain(erased, table["sex"], weights) > 0.05

    @pytest.mark.parametrize("seed", SEEDS)
    def test_on_the_rows_on_which_a_column_is_known(self, seed):
        X, table, weights = study(seed, (300, 12), weighted=True)
        gappy = with_gaps(table, seed)
        eraser = MetadataEraser(COLUMNS).fit(X, gappy[COLUMNS], sample_weight=weights)
        erased = eraser.transform(X)
        assert np.isfinite(erased).all()
        for name, gain in (("site", level_gain), ("age", number_gain)):
            known = gappy[name].notna().to_numpy()
            assert 0 < known.sum() < len(X)
            values = gappy[name][known]
            assert gain(X[known], values, weights[known]) > 0.1
            assert gain(erased[known], values, weights[known]) < 1e-6
        assert [note.split(":")[0] for note in eraser.notes_] == [
            "column 'site'",
            "column 'age'",
        ]
        assert "of 300 rows, which are set to its mean" in eraser.notes_[0]

    def test_rare_levels_are_erased_too(self):
        X, table, weights = study(0, (120, 10))
        site = table["site"].astype(object)
        site[7] = "Dublin"
        eraser = MetadataEraser().fit(X, site)
        erased = eraser.transform(X)
        assert eraser.rank_ == 3
        assert level_gain(X, site, weights) > 0.1
        assert level_gain(erased, site, weights) < 1e-6
        np.testing.assert_allclose(erased[7], erased.mean(axis=0))

    def test_single_precision(self):
        X, table, weights = study(0, (300, 12))
        erased = MetadataEraser(COLUMNS).fit_transform(X.astype(np.float32), table)
        assert erased.dtype == np.float32
        assert level_gain(erased.astype(float), table["site"], weights) < 1e-6
        assert number_gain(erased.astype(float), table["age"], weights) < 1e-6


class TestTarget:
    """With a target, heads do not move with the column; the target stays."""

    @pytest.mark.parametrize("shape", [(300, 12), (60, 90)])
    @pytest.mark.parametrize("target", ["disease", "stage", "severity"])
    @pytest.mark.parametrize("seed", SEEDS)
    def test_no_head_moves_with_the_column_at_fixed_target(self, seed, target, shape):
        X, table, weights = study(seed, shape, weighted=True)
        heads = np.random.default_rng(seed).standard_normal((shape[1], 5))
        eraser = MetadataEraser(COLUMNS, target=target)
        erased = eraser.fit(X, table, weights).transform(X)
        for name in COLUMNS:
            before, after = (
                adjusted_effects(rows @ heads, table[name], table[target], weights)
                for rows in (X, erased)
            )
            assert np.abs(before).max() > 1e-3
            assert np.abs(after).max() < 1e-8 * np.abs(before).max()

    def test_missing_values_of_both(self):
        X, table, weights = study(0, (300, 12))
        gappy = with_gaps(table)
        eraser = MetadataEraser(["site"], target="stage").fit(X, gappy)
        known = (gappy["site"].notna() & gappy["stage"].notna()).to_numpy()
        before, after = (
            adjusted_effects(
                rows[known],
                gappy["site"][known].astype(str),
                gappy["stage"][known].astype(str),
                weights[known],
            )
            for rows in (X, eraser.transform(X))
        )
        assert np.abs(after).max() < 1e-9 < 0.1 < np.abs(before).max()
        assert eraser.notes_[0].startswith("target 'stage': ")

    @pytest.mark.parametrize("seed", SEEDS)
    def test_when_to_use_which(self, seed):
        X, table = make_shortcut(
            1000,
            20,
            encoding=2.0,
            signal=2.0,
            association=0.7,
            random_state=seed,
            return_X_y=True,
        )
        weights = np.ones(len(X))
        gains = {}
        for target in (None, "target"):
            erased = MetadataEraser(["scanner"], target=target).fit_transform(X, table)
            gains[target] = [
                level_gain(erased, table[name], weights)
                for name in ("scanner", "target")
            ]
        target_gain = level_gain(X, table["target"], weights)
        assert gains[None][0] < 1e-6
        assert gains["target"][0] > 0.1
        assert gains[None][1] < 0.7 * target_gain
        assert gains["target"][1] > 0.8 * target_gain

    def test_all_columns_but_the_target(self):
        X, table, _ = study(0, (300, 12))
        table = table[["stage", "site", "age"]]
        assert MetadataEraser(target="stage").fit(X, table).columns_ == ["site", "age"]
        assert MetadataEraser().fit(X, table).columns_ == list(table)


class TestInvariances:
    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("target", [None, "stage"])
    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    def test_of_the_erased_embeddings(self, shape, target, seed):
        X, table, weights = study(seed, shape, weighted=True)
        rng = np.random.default_rng(seed)

        def erase(X, table, weights, columns=COLUMNS):
            eraser = MetadataEraser(columns, target=target)
            return eraser.fit(X, table, sample_weight=weights).transform(X)

        expected = erase(X, table, weights)
        close = {"rtol": 1e-6, "atol": 1e-6}
        for unit in (1e-3, 1e4):
            found = erase(unit * X, table, weights) / unit
            np.testing.assert_allclose(found, expected, **close)
        shift = rng.normal(0, 30, X.shape[1])
        found = erase(X + shift, table, weights) - shift
        np.testing.assert_allclose(found, expected, **close)
        rotation = linalg.qr(rng.standard_normal((X.shape[1],) * 2))[0]
        found = erase(X @ rotation, table, weights) @ rotation.T
        np.testing.assert_allclose(found, expected, **close)
        order = rng.permutation(len(X))
        found = erase(X[order], table.iloc[order], weights[order])
        np.testing.assert_allclose(found, expected[order], **close)
        renamed = table.assign(
            site=table["site"]
            .map({"Aarhus": 7, "Bergen": -1, "Cork": 3})
            .astype("category"),
            age=1e4 - 365.25 * table["age"],
        )
        np.testing.assert_allclose(erase(X, renamed, weights), expected, **close)
        found = erase(X, table, weights, COLUMNS[::-1])
        np.testing.assert_allclose(found, expected, **close)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_means_far_beyond_the_spread(self, seed):
        X, table, weights = study(seed, (300, 12), weighted=True)
        expected = MetadataEraser(COLUMNS).fit(X, table, weights).transform(X)
        eraser = MetadataEraser(COLUMNS).fit(X + 1e9, table, weights)
        assert eraser.rank_ == 3
        np.testing.assert_allclose(eraser.transform(X + 1e9) - 1e9, expected, atol=1e-5)

    def test_weights_zero_and_two(self):
        X, table, _ = study(0, (120, 8))
        times = np.arange(120) % 3
        rows = np.repeat(np.arange(120), times)
        weighted = MetadataEraser(COLUMNS).fit(X, table, sample_weight=times)
        repeated = MetadataEraser(COLUMNS).fit(X[rows], table.iloc[rows])
        assert weighted.shrinkage_ == pytest.approx(repeated.shrinkage_)
        np.testing.assert_allclose(weighted.transform(X), repeated.transform(X))


class TestRepairedHead:
    """Weights for embeddings as they are, with the outputs of erased ones."""

    def forms(self, coef, intercept):
        yield (coef, intercept)
        yield Head(coef, intercept, ["healthy", "ill"])
        model = LogisticRegression()
        model.coef_, model.intercept_ = coef, intercept
        model.classes_ = np.array(["healthy", "ill"])
        yield model

    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    @pytest.mark.parametrize("target", ["disease", None])
    def test_outputs_are_those_of_erased_embeddings(self, shape, target):
        X, table, _ = study(0, shape)
        rng = np.random.default_rng(0)
        coef, intercept = rng.normal(3, 5, (1, shape[1])), np.array([40.0])
        eraser = MetadataEraser(COLUMNS, target=target).fit(X[:30], table[:30])
        erased = eraser.transform(X)
        expected = erased @ coef.T + intercept
        assert np.abs(expected - X @ coef.T - intercept).max() > 1.0
        for form in self.forms(coef, intercept):
            head = eraser.repair_head(form)
            np.testing.assert_allclose(head.outputs(X), expected)
            # Whoever uses both loses nothing.
            np.testing.assert_allclose(head.outputs(erased), expected)
        assert eraser.repair_head(form).classes == ("healthy", "ill")
        assert eraser.repair_head(coef[0]).intercept.shape == (1,)

    def test_layers_of_torch(self):
        torch = pytest.importorskip("torch")
        X, table, _ = study(0, (60, 6))
        layer = torch.nn.Linear(6, 2)
        eraser = MetadataEraser(COLUMNS, target="stage").fit(X, table)
        erased = torch.asarray(eraser.transform(X), dtype=torch.float32)
        expected = layer(erased).detach().numpy()
        found = eraser.repair_head(layer).outputs(X)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)

    def test_heads_that_cannot_be_repaired(self):
        X, table, _ = study(0, (60, 6))
        eraser = MetadataEraser(["site"], target="stage")
        with pytest.raises(NotFittedError):
            eraser.repair_head(np.ones(6))
        with pytest.raises(ValueError, match=r"head: .* 5 .* 6"):
            eraser.fit(X, table).repair_head(np.ones(5))
        eraser.set_params(method="quadratic").fit(X, table)
        with pytest.raises(
            ValueError, match="method='quadratic': there is no repaired"
        ):
            eraser.repair_head(np.ones(6))


class TestExtremes:
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_nothing_is_left_to_erase(self, dtype):
        X, table, _ = study(0, (300, 12))
        erased = MetadataEraser(COLUMNS).fit_transform(X.astype(dtype), table)
        with pytest.warns(UserWarning, match="already uncorrelated with the columns"):
            again = MetadataEraser(COLUMNS).fit(erased, table)
        assert again.rank_ == 0
        assert "already uncorrelated" in again.notes_[0]
        np.testing.assert_array_equal(again.transform(erased), erased)

    def test_everything_is_erased(self):
        X, table, _ = study(0, (60, 2))
        with pytest.warns(UserWarning, match="all 2 directions.*embeddings are equal"):
            eraser = MetadataEraser(COLUMNS).fit(X, table)
        expected = np.broadcast_to(X.mean(axis=0), X.shape)
        np.testing.assert_allclose(eraser.transform(X), expected)


X, TABLE, _ = study(0, (60, 6))
BAD = {
    "unknown column": ({"columns": ["sit"]}, {}, "columns: .*'sit'.*mean 'site'"),
    "no column": ({"columns": []}, {}, "columns: the list is empty"),
    "one twice": ({"columns": ["age", "age"]}, {}, "columns: a name occurs more"),
    "unknown target": ({"target": "satge"}, {}, "target: .*mean 'stage'"),
    "target among columns": (
        {"columns": ["stage", "age"], "target": "stage"},
        {},
        "columns: the target 'stage' is among them",
    ),
    "constant target": (
        {"target": "stage"},
        {"y": TABLE.assign(stage="II")},
        "target='stage' cannot be held fixed: constant.*or target=None",
    ),
    "only the target": (
        {"target": "stage"},
        {"y": TABLE[["stage"]]},
        "no column besides the target; pass",
    ),
    "target determines all": (
        {"target": "stage", "columns": ["copy"]},
        {"y": TABLE.assign(copy=TABLE["stage"])},
        "no column can be erased.*'copy': does not vary at fixed target",
    ),
    "constant column": (
        {},
        {"y": pd.DataFrame({"site": ["A"] * 60})},
        "no column can be erased.*'site': constant",
    ),
    "column without rows of the target": (
        {"target": "stage", "columns": ["age"]},
        {
            "y": TABLE.assign(
                age=TABLE["age"].where(np.arange(60) < 30),
                stage=TABLE["stage"].where(np.arange(60) >= 30),
            )
        },
        "'age': does not vary at fixed target 'stage': .* no rows have both",
    ),
    "infinite number": (
        {"columns": ["age"]},
        {"y": TABLE.assign(age=np.inf)},
        "'age': holds 60 infinite values",
    ),
    "no table": ({}, {"y": None}, "requires y to be passed"),
    "other length": ({}, {"y": TABLE[:50]}, "X has 60 rows and y has 50 rows"),
    "other index": (
        {},
        {"X": pd.DataFrame(X, index=range(1, 61))},
        "indexes of X and y",
    ),
    "missing embeddings": ({}, {"X": np.where(X > 8, np.nan, X)}, "X: .* contain NaN"),
    "equal rows": ({}, {"X": np.ones((60, 6))}, "X: all 60 rows .* are equal"),
    "negative weights": ({}, {"sample_weight": -np.ones(60)}, "[Nn]egative"),
    "no weights": (
        {},
        {"sample_weight": np.zeros(60)},
        "at least one non-zero|weight: only 0 of 60",
    ),
    "shrinkage above 1": ({"shrinkage": 1.5}, {}, "'shrinkage' parameter"),
    "unknown shrinkage": ({"shrinkage": "oas"}, {}, "'shrinkage' parameter"),
    "columns not a list": ({"columns": "site"}, {}, r"pass columns=\['site'\]"),
}


@pytest.mark.parametrize(("parameters", "arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input_gives_one_clear_error(parameters, arguments, message):
    arguments = {"X": X, "y": TABLE} | arguments
    with pytest.raises(ValueError, match=message):
        MetadataEraser(**parameters).fit(**arguments)


def test_other_width_of_new_rows():
    eraser = MetadataEraser(["site"]).fit(X, TABLE)
    with pytest.raises(ValueError, match="5 features"):
        eraser.transform(X[:, :5])
