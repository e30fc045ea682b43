"""A single row that decides in which unit utilization is told."""

import warnings

import numpy as np
import pytest

from sklearn_wsca import WeightSpaceCorrelation, utilization_test
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.extremes import describe_extreme
from sklearn_wsca.datasets import make_shortcut


def decision_of(outputs, weights=None):
    weights = np.ones(len(outputs)) if weights is None else weights
    return Decision(outputs, None, weights, None, [], None)


@pytest.mark.parametrize("row", [0, 311])
def test_a_broken_row_is_named_with_its_share(row):
    rng = np.random.default_rng(0)
    outputs = 50.0 + 2.0 * rng.standard_normal((600, 3))
    outputs[row, 1] += 90.0
    found = describe_extreme(decision_of(outputs), np.arange(600) + 1000)
    share = 90.0**2 / (90.0**2 + 600 * 3 * 4.0)
    assert f"row {row + 1000} (from 0) alone holds" in found
    assert int(found.split("holds ")[1].split("%")[0]) == pytest.approx(
        100 * share, abs=4
    )
    weights = np.ones(600)
    weights[row] = 1e-3
    assert describe_extreme(decision_of(outputs, weights), np.arange(600)) == ""


@pytest.mark.parametrize("n", [100, 300])
@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential"])
def test_ordinary_outputs_are_left_alone(n, draw):
    for seed in range(40):
        outputs = getattr(np.random.default_rng(seed), draw)((n, 1))
        assert describe_extreme(decision_of(7.0 + outputs), np.arange(n)) == ""


def test_it_is_warned_of_and_withholds_not_used():
    study = make_shortcut(use=0.0, encoding=2.0, random_state=0, n_samples=1500)
    coef, intercept = study.head
    settings = {"target_head": study.head, "held_out": True, "n_permutations": 99}
    analysis = WeightSpaceCorrelation("target", random_state=0, **settings)
    table = study.metadata.assign(target=study.target)
    assert analysis.fit(study.data, table).verdicts_["scanner"] == "not used"
    X = np.array(study.data)
    X[7] *= 300.0
    with pytest.warns(UserWarning, match=r"outputs: row 7 \(from 0\) alone holds"):
        broken = analysis.fit(X, table)
    assert broken.verdicts_["scanner"] == "inconclusive"
    sound = analysis.fit(study.data, table)
    with pytest.warns(UserWarning, match=r"outputs: row 7 \(from 0\)") as warned:
        audited = sound.audit(X, table)
    assert {warning.filename for warning in warned} == {__file__}
    assert audited.loc["scanner", "verdict"] == "inconclusive"
    with pytest.warns(UserWarning, match=r"row 7 \(from 0\)"):
        utilization_test(
            X @ coef.T + intercept,
            study.metadata["scanner"],
            target=study.target,
            n_permutations=0,
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        utilization_test(
            study.data @ coef.T + intercept,
            study.metadata["scanner"],
            target=study.target,
            n_permutations=0,
        )
