"""Runs of the command that several files of tests look at."""

import pytest

from sklearn_wsca._cli import _audit
from sklearn_wsca.datasets import make_shortcut
from tests.command_runs import audit, run_demo, save


@pytest.fixture(scope="session")
def used():
    return make_shortcut(300, 16, use=1.0, random_state=0)


@pytest.fixture(scope="session")
def folder(used, tmp_path_factory):
    return save(tmp_path_factory.mktemp("used"), used)


@pytest.fixture(scope="session")
def printed(folder):
    return audit(folder, "--permutations", "99", quick=False)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="session")
def demo_output(demo_folder):
    return run_demo(demo_folder)


@pytest.fixture(scope="module")
def no_figures():
    """Reports without figures, for tests that look at other things.

    To draw them takes more than half of the time of a run. What is drawn is tested in
    `tests/report`, that the command draws it in `test_audit` and `test_demo`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_audit, "draw_figures", lambda result, displays: [])
        yield
