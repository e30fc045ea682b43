"""The same fits by two versions of the package, in turns on one machine.

Run from the repository: ``python -m benchmarks.before_and_after [STUDY ...]``. The
earlier version is a commit (``--before``); it is checked out into a folder of its own
and used with the packages of this environment. Every study is fitted by both in turns,
in processes of their own; of ``--repeats`` fits the fastest counts. ``--quick`` only
shows that everything runs.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
import pandas as pd

from benchmarks.markdown import as_markdown
from benchmarks.one_fit import AGE, PATIENT, TARGET, add_roles, make_decision
from benchmarks.studies import (
    describe_machine,
    make_embeddings,
    make_head,
    make_table,
    product_rate,
)

REPOSITORY = Path(__file__).parents[1]
RELEASED = "88443fe"
FULL = {"rows": 8007, "features": 2048, "columns": 11, "permutations": 999}
GRID = {"rows": 6000, "features": 768, "columns": 5, "permutations": 0}
CLASSES = {"rows": 10_000, "features": 64, "columns": 2, "permutations": 99}
SMALL = {"rows": 900, "features": 60}
# What a fit is asked; options under "after" are those that the earlier one lacks.
STUDIES = {
    "rows": FULL,
    "patients": FULL | {"patients": True},
    "confounder": FULL | {"confounder": True},
    "both": FULL | {"patients": True, "confounder": True},
    "one-worker": FULL | {"n_jobs": 1},
    "python-default": FULL | {"n_jobs": None, "threads": None},
    "grid": GRID | {"n_jobs": None, "after": {"diagnostics": False}},
    "classes-250": CLASSES | {"classes": 250},
    "classes-500": CLASSES | {"classes": 500},
}


@click.command()
@click.argument("studies", nargs=-1, type=click.Choice(list(STUDIES)))
@click.option("--before", default=RELEASED, help="Commit of the earlier version.")
@click.option("--repeats", default=1)
@click.option("--quick", is_flag=True)
def main(studies, before, repeats, quick):
    """Print a table of seconds before and after."""
    print(f"{describe_machine()}; {product_rate():.0f} GFLOP/s in single precision")
    rows = {}
    with tempfile.TemporaryDirectory() as name, earlier_version(before) as earlier:
        for study in studies or STUDIES:
            asked = STUDIES[study] | (quicker(STUDIES[study]) if quick else {})
            data = Path(name) / "study.npz"
            write_study(data, **asked)
            best = fit_in_turns(data, asked, earlier, repeats)
            rows[study] = describe(*best)
            print(study, rows[study], flush=True)
    print(as_markdown(pd.DataFrame.from_dict(rows, "index").rename_axis("study")))


def quicker(asked):
    """Sizes with which everything runs in seconds."""
    return SMALL | {
        "columns": 2,
        "permutations": min(asked["permutations"], 19),
        "classes": min(asked.get("classes", 4), 5),
    }


@contextmanager
def earlier_version(commit):
    """Check a commit out, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        files = subprocess.run(
            ["git", "archive", commit, "sklearn_wsca"],
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
        )
        subprocess.run(["tar", "-x", "-C", folder], input=files.stdout, check=True)
        yield Path(folder)


def write_study(
    path, rows, features, columns, classes=4, patients=False, confounder=False, **_
):
    """Write embeddings, metadata and the trained head of a study."""
    X = make_embeddings(rows, features)
    table = make_table(X, n_columns=columns).iloc[:, :columns].copy()
    head, table[TARGET] = make_decision(X, make_head(features, classes))
    add_roles(table, X, 3 if patients else 0, confounder)
    np.savez(
        path,
        X=X,
        coef=head.coef,
        intercept=head.intercept,
        names=list(table),
        **{f"column_{i}": table[name].tolist() for i, name in enumerate(table)},
    )


def fit_in_turns(data, asked, earlier, repeats):
    """Results of the fastest fit of each version."""
    options = {
        "target": TARGET,
        "n_permutations": asked["permutations"],
        "n_jobs": asked.get("n_jobs", -1),
        "random_state": 0,
    }
    if asked.get("patients"):
        options["groups"] = PATIENT
    if asked.get("confounder"):
        options["confounders"] = [AGE]
    found = {earlier: [], REPOSITORY: []}
    for _ in range(repeats):
        for where, results in found.items():
            own = asked.get("after", {}) if where is REPOSITORY else {}
            results.append(one_fit(where, data, options | own, asked.get("threads", 1)))
    return [min(results, key=lambda r: r["seconds"]) for results in found.values()]


def one_fit(where, data, options, n_threads):
    """Fit with the package in a folder, with so many threads of linear algebra."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    threads = {} if n_threads is None else dict.fromkeys(names, str(n_threads))
    # As a file: the folder of this repository is then not searched for the package.
    script = Path(__file__).with_name("fit_of_any_version.py")
    output = subprocess.run(
        [sys.executable, str(script), str(where), str(data), json.dumps(options)],
        env=os.environ | threads | {"PYTHONPATH": str(where)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=where,
    )
    return json.loads(output.stdout)


def describe(before, after):
    """One row of the table."""
    return {
        "before": f"{before['seconds']:.1f} s",
        "after": f"{after['seconds']:.1f} s",
        "times as fast": f"{before['seconds'] / after['seconds']:.2f}",
        "above the inputs": f"{before['above_gb']:.2f} -> {after['above_gb']:.2f} GB",
    }


if __name__ == "__main__":
    main()
