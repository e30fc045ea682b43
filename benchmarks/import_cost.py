"""Time to import the package, side by side with scikit-learn and pandas.

Run from the repository: ``python -m benchmarks.import_cost``; half a minute. Every
import runs in an interpreter of its own, in turns, with compiled modules in place, as
after an installation; the end of the interpreter is not counted.
"""

import os
import statistics
import subprocess
import sys
import tempfile

import click

BASE = "import sklearn, pandas"
# Behind the base, since the order in which libraries load changes what they cost.
STATEMENTS = [
    BASE,
    f"{BASE}; import sklearn_wsca",
    f"{BASE}; from sklearn_wsca import utilization_test",
    f"{BASE}; from sklearn_wsca import WeightSpaceCorrelation",
    f"{BASE}; from sklearn_wsca import *",
    f"{BASE}; from sklearn.linear_model import LogisticRegression",
]
TIMED = """
import time
start = time.perf_counter()
{}
print(time.perf_counter() - start)
"""


def seconds(statement, compiled):
    """Time of one statement in a fresh interpreter that keeps modules in `compiled`."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", TIMED.format(statement)]
    shown = subprocess.run(command, check=True, capture_output=True, env=environment)
    return float(shown.stdout)


@click.command()
@click.option("--repeats", default=9, show_default=True)
@click.option("--quick", is_flag=True, help="Only show that everything runs.")
def main(repeats, quick):
    """Print the time of each statement relative to scikit-learn and pandas."""
    with tempfile.TemporaryDirectory() as compiled:
        rounds = [
            [seconds(statement, compiled) for statement in STATEMENTS]
            for _ in range(1 if quick else repeats + 1)
        ]
    timed = rounds if quick else rounds[1:]  # the first round compiles the modules
    medians = [statistics.median(column) for column in zip(*timed, strict=True)]
    for statement, median in zip(STATEMENTS, medians, strict=True):
        print(f"| `{statement}` | {median / medians[0]:.2f} |")


if __name__ == "__main__":
    main()
