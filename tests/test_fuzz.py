"""The fuzzer finds what goes wrong, and nothing goes wrong in a few hundred cases."""

import sys

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("click")
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="memory is measured in /proc"
)
if sys.platform == "linux":
    from benchmarks.fuzz.cases import BAD, available, count, run_cases
    from benchmarks.fuzz.child import Child
    from benchmarks.fuzz.mutations import MUTATIONS, mutate
    from benchmarks.fuzz.reading import digest
else:
    available = list
CASES = 25


@pytest.fixture(scope="module")
def child():
    with Child("tests.bad_readers") as child:
        yield child


@pytest.mark.parametrize(
    ("reader", "outcome"),
    [
        ("accepts", "accepted"),
        ("refuses", "refused"),
        ("two lines", "traceback"),
        ("traceback", "traceback"),
        ("out of memory", "traceback"),
        ("crash", "crash"),
        ("hang", "hang"),
        ("large", "more than 2 GB"),
        ("refuses", "refused"),
    ],
)
def test_what_goes_wrong_is_seen_and_the_next_file_is_read(child, reader, outcome):
    child.seconds = 2.0 if reader == "hang" else 60.0
    assert child.read(reader, "FILE")[0] == outcome


def test_content_is_compared_to_the_bit():
    values = [
        *(np.arange(3), np.arange(3.0), np.arange(3.0, dtype=np.float32)),
        *(np.array([0.0, 1.0, np.nan]), np.array([0.0, 1.0, -np.nan])),
        *(np.array(["a", None], object), np.array(["a", "None"], object)),
        *((np.arange(3), np.arange(2)), np.arange(6).reshape(2, 3)),
    ]
    assert len({digest(value) for value in values}) == len(values)
    assert digest(values[0]) == digest(values[0].copy())


@pytest.fixture(scope="module")
def reading():
    """One child for all formats: most of the time is the start of it."""
    with Child() as child:
        yield child


@pytest.mark.parametrize("kind", available(), ids=lambda kind: kind.name)
def test_damaged_files_are_refused_or_read_right(kind, tmp_path, reading):
    found = list(run_cases(kind, range(CASES), reading))
    bad = [case for case in found if case["outcome"] in BAD]
    assert bad == []
    outcomes = {case["outcome"] for case in found}
    assert "refused" in outcomes
    # The same number is the same case.
    good = kind.make(tmp_path)
    assert mutate(kind, good, 1) == mutate(kind, good, 1)
    changed = [mutate(kind, good, number)[1] for number in range(CASES)]
    assert len({*changed}) > CASES // 2


def test_every_change_is_made_and_the_table_counts():
    names = {
        mutate(kind, b"PK" + bytes(range(256)) * 4, number)[0]
        for kind in available()[:1]
        for number in range(60)
    }
    special = {"repeat_a_member", "lie_about_a_place"}
    assert names == {change.__name__ for change in MUTATIONS} - special
    results = [
        {"format": "npy", "outcome": outcome}
        for outcome in ("crash", "refused", "refused")
    ]
    table = count([*results, {"format": "npz", "outcome": "accepted but wrong"}])
    assert table.loc["npy", ["cases", "crash", "refused"]].tolist() == [3, 1, 2]
    assert table.loc["all", "accepted but wrong"] == 1
    assert table.loc["all", "cases"] == 4
