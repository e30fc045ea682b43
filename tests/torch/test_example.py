"""The example runs, and its files hold what it analysed."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

EXAMPLE = Path(__file__).parents[2] / "examples" / "plot_torch_to_report.py"


def test_from_a_torch_model_to_a_verdict(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), str(tmp_path)])
    with torch.random.fork_rng(devices=[]):
        found = runpy.run_path(str(EXAMPLE))
    assert found["accuracy"] > 0.8
    assert "scanner: " in capsys.readouterr().out
    embeddings = np.load(tmp_path / "embeddings.npy", allow_pickle=False)
    state = torch.load(tmp_path / "head.pt", weights_only=True)
    outputs = embeddings @ state["weight"].numpy().T + state["bias"].numpy()
    metadata = pd.read_csv(tmp_path / "metadata.csv", dtype=str)
    right = outputs.argmax(axis=1) == metadata["digit"].astype(int)
    assert right.mean() == found["accuracy"]
