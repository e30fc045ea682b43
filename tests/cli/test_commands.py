import subprocess
import sys

import pytest

from sklearn_wsca import __version__
from tests.command_runs import run


def test_version():
    assert __version__ in run("--version").stdout


def test_too_few_permutations_is_a_usage_error():
    result = run("demo", "--permutations", "5", code=2)
    assert "--permutations" in result.output


def test_module_runs_the_same_command():
    command = [sys.executable, "-m", "sklearn_wsca", "--version"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert __version__ in run.stdout


def test_interrupt_while_the_command_is_imported():
    code = (
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.endswith('_cli.commands'): raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "import sklearn_wsca.__main__ as m; m.main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stderr.strip()) == (1, "Aborted!")


@pytest.mark.parametrize("missing", ["click", "rich", "jinja2", "matplotlib"])
def test_missing_extra_names_the_install_command(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "import sklearn_wsca.__main__ as m; m.main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.strip() == (
        f"wsca: the command line needs {missing}, which is not installed. "
        'Install it with: pip install ".[cli]"'
    )
