"""Rows of a command: what excludes each other, and hashes of what was read."""

from hashlib import sha256
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._cli._inputs import AuditRows, file_states
from sklearn_wsca._cli._rows import name_inputs, read_rows


def test_held_out_rows_are_named_in_one_way():
    options = {"held_out": ("X.npy", "T.csv"), "held_out_rows": "split=test"}
    with pytest.raises(click.UsageError, match="exclude each other"):
        read_rows(Path("E.npy"), Path("M.csv"), options)


def test_files_are_told_by_their_hashes(tmp_path):
    files = {name: tmp_path / name for name in ("X.npy", "T.csv", "H.npz", "G.npz")}
    X = np.arange(12.0).reshape(4, 3)
    np.save(files["X.npy"], X)
    table = pd.DataFrame({"site": list("abab")})
    table.to_csv(files["T.csv"], index=False)
    for name in ("H.npz", "G.npz"):
        np.savez(files[name], weight=X[:1])
    rows = AuditRows(X, table, {"X": files["X.npy"], "y": files["T.csv"]})
    states = file_states([*files.values()])
    heads = [files["H.npz"], files["G.npz"]]
    found = name_inputs(rows, rows, heads, states, "outputs")
    assert list(found) == ["outputs", "metadata", "head 1", "head 2"]
    digest = sha256(files["T.csv"].read_bytes()).hexdigest()
    assert digest in found["metadata"]
    assert list(name_inputs(rows, None, heads[:1], states)) == [
        *("embeddings", "metadata", "head")
    ]
