"""Permutations in rounds, until the stopping rule of Besag and Clifford ends them."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._alignment import null as alignment_null
from sklearn_wsca._permutation import rounds
from tests.reference import besag_clifford, make_study

SEEDS = [0, 1, 2]
# With seed 1 the unrelated column aligns by chance, p = 0.015.
UNALIGNED = [0, 2, 3]
M = 399
STOP = 5


def study(seed):
    """Embeddings with a column without signal and an echo of the target."""
    X, table = make_study(seed, n=150, d=24, shared=1.0)
    rng = np.random.default_rng(200 + seed)
    disease = table["disease"].to_numpy()
    wrong = rng.random(len(table)) < 0.05
    return X, pd.DataFrame(
        {
            "disease": disease,
            "unrelated": rng.permutation(table["site"].to_numpy()),
            "echo": np.where(wrong, rng.permutation(disease), disease),
            "sex": table["sex"],
            "age": table["age"],
        }
    )


def fit(seed, **parameters):
    parameters = {"n_permutations": M, "random_state": 0} | parameters
    return WeightSpaceCorrelation("disease", **parameters).fit(*study(seed))


# Where nothing is patched, the same analysis serves several tests.
fitted = cache(fit)


@pytest.mark.parametrize("seed", UNALIGNED)
def test_columns_without_signal_stop_early_and_strong_ones_never(seed):
    found = fitted(seed, stop_after=STOP)
    used = found.n_permutations_used_
    assert list(used.columns) == ["encoding", "alignment"]
    assert list(used.index) == list(found.pvalues_.index)
    assert (used.loc["unrelated"] <= 60).all()
    assert (used.loc["unrelated"] >= STOP).all()
    assert (used.loc["echo"] == M).all()
    assert used.loc["sex", "encoding"] == M
    assert found.pvalues_["echo"] == found.encoding_pvalues_["echo"] == 1 / (M + 1)
    assert found.pvalues_["unrelated"] == STOP / used.loc["unrelated", "alignment"]
    assert (
        found.encoding_pvalues_["unrelated"] == STOP / used.loc["unrelated", "encoding"]
    )


def test_all_permutations_are_used_without_a_stopping_rule():
    assert (fitted(0).n_permutations_used_ == M).all(axis=None)


@pytest.mark.parametrize("stop_after", [None, STOP])
def test_no_head_is_refitted_after_the_last_round(monkeypatch, stop_after):
    refit_scores, drawn = alignment_null.refit_scores, []

    def recorded(T, nulls, batch, **others):
        drawn.extend(batch)
        return refit_scores(T, nulls=nulls, batch=batch, **others)

    monkeypatch.setattr(alignment_null, "refit_scores", recorded)
    monkeypatch.setattr(rounds, "FIRST_ROUND", 60)
    found = fit(0, columns=["unrelated"], stop_after=stop_after)
    assert drawn == list(range(M if stop_after is None else 60))
    assert found.n_permutations_used_.loc["unrelated", "alignment"] <= len(drawn)


@pytest.mark.parametrize("null", ["permutation", "sign_flip"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_null_is_that_of_the_full_test_up_to_the_last_permute_used(seed, null):
    full, found = fitted(seed, null=null), fitted(seed, null=null, stop_after=STOP)
    pd.testing.assert_series_equal(found.alignment_scores_, full.alignment_scores_)
    assert found.null_distribution_.shape == full.null_distribution_.shape
    for name, used in found.n_permutations_used_["alignment"].items():
        kept, whole = found.null_distribution_[name], full.null_distribution_[name]
        assert kept[used:].isna().all()
        np.testing.assert_allclose(kept[:used], whole[:used], rtol=0, atol=1e-6)
        score = found.alignment_scores_[name]
        expected = besag_clifford(score, whole, STOP, tie=1e-6)
        assert (found.pvalues_[name], used) == expected
    assert found.null_distribution_.isna().any(axis=None)


@pytest.mark.parametrize("adjust", [False, True])
def test_there_are_qvalues_but_no_correction_by_max_t(adjust):
    found = fitted(0, stop_after=STOP, adjust_for_target=adjust)
    assert found.pvalues_fwer_.isna().all()
    assert found.summary_["alignment_pvalue_fwer"].isna().all()
    assert sum("max-T" in note for note in found.notes_) == 1
    tested = found.alignment_scores_.notna()
    assert tested.sum() > 1
    expected = stats.false_discovery_control(found.pvalues_[tested], method="bh")
    np.testing.assert_allclose(found.qvalues_[tested], expected)
    full = fitted(0, adjust_for_target=adjust)
    assert full.pvalues_fwer_[tested].notna().all()
    assert not any("max-T" in note for note in full.notes_)


@pytest.mark.parametrize(
    "changed",
    [
        {"_permutation.rounds.FIRST_ROUND": 7},
        {"_permutation.rounds.FIRST_ROUND": 1000},
        {"_alignment.null.PERMUTATIONS_PER_BATCH": 13},
        {
            "_permutation.rounds.FIRST_ROUND": 30,
            "_alignment.null.PERMUTATIONS_PER_BATCH": 50,
            "_encoding.null.FOLD_PERMUTATIONS_PER_BATCH": 17,
        },
    ],
)
def test_results_do_not_depend_on_how_many_permutations_are_drawn_at_a_time(
    monkeypatch, changed
):
    expected = fitted(1, stop_after=STOP)
    for name, value in changed.items():
        monkeypatch.setattr(f"sklearn_wsca.{name}", value)
    assert_same_tests(fit(1, stop_after=STOP), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_results_do_not_depend_on_the_number_of_workers(seed):
    assert_same_tests(
        fit(seed, stop_after=STOP, n_jobs=2), fitted(seed, stop_after=STOP)
    )


def assert_same_tests(found, expected):
    pd.testing.assert_frame_equal(
        found.n_permutations_used_, expected.n_permutations_used_
    )
    for name in ("pvalues_", "encoding_pvalues_", "qvalues_"):
        pd.testing.assert_series_equal(
            getattr(found, name), getattr(expected, name), rtol=0, atol=0
        )
    pd.testing.assert_frame_equal(
        found.null_distribution_, expected.null_distribution_, rtol=0, atol=1e-6
    )


def test_without_permutations_or_without_a_primary_head_none_are_used():
    assert (fit(0, stop_after=STOP, n_permutations=0).n_permutations_used_ == 0).all(
        axis=None
    )
    X, table = study(0)
    found = WeightSpaceCorrelation(
        None, columns=["unrelated"], n_permutations=M, stop_after=STOP, random_state=0
    ).fit(X, table)
    assert found.n_permutations_used_.loc["unrelated", "alignment"] == 0
    assert 0 < found.n_permutations_used_.loc["unrelated", "encoding"] < M


class TestGroups:
    """Jobs of several columns each; the first column is the most expensive."""

    def jobs(self, n_columns, n_batches, fewest, n_workers=1):
        """The jobs as (columns, permutations), and results by column."""
        names, made = list("abcdefgh"[:n_columns]), []

        def make_job(group, batch):
            made.append((group, batch))
            return lambda: [(name, batch) for name in group]

        batches = [range(100 * i, 100 * i + 100) for i in range(n_batches)]
        found: dict = {name: [] for name in names}
        runner = SimpleNamespace(
            n_workers=n_workers, run=lambda step, jobs: (job() for job in jobs)
        )
        for name, (own, batch) in rounds.run_groups(
            names, batches, make_job, runner, "step", fewest
        ):
            assert own == name
            found[name] += batch
        assert found == {name: list(range(100 * n_batches)) for name in names}
        return made

    @pytest.mark.parametrize("n_workers", [1, 2, 4, 16, 100])
    @pytest.mark.parametrize("n_columns", [1, 3, 8])
    def test_no_worker_is_without_a_job(self, n_columns, n_workers):
        fewest = rounds.JOBS_PER_WORKER * n_workers
        made = self.jobs(n_columns, 2, fewest, n_workers)
        assert len(made) >= n_workers
        sizes = [len(batch) for _, batch in made]
        assert sum(sizes) <= 200 * n_columns and min(sizes) >= 1

    def test_batches_are_not_split_without_need(self):
        made = self.jobs(8, 2, rounds.JOBS_PER_WORKER * 16, 16)
        assert {len(batch) for _, batch in made} == {100} and len(made) == 16

    def test_expensive_columns_come_first(self):
        made = self.jobs(3, 2, 6)
        assert [group[0] for group, _ in made] == ["a", "a", "b", "b", "c", "c"]

    @pytest.mark.parametrize(
        ("n_workers", "expected"), [(3, ["afg", "be", "cd"]), (1, ["adg", "be", "cf"])]
    )
    def test_one_job_for_every_worker_takes_about_as_long(self, n_workers, expected):
        """The last of the expensive columns gets the first of the cheap ones."""
        groups = [group for group, _ in self.jobs(7, 1, 3, n_workers)]
        assert ["".join(group) for group in groups] == expected
