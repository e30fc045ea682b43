import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from sklearn_wsca import WeightSpaceCorrelation, reference_cosines
from sklearn_wsca._displays.null_distribution import (
    NullDistributionDisplay,
    pair_cosines,
)
from sklearn_wsca.datasets import make_shortcut
from tests.pictures import assert_whole, shown, title_of, violins

M = 79
draw = NullDistributionDisplay.from_estimator


@pytest.fixture(scope="module")
def data():
    return make_shortcut(200, 16, rows_per_group=4, random_state=0)


def fit(data, **settings):
    """Fit columns that are rows of four to a patient, who is one of them."""
    analysis = WeightSpaceCorrelation(
        "target", target_head=data.head, n_permutations=M, random_state=0
    ).set_params(**{"columns": [*data.metadata.columns.drop("target")]} | settings)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_permutations")
        return analysis.fit(data.data, data.metadata)


@pytest.fixture(scope="module")
def fitted(data):
    return fit(data)


def observed_marks(display):
    (line,) = [line for line in display.ax_.lines if line.get_label() == "observed"]
    return line.get_xdata(), line.get_ydata()


@pytest.mark.parametrize("statistic", ["alignment", "utilization"])
def test_marks_are_the_numbers_of_the_estimator(fitted, statistic):
    # The fourth column names patients, who cannot be exchanged at fixed target.
    chosen = ["scanner", "age", "batch"]
    display = draw(fitted, statistic=statistic, columns=chosen)
    null, scores, pvalues, fwer = {
        "alignment": (
            fitted.null_distribution_,
            fitted.alignment_scores_,
            fitted.pvalues_,
            fitted.pvalues_fwer_,
        ),
        "utilization": (
            fitted.utilization_null_distribution_,
            fitted.utilization_raw_,
            fitted.utilization_pvalues_,
            fitted.utilization_pvalues_fwer_,
        ),
    }[statistic]
    null, scores, pvalues, fwer = (t[chosen] for t in (null, scores, pvalues, fwer))
    assert shown(display.ax_.get_yticklabels()) == chosen
    assert_array_equal(observed_marks(display)[0], scores)
    assert_array_equal(np.argsort(observed_marks(display)[1]), np.arange(3))
    bars = [line for line in display.ax_.lines if len(line.get_xdata()) == 2]
    expected = np.quantile(null, [0.025, 0.975], axis=0).T
    assert_allclose([line.get_xdata() for line in bars], expected)
    for violin, values in zip(violins(display), null.to_numpy().T, strict=True):
        corners = violin.get_paths()[0].vertices[:, 0]
        assert_allclose([corners.min(), corners.max()], [values.min(), values.max()])
    texts = [text.get_text() for text in display.ax_.texts]
    both = zip(pvalues, fwer, strict=True)
    assert texts == [f"p = {p:.2g} (FWER {f:.2g})" for p, f in both]


def test_axis_says_that_noise_is_still_in(fitted):
    label = draw(fitted, statistic="utilization").ax_.get_xlabel()
    assert "before noise is removed" in label and "at fixed 'target'" in label
    assert "noise" not in draw(fitted).ax_.get_xlabel()


def test_columns_can_be_chosen(fitted):
    everything = shown(draw(fitted).ax_.get_yticklabels())
    assert everything == list(fitted.alignment_scores_.index) and len(everything) == 4
    display = draw(fitted, columns=["scanner", "age"])
    assert shown(display.ax_.get_yticklabels()) == ["scanner", "age"]
    expected = fitted.alignment_scores_[["scanner", "age"]]
    assert_array_equal(observed_marks(display)[0], expected)
    pairs = draw(fitted, columns=["age"], kind="pairs")
    assert shown(pairs.ax_.get_yticklabels())[2:] == ["age"]
    assert_array_equal(observed_marks(pairs)[0], fitted.alignment_["age"].squeeze())


@pytest.mark.parametrize("columns", [["nobody"], [], "age"])
def test_bad_columns_are_named(fitted, columns):
    with pytest.raises(ValueError, match="columns"):
        draw(fitted, columns=columns)


def test_title_says_what_was_permuted_and_how_often(fitted, data):
    assert f"rows of each column permuted and its head refitted {M} times" in title_of(
        draw(fitted)
    )
    assert f"rows within levels of the target permuted {M} times" in title_of(
        draw(fitted, statistic="utilization")
    )
    flipped = fit(data, null="sign_flip")
    assert f"coordinates flipped at random {M} times" in title_of(draw(flipped))
    grouped = fit(data, groups="patient", adjust_for_target=True, columns=None)
    title = title_of(draw(grouped))
    assert "groups (patient), or rows within them, of each column" in title
    assert "within levels of the target" in title
    assert "groups within levels" in title_of(draw(grouped, statistic="utilization"))


def test_stopped_columns_show_the_permutations_that_were_drawn(data):
    stopped = fit(data, stop_after=15)
    assert stopped.null_distribution_.isna().any(axis=None)
    display = draw(stopped)
    assert f"up to {M} times" in title_of(display)
    assert all("FWER" not in text.get_text() for text in display.ax_.texts)
    assert len(violins(display)) == len(stopped.null_distribution_.columns)


