"""What is left where the command is killed (SIGKILL): old or new results, no mixture.

Run from the repository: ``python -m benchmarks.killed_runs --runs 200``; ten minutes.
It prints a table with a row per kind of moment: before every step of the system while
files are written (making, writing, renaming, removing), at random moments of writing,
and at random moments of a whole ``wsca demo``. Afterwards the folder must hold the
results of one run to the byte, and the next run must remove what the killed one left.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import click
import pandas as pd

from benchmarks.markdown import as_markdown

POSSIBLE = hasattr(os, "fork") and hasattr(signal, "SIGKILL")
ROOT = Path(__file__).parent.parent
STEPS = {"os.rename", "os.mkdir", "os.rmdir", "os.remove", "open", "ctypes.dlsym"}
STARTS = ("nothing", "old")
MOST_STEPS = 200
SECONDS_OF_WRITING = 0.1


def run(moments, seed, whole=0):
    """Counts by kind of moment, from a process of its own with a single thread."""
    command = [sys.executable, "-m", "benchmarks.killed_runs", "--json"]
    command += ["--moments", str(moments), "--runs", str(whole), "--seed", str(seed)]
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    environment = os.environ | threads | {"MPLBACKEND": "Agg"}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=environment
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


class Results:
    """Files of two runs, old and new, and what is found in a folder between them."""

    def __init__(self, folder, old, new):
        self.folder, self.old, self.new = folder, old, new
        self.out = folder / "out"
        self.found = dict.fromkeys(
            ("runs", "killed", "old", "new", "mixed", "left behind"), 0
        )

    def start(self, kind):
        """Have old results in the folder, or nothing."""
        from sklearn_wsca._cli._output import write_files

        clear(self.out)
        if kind == "old":
            write_files(self.out, self.old)

    def judge(self, kind, status):
        """Count what a process left, and whether the next run removes the rest."""
        from sklearn_wsca._cli._output import check_directory

        check_directory(self.out)
        there = read(self.out) if self.out.exists() else None
        before = {"nothing": None, "old": self.old}[kind]
        found = {"old": there == before, "new": there == self.new}
        self.found["runs"] += 1
        self.found["killed"] += os.WIFSIGNALED(status)
        self.found["old" if found["old"] else "new" if found["new"] else "mixed"] += 1
        rest = {path.name for path in self.folder.iterdir()} - {self.out.name}
        self.found["left behind"] += bool(rest)


def read(folder):
    """Files of a folder; what is no text is left to the comparison."""
    return {path.name: path.read_text("utf-8") for path in sorted(folder.iterdir())}


def clear(folder):
    """Remove a folder of files."""
    for path in folder.glob("*"):
        path.unlink()
    with suppress(FileNotFoundError):
        folder.rmdir()


def in_child(work, seconds=None):
    """Run a function in a child, and kill it after some seconds; its exit status."""
    child = os.fork()
    if not child:
        with suppress(BaseException):
            work()
            os._exit(0)
        os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("the child failed.")
    return status


def kill_at_step(number):
    """Have this process killed before so many steps were taken."""
    left = [number]

    def watch(event, _):
        if event in STEPS:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def at_each_step(results, exchange=True):
    """Kill before every step of writing, with and without older results."""
    from sklearn_wsca._cli import _switch
    from sklearn_wsca._cli._output import write_files

    def work(number):
        if not exchange:
            _switch.exchange = lambda *_: False
        kill_at_step(number)
        with suppress_output():
            write_files(results.out, results.new)

    for kind in STARTS:
        for number in range(1, MOST_STEPS):
            results.start(kind)
            status = in_child(partial(work, number))
            results.judge(kind, status)
            if not os.WIFSIGNALED(status):
                break
    return results.found


def while_writing(results, moments, generator):
    """Kill at random moments of writing old and new results in turns."""
    from sklearn_wsca._cli._output import write_files

    def work():
        while True:
            write_files(results.out, results.new)
            write_files(results.out, results.old)

    for _ in range(moments):
        results.start("old")
        seconds = generator.uniform(0.0, SECONDS_OF_WRITING)
        results.judge("old", in_child(work, seconds))
    return results.found


def in_a_run(results, runs, generator):
    """Kill at random moments of a whole run of the command."""

    def work():
        demo(results.out, 1)

    before = time.perf_counter()
    in_child(work)
    longest = time.perf_counter() - before
    for i in range(runs):
        kind = STARTS[i % 2]
        results.start(kind)
        seconds = generator.uniform(0.0, 1.1 * longest)
        results.judge(kind, in_child(work, seconds))
    return results.found


@contextmanager
def suppress_output():
    """Print nothing in this block, nor in what is below Python."""
    saved, sink = (
        [os.dup(number) for number in (1, 2)],
        os.open(os.devnull, os.O_WRONLY),
    )
    for number in (1, 2):
        os.dup2(sink, number)
    try:
        yield
    finally:
        sys.stdout.flush()
        for number, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(sink)


def demo(out, seed):
    """Run the demonstration without a word."""
    from sklearn_wsca._cli.commands import wsca

    options = ["--permutations", "99", "--seed", str(seed), "--out", str(out)]
    with suppress_output():
        wsca(["demo", *options], standalone_mode=False)


@click.command()
@click.option("--runs", default=200, show_default=True, help="Whole runs to kill.")
@click.option("--moments", default=200, show_default=True, help="Moments of writing.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print counts, not a table.")
@click.option("--quick", is_flag=True, help="Only show that everything runs.")
def main(runs, moments, seed, as_json, quick):
    """Print what killed runs left."""
    if quick:
        runs = moments = 2
    with tempfile.TemporaryDirectory() as name:
        found = count_all(Path(name), runs, moments, random.Random(seed))
    table = pd.DataFrame(found).T.rename_axis("moment")
    print(json.dumps(found) if as_json else as_markdown(table))


def count_all(folder, runs, moments, generator):
    """Counts by kind of moment."""
    for seed in (0, 1):
        demo(folder / f"run {seed}", seed)
    old, new = (read(folder / f"run {seed}") for seed in (0, 1))

    def fresh(name):
        (folder / name).mkdir()
        return Results(folder / name, old, new)

    found = {
        "at each step": at_each_step(fresh("a")),
        "at each step, folders cannot be exchanged": at_each_step(fresh("b"), False),
        "at random moments of writing": while_writing(fresh("c"), moments, generator),
    }
    if runs:
        found["at random moments of a run"] = in_a_run(fresh("d"), runs, generator)
    return found


if __name__ == "__main__":
    main()
