"""torch is needed by its own module and by nothing else."""

import subprocess
import sys

WITHOUT = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, NoTorch())
"""


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_without_torch_one_error_names_the_extra():
    done = run_python(WITHOUT + "import sklearn_wsca.torch")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        'ImportError: sklearn_wsca.torch needs torch: pip install ".[torch]"'
    )


def test_without_torch_the_rest_works():
    done = run_python(WITHOUT + "import sklearn_wsca, sklearn_wsca.datasets")
    assert done.returncode == 0, done.stderr
