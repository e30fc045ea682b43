"""What a reading process may be asked for, and how it may end."""

import os
import signal
import sys
import time

from sklearn_wsca._native.refusals import OversizeError, RefusalError


def answer(file, max_size, text):
    """Parts of both kinds, and of no length."""
    yield {"text": text, "max_size": max_size}
    yield b""
    yield bytes(range(256)) * 1000


def print_much(file, max_size):
    """Print as libraries do, between parts."""
    sys.stdout.write("noise on standard output")
    sys.stdout.flush()
    os.write(1, b"more noise")
    yield "part"
    sys.stderr.write("error")


def refuse(file, max_size):
    """Refuse after a part."""
    yield "part"
    raise RefusalError("holds nothing; write it again.")


def exceed(file, max_size):
    """Find a size that is too large."""
    raise OversizeError("its table", 9 * 10**9, 634)
    yield


def lack(file, max_size):
    """Lack a package."""
    raise ImportError("not installed")
    yield


def fail(file, max_size):
    """Fail as libraries do."""
    raise KeyError("no such thing")
    yield


def crash(file, max_size):
    """Crash as native code does."""
    yield "part"
    os.kill(os.getpid(), signal.SIGSEGV)


def compute_for_ever(file, max_size):
    """Never come to an end."""
    yield os.getpid()
    while True:
        pass


def sleep_for_ever(file, max_size):
    """Wait for what never comes."""
    yield os.getpid()
    time.sleep(600)


def take_memory(file, max_size):
    """Allocate much more than the file is allowed."""
    yield len(bytearray(2 * 2**30))
