"""A process that reads for another: its answers, its ends, and its limits."""

import os
import resource
import signal
import subprocess
import sys
from functools import partial

import pytest

from sklearn_wsca._native import process
from sklearn_wsca._native.process import ReadingError, limit_process, read_apart
from sklearn_wsca._native.refusals import OversizeError, RefusalError

TASKS = "tests.native.tasks:"


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"content")
    return file


def ask(file, task, **arguments):
    return list(read_apart(f"{TASKS}{task}", file, None, **arguments))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_parts_come_as_they_were_sent(file):
    text = 'quotes " and \u00d8 \ud800'
    first, empty, numbers = ask(file, "answer", text=text)
    assert first == {"text": text, "max_size": None}
    assert empty == b"" and numbers == bytes(range(256)) * 1000


def test_what_libraries_print_is_no_part(file, capfd):
    assert ask(file, "print_much") == ["part"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        ("refuse", RefusalError, "holds nothing; write it again."),
        ("lack", ImportError, "not installed"),
        ("fail", ReadingError, "KeyError: 'no such thing'"),
        ("crash", ReadingError, "crashed in reading it: SIGSEGV"),
    ],
)
def test_errors_come_over(file, task, error, words):
    with pytest.raises(error, match=words):
        ask(file, task)


def test_sizes_come_over(file):
    with pytest.raises(OversizeError) as caught:
        ask(file, "exceed")
    found = caught.value
    assert (found.what, found.declared, found.stored) == ("its table", 9 * 10**9, 634)


@pytest.mark.parametrize(
    ("task", "limit"),
    [("compute_for_ever", "PROCESSOR_SECONDS"), ("sleep_for_ever", "SECONDS")],
)
def test_what_comes_to_no_end_is_stopped(file, task, limit, monkeypatch):
    monkeypatch.setattr(process, limit, 2)
    parts = read_apart(f"{TASKS}{task}", file, None)
    pid = next(parts)
    with pytest.raises(ReadingError, match="did not come to an end"):
        next(parts)
    assert not is_alive(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory elsewhere")
def test_memory_is_limited(file):
    with pytest.raises(MemoryError):
        ask(file, "take_memory")


def test_who_wants_no_more_ends_the_process(file):
    parts = read_apart(f"{TASKS}sleep_for_ever", file, None)
    pid = next(parts)
    assert is_alive(pid)
    parts.close()
    assert not is_alive(pid)


def test_interrupt_ends_both(file):
    """One that sleeps, because no limit of processor time would end it meanwhile.

    Tests that a shell runs in the background pass on that interrupts are ignored.
    """
    code = (
        "from pathlib import Path\n"
        "from sklearn_wsca._native.process import read_apart\n"
        f"parts = read_apart('{TASKS}sleep_for_ever', Path({str(file)!r}), None)\n"
        "print(next(parts), flush=True); next(parts)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as reader:
        pid = int(reader.stdout.readline())
        reader.send_signal(signal.SIGINT)
        reader.wait(60)
        assert "KeyboardInterrupt" in reader.stderr.read()
    assert not is_alive(pid)


def test_limits_of_a_process_are_never_raised(monkeypatch):
    set_limits = {}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (-1, 5))
    monkeypatch.setattr(resource, "setrlimit", set_limits.__setitem__)
    limit_process(10**9, 3)
    assert set_limits.pop(resource.RLIMIT_CPU) == (3, 5)
    assert all(limits == (5, 5) for limits in set_limits.values())
