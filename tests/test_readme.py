"""The README's example runs as it stands."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

README = Path(__file__).parent.parent / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_examples_run_on_the_files_they_name(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    embeddings = rng.normal(3.0, 2.0, size=(120, 12))
    weights, bias = rng.standard_normal((2, 12)), np.array([0.5, -0.5])
    np.save(tmp_path / "embeddings.npy", embeddings)
    np.save(tmp_path / "weights.npy", weights)
    np.save(tmp_path / "bias.npy", bias)
    np.save(tmp_path / "logits.npy", embeddings @ weights.T + bias)
    patient = np.repeat(np.arange(60), 2)
    pd.DataFrame(
        {
            "patient": patient,
            "diagnosis": rng.choice(["benign", "malignant"], size=60)[patient],
            "scanner": rng.choice(["A", "B", "C"], size=60)[patient],
            "age": rng.normal(60.0, 9.0, size=60)[patient],
        }
    ).to_csv(tmp_path / "metadata.csv", index=False)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for example in blocks("python"):
        exec(compile(example, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    for words in ("scanner", "age", "verdict", " to "):
        assert words in printed
    assert "patient" not in names["analysis"].summary_.index


def test_there_are_exactly_two_set_up_commands():
    (first, second) = blocks("sh")
    assert "wsca demo" in first
    assert "pytest" in second and "constraints.txt" in second


def test_every_relative_link_of_the_readme_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text("utf-8"))
    assert links
    for link in links:
        assert (README.parent / link).exists(), link
