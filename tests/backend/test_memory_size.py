"""Sizes as users write them, and how much memory there is."""

import os
import resource

import pytest

from sklearn_wsca._backend import memory_size
from sklearn_wsca._backend.memory_size import describe_size, memory_at_hand, read_size


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (None, None),
        (1, 1),
        ("8GB", 8 * 10**9),
        ("1.5 gib", 3 * 2**29),
        (" 20kB ", 20_000),
        ("512MiB", 2**29),
        ("7B", 7),
        ("2TB", 2 * 10**12),
    ],
)
def test_sizes_are_bytes_or_text_with_a_unit(size, expected):
    assert read_size(size) == expected


@pytest.mark.parametrize(
    "size", ["8", "GB", "-1GB", "8 XB", "8GBs", "1e9B", "0GB", "", 0, -5, True, "nanB"]
)
def test_what_is_no_size_is_refused(size):
    with pytest.raises(ValueError, match=r"^max_size: .* is no size; write a number"):
        read_size(size)


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (999_600, "1 MB"),
        (3_600_000_000, "3.6 GB"),
        (8 * 10**18, "8e+03 PB"),
    ],
)
def test_sizes_in_words(n_bytes, words):
    assert describe_size(n_bytes) == words


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine of 16 GiB whose control groups lie in a folder."""
    pages = {"SC_PHYS_PAGES": 2**22, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    monkeypatch.setattr(
        resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY,) * 2
    )
    monkeypatch.setattr(memory_size, "CGROUP", tmp_path / "cgroup")
    roots = ((str(tmp_path), "memory.max"), (str(tmp_path / "old"), "limit"))
    monkeypatch.setattr(memory_size, "CGROUP_LIMITS", roots)
    return tmp_path


def test_memory_is_that_of_the_machine(machine):
    assert memory_at_hand() == 16 * 2**30


@pytest.mark.parametrize("missing", ["function", "value"])
def test_machine_that_does_not_tell_its_memory(machine, monkeypatch, missing):
    def refuse(name):
        raise ValueError("unrecognized configuration name")

    if missing == "function":
        monkeypatch.delattr(os, "sysconf")
    else:
        monkeypatch.setattr(os, "sysconf", refuse)
    assert memory_at_hand() == memory_size.MEMORY_IF_UNKNOWN


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("0::/job/step", "job/step/memory.max"),
        ("0::/job/step", "job/memory.max"),
        # In a container the group is the root of what is seen.
        ("0::/job/step", "memory.max"),
        ("7:memory:/job", "old/job/limit"),
    ],
)
def test_memory_is_that_of_the_container(machine, line, file):
    (machine / "cgroup").write_text(f"{line}\n")
    limit = machine / file
    limit.parent.mkdir(parents=True, exist_ok=True)
    limit.write_text("max\n")
    assert memory_at_hand() == 16 * 2**30
    limit.write_text(f"{2**31}\n")
    assert memory_at_hand() == 2**31


def test_memory_is_what_ulimit_leaves(machine, monkeypatch):
    limits = {resource.RLIMIT_AS: 2**33, resource.RLIMIT_DATA: 2**32}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits[kind], -1))
    assert memory_at_hand() == 2**32
