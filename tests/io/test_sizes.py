"""Sizes that files declare, against the limit."""

import pytest

from sklearn_wsca.io import FileError, _sizes
from sklearn_wsca.io._sizes import check_unpacked_size


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    monkeypatch.setattr(_sizes, "memory_at_hand", lambda: 4 * 10**9)


@pytest.mark.parametrize(
    ("declared", "stored", "limit"),
    [
        (2 * 10**9, None, None),
        (2 * 10**9, 4 * 10**6, None),
        (2**24, 1, None),
        # Who sets a limit means it, whatever the memory and the compression.
        (9 * 10**9, 1, 9 * 10**9),
    ],
)
def test_content_within_the_limit(declared, stored, limit):
    check_unpacked_size("X.npz", "'X'", declared, stored, limit)
    with pytest.raises(FileError):
        check_unpacked_size("X.npz", "'X'", declared + 1, stored, limit)


@pytest.mark.parametrize(
    ("limit", "reason"), [(None, " (half of the memory at hand)"), (2 * 10**9, "")]
)
def test_message_has_both_numbers_and_the_option(limit, reason):
    expected = (
        "X.npz: 'X' would take 3.6 GB once unpacked, and the limit is 2 GB"
        f"{reason}; save embeddings as .npy, which is read from disk, or fewer rows, "
        "or raise the limit max_size (--max-size)."
    )
    with pytest.raises(FileError) as caught:
        check_unpacked_size("X.npz", "'X'", 3_600_000_000, None, limit)
    assert str(caught.value) == expected


def test_what_grows_like_a_bomb_is_named_so():
    expected = "would grow from 634 bytes to 1.8 GB once unpacked.*max_size"
    with pytest.raises(FileError, match=expected):
        check_unpacked_size("X.npz", "'X'", 1_800_000_000, 634)
