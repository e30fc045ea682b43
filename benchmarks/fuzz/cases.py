"""Cases of a format, one after the other, and how they are counted."""

import tempfile
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from benchmarks.fuzz.child import Child
from benchmarks.fuzz.good_files import FORMATS
from benchmarks.fuzz.mutations import mutate

BAD = ("crash", "hang", "more than 2 GB", "traceback", "accepted but wrong")
OUTCOMES = (
    *BAD,
    "refused",
    "accepted, right",
    "accepted, changed",
)


def available():
    """Formats whose libraries are installed."""
    return [kind for kind in FORMATS if not kind.needs or find_spec(kind.needs)]


def run_format(kind, numbers, seconds=60.0):
    """Outcome of each case, as dicts; a child process for this format alone."""
    with Child(seconds=seconds) as child:
        yield from run_cases(kind, numbers, child)


def run_cases(kind, numbers, child):
    """Outcome of each case, as dicts.

    Raises
    ------
    RuntimeError
        If the good file is not accepted.
    """
    with tempfile.TemporaryDirectory() as name:
        good, path = kind.make(Path(name)), Path(name) / f"case{kind.suffix}"
        path.write_bytes(good)
        accepted, truth = child.read(kind.reader, path)
        if accepted != "accepted":
            raise RuntimeError(f"{kind.name}: the good file is {accepted}: {truth}")
        for number in numbers:
            change, content, tells = mutate(kind, good, number)
            path.write_bytes(content)
            outcome, detail = child.read(kind.reader, path)
            if outcome == "accepted":
                right = detail == truth and change != "repeat_a_member"
                changed = "accepted but wrong" if tells else "accepted, changed"
                outcome = "accepted, right" if right else changed
            # The path of a case says nothing.
            detail = detail.replace(str(path), "FILE")
            yield {
                "format": kind.name,
                "number": number,
                "change": change,
                "outcome": outcome,
                "detail": detail,
            }


def count(results):
    """Table of the outcomes by format."""
    table = pd.DataFrame(results)
    counts = pd.crosstab(table["format"], table["outcome"])
    counts = counts.reindex(columns=OUTCOMES, fill_value=0)
    counts = counts.reindex([k.name for k in FORMATS if k.name in counts.index])
    counts.insert(0, "cases", counts.sum(axis=1))
    counts.loc["all"] = counts.sum()
    tells = {kind.name: ", ".join(kind.tells) or "-" for kind in FORMATS}
    counts.insert(1, "the format tells", [tells.get(name, "") for name in counts.index])
    return counts.rename_axis(index="format", columns=None)
