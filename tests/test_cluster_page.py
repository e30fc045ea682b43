"""The machines of the page on large data are started, all of them this one."""

import os
import re
import shlex
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut

pytest.importorskip("distributed")
pytest.importorskip("click")

from tests.pages import DOCS, ROOT, read_blocks

PAGE = DOCS / "guide" / "large.md"
BLOCKS = [
    block.text
    for block in read_blocks(PAGE.read_text("utf-8"))
    if block.run_by.startswith("tests/test_cluster_page.py")
]


def in_small(text, port):
    """The same on this machine alone, with fewer workers."""
    for said, here in {
        "--nworkers 16": "--nworkers 2",
        "--memory-limit 8GB": "--memory-limit 1GB",
        "10.0.0.1:8786": f"127.0.0.1:{port}",
        "--host 10.0.0.1": f"--host 127.0.0.1 --port {port}",
    }.items():
        text = text.replace(said, here)
    return text


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextmanager
def started(lines):
    """Run the command of each machine with what it exports, until the end."""
    of_python = Path(sys.executable).with_name("dask")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with ExitStack() as stack:
        for line in lines.splitlines():
            program, *words = shlex.split(line.split("$ ", 1)[1])
            if program == "export":
                environment |= dict(word.split("=") for word in words)
                continue
            assert program == "dask"
            process = subprocess.Popen(
                [of_python, *words],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
        yield


def test_two_blocks_are_run_and_nothing_of_them_reaches_other_machines():
    assert len(BLOCKS) == 2
    small = "".join(in_small(text, 1) for text in BLOCKS)
    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+(?::\d+)?", small)) == {
        "127.0.0.1",
        "127.0.0.1:1",
    }
    assert small.count("127.0.0.1") == "".join(BLOCKS).count("10.0.0.1") == 3


@pytest.mark.slow
def test_a_cluster_gives_the_results_of_this_machine(tmp_path):
    study = make_shortcut(120, 8, use=1.0, association=0.3, random_state=0)
    rows = study.data.astype("float32")
    files = [(str(tmp_path / f"{half}.npy"), 60) for half in range(2)]
    for (path, _), part in zip(files, np.split(rows, 2), strict=True):
        np.save(path, part)
    analysis = WeightSpaceCorrelation(
        "target", target_head=study.head, n_permutations=99, random_state=0, n_jobs=2
    )
    here = clone(analysis).fit(rows, study.metadata)
    names = {
        "__name__": "__main__",
        "files": files,
        "n_features": rows.shape[1],
        "analysis": analysis,
        "table": study.metadata,
    }
    port = free_port()
    machines, code = (in_small(text, port) for text in BLOCKS)
    with started(machines):
        exec(compile(code, "large.md", "exec"), names)
    assert analysis.verdicts_.equals(here.verdicts_)
    assert analysis.utilization_pvalues_.equals(here.utilization_pvalues_)
    assert analysis.pvalues_.equals(here.pvalues_)
    assert np.allclose(analysis.utilization_, here.utilization_)
