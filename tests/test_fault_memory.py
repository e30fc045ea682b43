"""Memory that runs out: smaller parts with the same result, or one clear error."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import (
    WeightSpaceCorrelation,
    compare_utilization,
    screen_metadata,
    utilization_test,
)
from sklearn_wsca._backend.memory import MemoryShortageError
from sklearn_wsca._features.maps import FeatureMaps, survey_maps
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._permutation.plan import PermutationPlan

FULL = "Unable to allocate 3.00 GiB"

# The limit counts from what the process has when the step begins. Without the last
# argument the fit does not know that an error means want of memory.
LIMITED_FIT = """
import json, re, resource, sys
from pathlib import Path
import numpy as np, pandas as pd
from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._backend import memory
from sklearn_wsca._backend.progress import watch_progress

step, spare, halves = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "in halves"
_, hard = resource.getrlimit(resource.RLIMIT_AS)

def watcher(name, done, total):
    if done == 0 and name == step:
        status = Path("/proc/self/status").read_text()
        used = 1024 * int(re.search(r"VmSize:\\s+(\\d+)", status)[1])
        resource.setrlimit(resource.RLIMIT_AS, (used + spare, hard))
    if done == total and name == step:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))

if not halves:
    memory.is_out_of_memory = lambda error: False
generator = np.random.default_rng(0)
n = 30_000
scales = np.geomspace(0.1, 10.0, 6)
X = (generator.normal(size=(n, 6)) * scales + 3.0).astype(np.float32)
table = pd.DataFrame({
    "site": generator.choice(list("abc"), n), "disease": generator.choice(["u", "v"], n)
})
estimator = WeightSpaceCorrelation(
    "disease", target_head=np.arange(1.0, 7.0), n_permutations=199, random_state=0
)
with watch_progress(watcher if spare else lambda *told: None):
    estimator.fit(X, table)
print(json.dumps({
    "p": [estimator.pvalues_["site"], estimator.encoding_pvalues_["site"],
          estimator.utilization_pvalues_["site"]],
    "null": estimator.null_distribution_["site"].tolist(),
    "summary": estimator.summary_["utilization"].tolist(),
}))
"""


def limited_fit(step="utilization", spare=0, how="in halves"):
    """Fit in a process whose memory is limited during a step."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED_FIT, step, str(spare), how],
        capture_output=True,
        text=True,
        timeout=90,
        # Memory that is given back is given back at once.
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def undisturbed():
    done = limited_fit()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited by RLIMIT_AS")
