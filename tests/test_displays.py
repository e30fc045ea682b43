import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from sklearn_wsca import AlignmentDisplay, WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    data = make_shortcut(200, 16, random_state=0)
    return WeightSpaceCorrelation(
        "target", target_head=data.head, n_permutations=0
    ).fit(data.data, data.metadata)


def labels(ticks):
    return [tick.get_text() for tick in ticks]


def test_all_heads(fitted):
    display = AlignmentDisplay.from_estimator(fitted)
    shown = display.ax_.images[0]
    np.testing.assert_array_equal(shown.get_array(), fitted.correlation_)
    assert shown.get_clim() == (-1, 1)
    rows = labels(display.ax_.get_yticklabels())
    assert rows == labels(display.ax_.get_xticklabels())
    assert "scanner: scanner A" in rows and "age" in rows
    assert display.figure_ is display.ax_.figure


def test_primary_head_alone(fitted):
    display = AlignmentDisplay.from_estimator(fitted, kind="primary")
    np.testing.assert_array_equal(display.ax_.images[0].get_array(), fitted.alignment_)
    assert display.ax_.get_ylabel() == "primary head"


def test_lines_separate_tasks(fitted):
    display = AlignmentDisplay.from_estimator(fitted)
    tasks = fitted.correlation_.index.get_level_values("task")
    changes = [i - 0.5 for i in range(1, len(tasks)) if tasks[i] != tasks[i - 1]]
    horizontal = [line.get_ydata()[0] for line in display.ax_.lines]
    assert changes and set(changes) <= set(horizontal)


def test_draws_on_given_axes(fitted):
    _, ax = plt.subplots()
    assert AlignmentDisplay.from_estimator(fitted, ax=ax).ax_ is ax


def test_sixty_classes_get_a_figure_that_holds_them():
    index = pd.MultiIndex.from_product([["a"], range(60)], names=["task", "class"])
    display = AlignmentDisplay(pd.DataFrame(np.eye(60), index, index)).plot()
    display.figure_.canvas.draw()
    ticks = display.ax_.get_yticklabels()
    boxes = [tick.get_window_extent() for tick in ticks]
    assert all(not a.overlaps(b) for a, b in pairwise(boxes))
    assert not display.ax_.texts


def test_bad_kind_and_missing_primary_are_named(fitted):
    with pytest.raises(ValueError, match="kind must be 'all' or 'primary', got 'x'"):
        AlignmentDisplay.from_estimator(fitted, kind="x")
    data = make_shortcut(100, 16, random_state=0)
    without = WeightSpaceCorrelation(n_permutations=0).fit(data.data, data.metadata)
    with pytest.raises(ValueError, match="needs a primary head"):
        AlignmentDisplay.from_estimator(without, kind="primary")
    with pytest.raises(NotFittedError):
        AlignmentDisplay.from_estimator(WeightSpaceCorrelation())


def test_missing_matplotlib_names_the_install_command(fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn_wsca\[plot\]"'):
        AlignmentDisplay.from_estimator(fitted)
