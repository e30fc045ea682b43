"""What units contribute to the errors of two networks."""

import numpy as np
import pytest

from sklearn_wsca import utilization_test
from sklearn_wsca._comparison.contributions import pair_networks
from sklearn_wsca._input.column import LeftOutError
from sklearn_wsca._utilization.samples import read_samples
from tests.comparison.studies import draw


@pytest.mark.parametrize("groups", [False, True])
def test_each_network_has_its_own_utilization(groups):
    study = draw(use_a=0.3, use_b=0.1, n_patients=90 if groups else None)
    pair = study.pair(groups=groups)
    patients = study.table["patient"] if groups else None
    for own, outputs in ((pair.a, study.a), (pair.b, study.b)):
        alone = utilization_test(
            outputs,
            study.table["scanner"],
            target=study.table["disease"],
            groups=patients,
            n_permutations=0,
        )
        # Groups weigh by what both networks share, not by one alone.
        assert own.raw == pytest.approx(alone.raw, rel=0.05 if groups else 1e-9)
        assert own.square == pytest.approx(
            alone.utilization**2, rel=0.1 if groups else 1e-6
        )
    assert pair.a.n_units == (study.table["patient"].nunique() if groups else 300)
    assert pair.a.raw > 1.5 * pair.b.raw


@pytest.mark.parametrize("groups", [False, True])
def test_contributions_of_units_are_the_noise_of_the_effects(groups):
    study = draw(use_a=0.3, use_b=0.1, n_patients=60 if groups else None)
    own = study.pair(groups=groups).a
    errors = np.stack([errors for errors, _ in own.blocks()], axis=1)
    assert errors.shape == (own.n_units, *own.effects.shape)
    # They are centred over units, which loses next to nothing.
    assert np.sum(errors**2) == pytest.approx(own.noise.mean_square, rel=0.02)
    np.testing.assert_allclose(own.along, np.sum(errors * own.direction, (1, 2)))
    assert np.linalg.norm(own.along) == pytest.approx(own.noise.along, rel=0.02)


def test_the_correlation_of_the_errors_is_that_over_studies():
    found, lengths = [], []
    for seed in range(60):
        pair = draw(seed, use_a=0.3, use_b=0.3, shared=0.8).pair()
        found.append(pair.correlation)
        lengths.append((pair.a.raw, pair.b.raw))
    expected = np.corrcoef(np.transpose(lengths))[0, 1]
    assert expected > 0.5
    assert np.mean(found) == pytest.approx(expected, abs=0.2)


def test_networks_that_are_the_same_but_for_their_unit_have_no_distance():
    study = draw(use_a=0.3)
    study.b = 5.0 * study.a + 3.0
    pair = study.pair()
    assert pair.difference == pytest.approx(0.0, abs=1e-12)
    assert pair.distance()[0] == pytest.approx(0.0, abs=1e-9)
    assert pair.correlation == pytest.approx(1.0)
    study.b = -study.a
    pair = study.pair()
    assert pair.distance()[0] == pytest.approx(2.0 * pair.a.raw)


def test_rows_of_units_are_rows_of_the_table():
    study = draw(n_patients=40)
    study.table.loc[study.table.index % 7 == 0, "scanner"] = None
    pair = study.pair()
    assert pair.a.n_units == study.table["scanner"].notna().sum()
    assert len(pair.first_rows) == pair.a.n_units
    assert len(study.pair(groups=True).first_rows) <= 40


@pytest.mark.parametrize("name", ["outputs_a", "outputs_b"])
def test_outputs_that_do_not_vary_are_refused(name):
    study = draw()
    outputs = {"outputs_a": study.a, "outputs_b": study.b}
    outputs[name] = np.full(len(study.a), 1e6) + 1e-9
    given = read_samples(
        outputs,
        study.table["scanner"],
        target=study.table["disease"],
        confounders=None,
        groups=None,
        kinds=None,
        adjustment="spline",
        stacklevel=2,
    )
    with pytest.raises(LeftOutError, match=f"{name} do not vary"):
        pair_networks(*given.decisions, given.tested["scanner"])


def test_too_few_groups_are_refused():
    study = draw(n_patients=6)
    study.table["scanner"] = np.resize(["A", "B"], len(study.a))
    with pytest.raises(LeftOutError, match="compared on 6 groups, and at least 8"):
        study.pair(groups=True)
