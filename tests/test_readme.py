"""The README's example runs as it stands."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

README = Path(__file__).parent.parent / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_example_runs_on_the_files_it_names(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "embeddings.npy", rng.normal(3.0, 2.0, size=(80, 12)))
    pd.DataFrame(
        {
            "diagnosis": rng.choice(["benign", "malignant"], size=80),
            "scanner": rng.choice(["A", "B", "C"], size=80),
            "age": rng.normal(60.0, 9.0, size=80),
        }
    ).to_csv(tmp_path / "metadata.csv", index=False)
    monkeypatch.chdir(tmp_path)
    (example,) = blocks("python")
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "scanner" in printed and "age" in printed and "alignment_pvalue" in printed


def test_there_are_exactly_two_set_up_commands():
    (first, second) = blocks("sh")
    assert "wsca demo" in first
    assert "pytest" in second and "constraints.txt" in second


def test_every_relative_link_of_the_readme_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text("utf-8"))
    assert links
    for link in links:
        assert (README.parent / link).exists(), link
