"""Time to import the package, side by side with scikit-learn and pandas.

Run from the repository: ``python -m benchmarks.import_cost``; half a minute. Every
import runs in an interpreter of its own, in turns.
"""

import statistics
import subprocess
import sys
import time

import click

BASE = "import sklearn, pandas"
STATEMENTS = [
    BASE,
    "import sklearn, pandas, sklearn_wsca",
    "from sklearn_wsca import utilization_test",
    "from sklearn_wsca import WeightSpaceCorrelation",
    "from sklearn_wsca import *",
    "from sklearn.linear_model import LogisticRegression",
]


def seconds(statement):
    """Time of a fresh interpreter with one statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


@click.command()
@click.option("--repeats", default=9, show_default=True)
@click.option("--quick", is_flag=True, help="Only show that everything runs.")
def main(repeats, quick):
    """Print the time of each statement relative to scikit-learn and pandas."""
    rounds = [[seconds(s) for s in STATEMENTS] for _ in range(1 if quick else repeats)]
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    for statement, median in zip(STATEMENTS, medians, strict=True):
        print(f"| `{statement}` | {median / medians[0]:.2f} |")


if __name__ == "__main__":
    main()
