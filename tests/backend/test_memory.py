"""Work in parts where memory runs short, and one clear error where it does not help."""

import numpy as np
import pytest

from sklearn_wsca._backend.memory import (
    MemoryShortageError,
    explain_shortage,
    in_parts,
    is_out_of_memory,
)

FULL = "Unable to allocate 3.00 GiB"


class Room:
    """Work for which at most so many items fit; remembers what it was asked for."""

    def __init__(self, most, error=None):
        self.most, self.error = most, error or MemoryError(FULL)
        self.asked = []

    def __call__(self, part):
        self.asked.append(len(part))
        if len(part) > self.most:
            raise self.error
        return list(part)


@pytest.mark.parametrize("most", [1, 2, 5, 7, 100])
@pytest.mark.parametrize("size", [1, 3, 16, 40])
def test_parts_cover_all_items_in_order(most, size):
    work = Room(most)
    parts = list(in_parts(work, range(3, 33), size))
    assert [item for part in parts for item in part] == list(range(3, 33))
    assert max(map(len, parts)) <= min(most, size)
    # What did not fit once is not tried again.
    assert sum(asked > most for asked in work.asked) <= 5


def test_parts_are_as_large_as_asked_for_where_there_is_room():
    assert list(map(len, in_parts(Room(100), range(10), 4))) == [4, 4, 2]
    assert list(in_parts(Room(100), range(4, 4), 4)) == []


def test_an_item_that_does_not_fit_alone_raises():
    work = Room(0)
    with pytest.raises(MemoryError, match=FULL):
        list(in_parts(work, range(8), 8))
    assert work.asked == [8, 4, 2, 1]


def test_other_errors_are_raised_at_once():
    work = Room(2, RuntimeError("no such thing"))
    with pytest.raises(RuntimeError, match=r"^no such thing$"):
        list(in_parts(work, range(8), 8))
    assert work.asked == [8]


def test_real_errors_of_numpy_are_known():
    with pytest.raises(MemoryError) as caught:
        np.empty(2**58)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(ValueError("out of memory"))
    assert not is_out_of_memory(RuntimeError("excessive memory usage"))


def test_real_errors_of_torch_are_known():
    torch = pytest.importorskip("torch")
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58)
    assert not isinstance(caught.value, MemoryError)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.cuda.OutOfMemoryError("CUDA out of memory."))


def test_shortage_is_explained_once():
    outer, inner = explain_shortage("b", "Do b."), explain_shortage("a", "Do a.")
    with pytest.raises(MemoryShortageError) as caught, outer, inner:
        raise MemoryError(FULL + "\nand more")
    assert str(caught.value) == f"a: memory does not suffice ({FULL}). Do a."
    with pytest.raises(RuntimeError, match=r"^no$"), explain_shortage("a", "Do a."):
        raise RuntimeError("no")
