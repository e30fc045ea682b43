import pytest

from tests.pictures import plt


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")