@pytest.mark.parametrize(
    ("step", "megabytes"),
    # The last one prepares copies of all rows, which are not made in parts.
    [("encoding null", 10), ("alignment null", 4), ("utilization", 20)],
)
def test_permutations_that_do_not_fit_are_halved(step, megabytes, undisturbed):
    spare = megabytes * 2**20
    refused = limited_fit(step, spare, "not at all")
    assert refused.returncode == 1
    assert "MemoryError: Unable to allocate" in refused.stderr
    done = limited_fit(step, spare)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["p"] == undisturbed["p"]
    assert 0.005 < min(found["p"]) <= max(found["p"]) < 1.0
    # Fits of so many rows are made in single precision.
    np.testing.assert_allclose(found["null"], undisturbed["null"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(found["summary"], undisturbed["summary"], rtol=1e-9)


# --- where it is used ----------------------------------------------------------------


class Chunks:
    """An array on disk of which at most so many rows are read in one go."""

    def __init__(self, array, most):
        self.array, self.most = array, most
        self.shape, self.dtype = array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        found = self.array[rows]
        if isinstance(rows, slice) and len(found) > self.most:
            raise MemoryError(FULL)
        return found


def make_data(n=90, d=5):
    generator = np.random.default_rng(1)
    X = generator.normal(size=(n, d)) * np.geomspace(0.1, 10.0, d) + 2.0
    table = pd.DataFrame(
        {
            "site": generator.choice(list("abc"), n),
            "disease": generator.choice(["u", "v"], n),
        }
    )
    return X, table


def fit(X, table, **options):
    estimator = WeightSpaceCorrelation(
        "disease",
        target_head=np.arange(1.0, 6.0),
        **{"n_permutations": 59, "random_state": 0} | options,
    )
    return estimator.fit(X, table)


def assert_same(found, expected):
    words = ["note", "verdict", "kind", "consequence"]
    names = found.summary_.columns.drop(words)
    np.testing.assert_allclose(
        found.summary_[names].astype(float),
        expected.summary_[names].astype(float),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        found.null_distribution_, expected.null_distribution_, rtol=0, atol=1e-6
    )
    assert expected.null_distribution_.std().min() > 0


@pytest.mark.parametrize("most", [1, 7, 60])
def test_embeddings_are_read_in_smaller_blocks(most):
    X, table = make_data()
    kept = np.arange(len(X)) % 3 > 0
    blocks = list(Embeddings(Chunks(X, most), kept).blocks())
    assert len(blocks) > 1
    np.testing.assert_array_equal(np.concatenate([b for _, b in blocks]), X[kept])
    ends = [rows.stop for rows, _ in blocks]
    assert [rows.start for rows, _ in blocks] == [0, *ends[:-1]]
    assert_same(fit(Chunks(X, most), table), fit(X, table))


@pytest.mark.parametrize("most", [1, 7, 60])
def test_feature_maps_are_read_in_smaller_pieces(most):
    generator = np.random.default_rng(2)
    A = (
        generator.gamma(2.0, 1.0, size=(90, 4, 3, 3))
        * np.geomspace(1.0, 9.0, 4)[:, None, None]
    )
    head = generator.normal(size=(2, 4))
    maps = FeatureMaps.of(Chunks(A, most))
    assert len(list(maps.pieces())) > 1
    found, expected = survey_maps(maps, head), survey_maps(FeatureMaps.of(A), head)
    for name in ("pooled", "lowest", "highest", "map_means"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert np.ptp(expected.pooled) > 1.0


@pytest.fixture
def limit_orders(monkeypatch):
    """Let at most so many permutations be drawn in one go."""
    draw, asked = PermutationPlan.orders, []

    def limit(most, error):
        def orders(self, batch, like=None):
            asked.append(len(batch))
            if len(batch) > most:
                raise error
            return draw(self, batch, like)

        monkeypatch.setattr(PermutationPlan, "orders", orders)
        return asked

    return limit


@pytest.mark.parametrize("adjust", [False, True])
def test_permutations_of_fits_under_other_weights_are_halved(limit_orders, adjust):
    X, table = make_data()
    options = {"adjust_for_target": adjust, "confounders": None}
    expected = fit(X, table, **options)
    asked = limit_orders(5, MemoryError(FULL))
    found = fit(X, table, **options)
    assert max(asked) > 5
    assert_same(found, expected)


def test_accelerator_without_memory_gets_fewer_permutations(limit_orders):
    torch = pytest.importorskip("torch")
    pytest.importorskip("array_api_compat")
    X, table = make_data()
    X = torch.asarray(X)
    expected = fit(X, table)
    error = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    asked = limit_orders(5, error)
    assert_same(fit(X, table), expected)
    assert max(asked) > 5


def test_permutations_of_a_table_are_halved(limit_orders):
    table = make_data()[1]
    options = {"target": "disease", "n_permutations": 19, "random_state": 0}
    expected = screen_metadata(table, **options).to_dict()
    asked = limit_orders(5, MemoryError(FULL))
    assert screen_metadata(table, **options).to_dict() == expected
    assert max(asked) > 5


def test_permutations_of_an_audit_are_halved(limit_orders):
    X, table = make_data()
    fitted = fit(X, table)
    words = ["note", "verdict", "kind", "consequence"]
    expected = fitted.audit(X[::-1], table[::-1]).drop(columns=words)
    asked = limit_orders(5, MemoryError(FULL))
    found = fitted.audit(X[::-1], table[::-1]).drop(columns=words)
    assert max(asked) > 5
    pd.testing.assert_frame_equal(found, expected)


@pytest.fixture
def limit_signs(monkeypatch):
    """Let at most four sign vectors be drawn in one go."""
    draw, asked = PermutationPlan.signs, []

    def signs(self, batch, k):
        asked.append(len(batch))
        if len(batch) > 4:
            raise MemoryError(FULL)
        return draw(self, batch, k)

    def limit():
        monkeypatch.setattr(PermutationPlan, "signs", signs)
        return asked

    return limit


def test_sign_flips_are_halved(limit_signs):
    X, table = make_data()
    expected = fit(X, table, null="sign_flip")
    asked = limit_signs()
    assert_same(fit(X, table, null="sign_flip"), expected)
    assert max(asked) > 4


def test_signs_of_two_networks_are_halved(limit_signs):
    X, table = make_data()

    def compare():
        return compare_utilization(
            X[:, 0],
            X[:, 1],
            table["site"],
            target=table["disease"],
            check_head=False,  # Features, which predict nothing.
            random_state=0,
        )

    expected = compare()
    asked = limit_signs()
    assert compare().to_dict() == expected.to_dict()
    assert max(asked) > 4


def test_not_even_one_permute_fits(limit_orders):
    X, table = make_data()
    limit_orders(0, MemoryError(FULL))
    message = r"^step 'encoding null': memory does not suffice \(Unable .*n_jobs=1"
    with pytest.raises(MemoryShortageError, match=message):
        fit(X, table)
    told = r"^permutations: memory .* fewer rows"
    with pytest.raises(MemoryShortageError, match=told):
        utilization_test(X[:, 0], table["site"], target=table["disease"])


def test_not_even_one_row_fits():
    X, table = make_data()
    message = r"^X: memory does not suffice \(Unable .*\)\. Use fewer .* rows"
    with pytest.raises(MemoryShortageError, match=message):
        fit(Chunks(X, 0), table)


def test_command_line_says_so_in_one_line(limit_orders, tmp_path):
    testing = pytest.importorskip("click.testing")
    for package in ("rich", "jinja2", "matplotlib"):
        pytest.importorskip(package)
    from sklearn_wsca._cli.commands import wsca

    limit_orders(0, MemoryError(FULL))
    out = tmp_path / "report"
    command = ["demo", "--permutations", "99", "--out", str(out)]
    result = testing.CliRunner().invoke(wsca, command)
    assert result.exit_code == 2
    assert result.stderr.startswith("wsca: step 'encoding null': memory does not")
    assert result.stderr.count("\n") == 1
    assert not out.exists()
