"""Readers that go wrong in every way that the fuzzer counts."""

import os
import time

import numpy as np

from sklearn_wsca.io import FileError


def fail(error):
    def read(path):
        raise error

    return read


READERS = {
    "accepts": lambda path: np.arange(3.0),
    "refuses": fail(FileError("FILE: is damaged.")),
    "two lines": fail(FileError("FILE:\nis damaged.")),
    "traceback": fail(KeyError("x")),
    "out of memory": fail(MemoryError()),
    "crash": lambda path: os.abort(),
    "hang": lambda path: time.sleep(600),
    "large": lambda path: np.ones(280_000_000).sum(),
}
