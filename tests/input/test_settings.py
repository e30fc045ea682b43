"""Numbers that an analysis is made with."""

from numbers import Integral

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import (
    AlignmentDisplay,
    MetadataEraser,
    UtilizationDisplay,
    WeightSpaceCorrelation,
    compare_utilization,
    intervention_test,
    performance_test,
    repair_test,
    screen_metadata,
    utilization_test,
    weight_randomisation_test,
)
from sklearn_wsca._input.settings import check_number, check_test_settings
from sklearn_wsca.datasets import make_shortcut

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize("value", [NAN, INFINITE, -INFINITE, np.float32("nan")])
def test_what_is_not_finite_is_refused_with_its_name(value):
    with pytest.raises(ValueError, match=r"^C == "):
        check_number(value, "C", min_val=0)


def test_finite_numbers_pass():
    check_number(0.5, "C", min_val=0, max_val=1)
    check_number(10**400, "n", Integral, min_val=0)
    check_test_settings(0, 0.5, 0.0)


@pytest.mark.parametrize(
    ("settings", "more", "message"),
    [
        ((-1, 0.05), {}, "n_permutations"),
        ((9.5, 0.05), {}, "n_permutations"),
        ((99, 0.0), {}, "significance"),
        ((99, 1.0), {}, "significance"),
        ((99, NAN), {}, "significance"),
        ((99, 0.05, -0.1), {}, "min_effect"),
        ((99, 0.05, NAN), {}, "min_effect"),
        ((99, 0.05, INFINITE), {}, "min_effect"),
        ((99, 0.05, 0.0), {"positive_effect": True}, "min_effect"),
        ((99, 0.5, 0.1), {"most_significance": 0.5}, "significance"),
    ],
)
def test_numbers_of_a_test_are_checked(settings, more, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        check_test_settings(*settings, **more)


STUDY = make_shortcut(60, 8, random_state=0)
X, TABLE = STUDY.data, STUDY.metadata
OUTPUTS = X @ STUDY.head[0].T
TARGET, SCANNER = TABLE["target"], TABLE["scanner"]
TWICE = np.vstack([OUTPUTS, OUTPUTS + 1.0])
MAPS = np.random.default_rng(0).random((20, 4, 4))


def repair(**numbers):
    eraser = MetadataEraser(["scanner"], target="target").fit(X, TABLE)
    return repair_test(STUDY.head, eraser, X, TABLE, **numbers)


def show_utilization(**numbers):
    names = ["utilization", "utilization_low", "utilization_high"]
    table = pd.DataFrame([[0.2, 0.1, 0.3]], ["c"], names).assign(
        minimum_detectable_effect=0.1, note="", verdict="used"
    )
    return UtilizationDisplay.from_table(table, **numbers)


TAKES = {
    "utilization_test": (
        lambda **given: utilization_test(OUTPUTS, SCANNER, target=TARGET, **given),
        ("n_permutations", "significance"),
    ),
    "performance_test": (
        lambda **given: performance_test(OUTPUTS, SCANNER, TARGET, **given),
        ("n_permutations", "significance"),
    ),
    "compare_utilization": (
        lambda **given: compare_utilization(
            OUTPUTS, 2.0 * OUTPUTS, SCANNER, target=TARGET, **given
        ),
        ("n_permutations", "significance", "min_effect"),
    ),
    "intervention_test": (
        lambda **given: intervention_test(
            TWICE, np.repeat(["a", "b"], 60), np.tile(np.arange(60), 2), **given
        ),
        ("n_permutations", "significance"),
    ),
    "repair_test": (repair, ("n_permutations", "significance", "min_effect")),
    "screen_metadata": (
        lambda **given: screen_metadata(TABLE, "target", **given),
        (
            "auroc",
            "intraclass_correlation",
            "n_permutations",
            "significance",
            "min_effect",
        ),
    ),
    "weight_randomisation_test": (
        lambda **given: weight_randomisation_test(MAPS, [MAPS], **given),
        ("n_permutations",),
    ),
    "WeightSpaceCorrelation": (
        lambda **given: WeightSpaceCorrelation(
            "target", target_head=STUDY.head, **given
        ).fit(X, TABLE),
        ("C", "alpha", "n_components", "min_effect", "significance"),
    ),
    "MetadataEraser": (
        lambda **given: MetadataEraser(["scanner"], **given).fit(X, TABLE),
        ("shrinkage",),
    ),
    "UtilizationDisplay": (show_utilization, ("min_effect", "confidence")),
    "AlignmentDisplay": (
        lambda **given: AlignmentDisplay(
            pd.DataFrame(np.eye(2), list("ab"), list("ab")), **given
        ).plot(),
        ("limit",),
    ),
}


@pytest.mark.parametrize("value", [NAN, INFINITE], ids=["nan", "inf"])
@pytest.mark.parametrize(
    ("function", "argument"),
    [(name, argument) for name, (_, own) in TAKES.items() for argument in own],
)
def test_no_public_number_may_be_nan_or_infinite(function, argument, value):
    with pytest.raises((TypeError, ValueError), match=rf"^(The ')?{argument}\b"):
        TAKES[function][0](**{argument: value})


def test_a_repair_needs_an_effect_that_matters():
    with pytest.raises(ValueError, match=r"^min_effect"):
        repair(min_effect=0.0)