def test_refused_columns_are_said_to_be_untested(data):
    y = data.metadata.assign(
        copy=np.where(data.metadata["target"] == data.metadata["target"][0], "p", "q")
    )
    refused = WeightSpaceCorrelation(
        "target", adjust_for_target=True, n_permutations=M, random_state=0
    ).set_params(columns=["scanner", "age", "batch", "copy"])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_permutations")
        refused.fit(data.data, y)
    for statistic in ("alignment", "utilization"):
        display = draw(refused, statistic=statistic, columns=["copy", "age"])
        assert shown(display.ax_.texts)[0] == "not tested"
        assert len(violins(display)) == 1
        assert_whole(display)


def test_all_untestable(data):
    y = data.metadata[["target"]].assign(copy=data.metadata["target"])
    analysis = WeightSpaceCorrelation("target", n_permutations=M, random_state=0)
    analysis.fit(data.data, y)
    display = draw(analysis, statistic="utilization")
    assert shown(display.ax_.texts) == ["not tested"]
    assert_whole(display)


def test_pairs_by_hand():
    index = pd.MultiIndex.from_tuples(
        [("t", "b"), ("s", 1), ("s", 2), ("s", 3)], names=["task", "class"]
    )
    values = np.array([[9, 1, 2, 3], [1, 9, 4, 5], [2, 4, 9, 6], [3, 5, 6, 9]]) / 10
    found = pair_cosines(pd.DataFrame(values, index, index))
    cosines = found.groupby("pair")["cosine"].apply(sorted)
    assert cosines["within heads"] == [0.4, 0.5, 0.6]
    assert cosines["between heads"] == [0.1, 0.2, 0.3]
    values[0, 1] = 0.7
    both_ways = pair_cosines(pd.DataFrame(values, index, index))
    assert len(both_ways) == 12 and 0.7 in both_ways["cosine"].tolist()


def test_pairs(fitted):
    display = draw(fitted, kind="pairs")
    names = shown(display.ax_.get_yticklabels())
    assert names[:2] == ["pairs within heads", "pairs between heads"]
    assert names[2:] == list(fitted.alignment_scores_.index)
    assert_array_equal(observed_marks(display)[0], fitted.alignment_.to_numpy().ravel())
    pairs = pair_cosines(fitted.correlation_)
    counts = pairs["pair"].value_counts()
    assert shown(display.ax_.texts) == [
        f"{counts['within heads']} pairs",
        f"{counts['between heads']} pairs",
    ]
    between = pairs.loc[pairs["pair"] == "between heads", "cosine"]
    (band,) = display.ax_.patches
    edges = band.get_path().get_extents(band.get_patch_transform()).intervalx
    assert_allclose(edges, np.quantile(between, [0.025, 0.975]))
    assert "no" in title_of(display).lower() and "test" in title_of(display)


def test_pairs_of_several_networks(data, fitted):
    other = make_shortcut(200, 16, rows_per_group=4, random_state=1)
    null = reference_cosines([fitted, fit(other, n_permutations=0)])
    display = NullDistributionDisplay(null, fitted.alignment_, kind="pairs").plot()
    names = shown(display.ax_.get_yticklabels())
    assert names[2:4] == ["pairs between networks", "same task of two networks"]
    assert names[4:] == list(fitted.alignment_scores_.index)
    counts = null["pair"].value_counts(sort=False)
    assert shown(display.ax_.texts) == [f"{n} pairs" for n in counts]
    assert len(violins(display)) == 4
    assert_whole(display)


def test_heads_of_one_row_have_no_pairs_within(data):
    analysis = fit(data, columns=["age"], n_permutations=0)
    display = draw(analysis, kind="pairs")
    texts = shown(display.ax_.texts)
    assert "no head has two rows" in texts and "0 pairs" in texts and "1 pair" in texts
    assert_whole(display)


def test_pairs_without_a_primary_head(data):
    analysis = WeightSpaceCorrelation(
        columns=["target", "scanner", "age", "batch", "patient"], n_permutations=0
    ).fit(data.data, data.metadata)
    display = draw(analysis, kind="pairs")
    assert len(violins(display)) == 2 and not len(observed_marks(display)[0])


def test_a_single_head_has_no_pairs_between(data):
    site = data.metadata[["scanner"]].assign(scanner=np.arange(200) % 3)
    analysis = WeightSpaceCorrelation(
        kinds={"scanner": "categorical"}, n_permutations=0
    ).fit(data.data, site)
    display = draw(analysis, kind="pairs")
    texts = shown(display.ax_.texts)
    assert "3 pairs" in texts and "0 pairs" in texts
    assert not display.ax_.patches
    assert_whole(display)


def test_missing_nulls_name_the_parameter(data):
    silent = fit(data, n_permutations=0)
    for statistic in ("alignment", "utilization"):
        with pytest.raises(ValueError, match="n_permutations=0"):
            draw(silent, statistic=statistic)
    no_target = fit(data, target=None, columns=["age", "scanner"])
    assert draw(no_target).ax_.get_xlabel().startswith("alignment score")
    with pytest.raises(ValueError, match="needs a target"):
        draw(no_target, statistic="utilization")
    no_head = fit(data, target=None, target_head=None, columns=["age", "scanner"])
    with pytest.raises(ValueError, match="needs a primary head"):
        draw(no_head)


def test_bad_arguments_are_named(fitted):
    with pytest.raises(ValueError, match="kind must be 'permutation' or 'pairs'"):
        draw(fitted, kind="x")
    with pytest.raises(ValueError, match="statistic must be"):
        draw(fitted, statistic="x")
    with pytest.raises(ValueError, match="statistic='alignment'"):
        draw(fitted, kind="pairs", statistic="utilization")
    with pytest.raises(NotFittedError):
        draw(WeightSpaceCorrelation())
