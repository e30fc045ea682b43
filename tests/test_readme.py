"""The README's examples run as they stand, from a trained network to a report."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from sklearn_wsca._cli import wsca

README = Path(__file__).parent.parent / "README.md"
N_ROWS = 120


def blocks(language, page=README):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the README takes for granted: a network, a loader, files of the user."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(20, 12), torch.nn.ReLU(), torch.nn.Linear(12, 2)
    )
    images = 3.0 + 2.0 * torch.randn(N_ROWS, 20)
    loader = torch.utils.data.DataLoader(images, batch_size=32)
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(N_ROWS // 2), 2)
    pd.DataFrame(
        {
            "patient": patient,
            "diagnosis": rng.choice(["benign", "malignant"], size=60)[patient],
            "scanner": rng.choice(["A", "B", "C"], size=60)[patient],
            "age": rng.normal(60.0, 9.0, size=60)[patient],
        }
    ).to_csv(tmp_path / "metadata.csv", index=False)
    with torch.no_grad():
        np.save(tmp_path / "logits.npy", model(images).numpy())
    monkeypatch.chdir(tmp_path)
    return {"model": model, "loader": loader}


def test_from_a_network_to_a_report(names, tmp_path, capsys):
    extraction, from_python, predictions = blocks("python")
    exec(compile(extraction, "README.md", "exec"), names)
    assert np.load(tmp_path / "embeddings.npy").shape == (N_ROWS, 12)

    (command,) = blocks("console")
    program, *arguments = shlex.split(command)
    assert program == "wsca"
    done = CliRunner().invoke(wsca, arguments)
    assert done.exit_code == 0, done.output
    files = sorted(path.name for path in (tmp_path / "wsca-report").iterdir())
    assert files == ["report.html", "result.json", "summary.csv"]
    assert "scanner" in (tmp_path / "wsca-report" / "report.html").read_text("utf-8")

    capsys.readouterr()
    exec(compile(from_python, "README.md", "exec"), names)
    exec(compile(predictions, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    for words in ("scanner", "age", "verdict", " to "):
        assert words in printed
    assert "patient" not in names["analysis"].summary_.index
    assert "scanner" in (tmp_path / "report.html").read_text("utf-8")


def test_the_page_on_features_runs(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    label, scanner = rng.integers(0, 2, (2, 80))
    maps = rng.gamma(2.0, 1.0, (80, 6, 5, 5))
    maps[:, 0] += label[:, None, None]
    maps[:, 1, :2, :2] += 3.0 * scanner[:, None, None]
    np.save(tmp_path / "maps.npy", maps)
    weights = np.array([[0.0] * 6, [2.0, 1.0, 0.1, 0.1, 0.0, 0.0]])
    np.savez(tmp_path / "head.npz", weight=weights, bias=np.array([0.0, -7.0]))
    table = {"diagnosis": label.astype(str), "scanner": np.array(["A", "B"])[scanner]}
    pd.DataFrame(table).to_csv(tmp_path / "metadata.csv", index=False)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for example in blocks("python", README.parent / "docs" / "guide" / "features.md"):
        exec(compile(example, "features.md", "exec"), names)
    assert names["shares"]["share"].idxmax() == 1
    assert names["drawn"].shape == (80, 5, 5)
    assert names["shifts"].loc["scanner"]["pvalue_fwer"].idxmin() == 1


def test_there_are_exactly_two_set_up_commands():
    (first, second) = blocks("sh")
    assert "wsca demo" in first
    assert "pytest" in second and "constraints.txt" in second


def test_every_relative_link_of_the_readme_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text("utf-8"))
    assert links
    for link in links:
        assert (README.parent / link).exists(), link
