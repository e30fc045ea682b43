"""A child process that reads files, with limits of time and memory."""

import json
import os
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_MEMORY = 2 * 1024**3
SECONDS_TO_START = 120.0


class Child:
    """Reads one file after the other; a new one takes over when one has died.

    Parameters
    ----------
    readers : str
        Module with a dict `READERS`.
    seconds : float
        After so many a file counts as a hang.
    """

    def __init__(self, readers="benchmarks.fuzz.reading", seconds=60.0):
        self.readers, self.seconds = readers, seconds
        self.process = None

    def read(self, reader, path):
        """Outcome of a file, and what was said or what its content is."""
        if self.process is None:
            self._start()
        line = json.dumps({"reader": reader, "path": str(path)}) + "\n"
        with suppress(BrokenPipeError):
            self.process.stdin.write(line.encode())
            self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], self.seconds)[0]:
            self.close()
            return "hang", f"more than {self.seconds:g} s"
        answer = self.process.stdout.readline()
        if not answer:
            status = self.process.wait()
            self.close()
            return "crash", f"exit status {status}"
        found = json.loads(answer)
        if found["peak"] > MOST_MEMORY:
            # A new child, because the peak of what this one started stays.
            self.close()
            return "more than 2 GB", f"{found['peak'] / 1e9:.1f} GB"
        return found["outcome"], found["detail"]

    def _start(self):
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fuzz.reading", self.readers],
            cwd=ROOT,
            env=os.environ | threads,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        started = [self.process.stdout]
        if not select.select(started, [], [], SECONDS_TO_START)[0]:
            self.close()
            raise TimeoutError(f"no child started in {SECONDS_TO_START:g} s")
        self.process.stdout.readline()

    def close(self):
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
