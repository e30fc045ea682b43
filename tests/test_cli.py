import subprocess
import sys

import pytest
from click.testing import CliRunner

from sklearn_wsca import __version__
from sklearn_wsca._cli import wsca


def test_version():
    result = CliRunner().invoke(wsca, ["--version"])
    assert result.exit_code == 0
    assert __version__ in result.stdout


def test_demo_prints_every_column_and_the_caveat(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    result = CliRunner().invoke(wsca, ["demo", "--permutations", "99"])
    assert result.exit_code == 0, result.output
    for words in ("hospital", "sex", "age", "920 patients", "alignment is not use"):
        assert words in " ".join(result.stdout.split())
    assert "nan" not in result.stdout


def test_demo_gives_the_same_answer_twice():
    runs = [
        CliRunner().invoke(wsca, ["demo", "--permutations", "99", "--seed", "3"])
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout


def test_too_few_permutations_is_a_usage_error():
    result = CliRunner().invoke(wsca, ["demo", "--permutations", "5"])
    assert result.exit_code == 2
    assert "--permutations" in result.output


def test_module_runs_the_same_command():
    command = [sys.executable, "-m", "sklearn_wsca", "--version"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert __version__ in run.stdout


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_missing_extra_names_the_install_command(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "import sklearn_wsca.__main__ as m; m.main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.strip() == (
        f"wsca: the command line needs {missing}, which is not installed. "
        'Install it with: pip install "sklearn_wsca[cli]"'
    )


def test_import_of_the_package_pulls_in_no_extra():
    # rich is not among them: scikit-learn's own callbacks import it where it is found.
    code = (
        "import sys, sklearn_wsca\n"
        "extras = {'torch', 'matplotlib', 'click', 'polars', 'jinja2'}\n"
        "print(sorted(extras & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
