import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_wsca import AlignmentDisplay, WeightSpaceCorrelation
from tests.pictures import assert_apart, assert_whole, plt, shown


def matrix(sizes, names=None):
    """Random symmetric values for tasks of these many classes."""
    names = names or [f"task number {i}" for i in range(len(sizes))]
    rows = [
        (name, f"class {j}" if n > 1 else "")
        for name, n in zip(names, sizes, strict=True)
        for j in range(n)
    ]
    index = pd.MultiIndex.from_tuples(rows, names=["task", "class"])
    values = np.random.default_rng(0).uniform(-0.5, 0.5, (len(rows), len(rows)))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1.0)
    return pd.DataFrame(values, index, index)


def test_all_heads(fitted):
    display = AlignmentDisplay.from_estimator(fitted)
    image = display.ax_.images[0]
    np.testing.assert_array_equal(image.get_array(), fitted.correlation_)
    assert image.get_clim() == (-1, 1)
    assert image.get_cmap()(0.5)[:3] == pytest.approx((0.97, 0.97, 0.97), abs=0.01)
    tasks = list(fitted.correlation_.index.unique("task"))
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        classes = [label.get_text() for label in axis.get_ticklabels()]
        rows = fitted.correlation_.index.get_level_values("class")
        assert classes == [str(name) for name in rows] and "scanner A" in classes
        assert shown(axis.get_ticklabels(minor=True)) == tasks
    assert display.ax_.get_ylabel() == ""


def test_task_names_stand_at_the_middle_of_their_rows():
    display = AlignmentDisplay(matrix([3, 1, 2])).plot()
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        assert list(axis.get_minorticklocs()) == [1.0, 3.0, 4.5]
    display.figure_.canvas.draw()
    names = display.ax_.get_yticklabels(minor=True)
    classes = display.ax_.get_yticklabels()
    outer = max(text.get_window_extent().x1 for text in names)
    inner = min(t.get_window_extent().x0 for t in classes if t.get_text())
    assert outer < inner


def test_primary_head_alone(fitted):
    display = AlignmentDisplay.from_estimator(fitted, kind="primary")
    np.testing.assert_array_equal(display.ax_.images[0].get_array(), fitted.alignment_)
    assert display.ax_.get_ylabel() == "primary head"
    assert_whole(display)


def test_limits_of_the_colours(fitted):
    chosen = AlignmentDisplay.from_estimator(fitted, limit=0.4)
    assert chosen.ax_.images[0].get_clim() == (-0.4, 0.4)
    largest = fitted.alignment_.abs().to_numpy().max()
    fitting = AlignmentDisplay.from_estimator(fitted, kind="primary", limit=None)
    assert fitting.ax_.images[0].get_clim() == (-largest, largest)
    zero = AlignmentDisplay(matrix([2]) * 0, limit=None).plot()
    assert zero.ax_.images[0].get_clim() == (-1, 1)


def test_lines_separate_tasks(fitted):
    display = AlignmentDisplay.from_estimator(fitted)
    tasks = fitted.correlation_.index.get_level_values("task")
    changes = [i - 0.5 for i in range(1, len(tasks)) if tasks[i] != tasks[i - 1]]
    level = [line.get_ydata() for line in display.ax_.lines]
    upright = [line.get_xdata() for line in display.ax_.lines]
    assert changes
    for change in changes:
        assert [change, change] in map(list, level)
        assert [change, change] in map(list, upright)


def test_small_matrices_show_their_values():
    display = AlignmentDisplay(matrix([3, 1])).plot()
    values = display.correlation.to_numpy()
    assert len(display.ax_.texts) == values.size
    for text in display.ax_.texts:
        j, i = text.get_position()
        assert float(text.get_text()) == pytest.approx(values[i, j], abs=0.0051)
    assert not AlignmentDisplay(matrix([20])).plot().ax_.texts


def test_values_are_left_out_where_cells_are_small():
    _, axes = plt.subplots(4, 4)
    small = AlignmentDisplay(matrix([6, 4])).plot(ax=axes[0, 0])
    assert not small.ax_.texts


def all_labels(display):
    display.figure_.canvas.draw()
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        yield axis.get_ticklabels(), axis.get_ticklabels(minor=True)


def test_sixty_classes_are_all_named():
    display = AlignmentDisplay(matrix([60])).plot()
    for classes, tasks in all_labels(display):
        assert len(shown(classes)) == 60 and shown(tasks) == ["task number 0"]
        assert_apart([*classes, *tasks])
    assert not display.ax_.texts
    assert_whole(display)


@pytest.mark.parametrize(
    ("sizes", "least"), [([2, *[3, 2, 2, 3] * 25], 50), ([2] * 100, 100)]
)
def test_hundred_columns_are_named_without_their_classes(sizes, least):
    display = AlignmentDisplay(matrix(sizes)).plot()
    for classes, tasks in all_labels(display):
        assert not shown(classes)
        assert len(shown(tasks)) >= least
        assert_apart(tasks)
    assert_whole(display)


@pytest.mark.parametrize("n", [1, 2, 60])
def test_primary_rows_against_hundred_columns(n):
    everything = matrix([n, *[1, 2, 3, 2] * 25])
    display = AlignmentDisplay(everything.iloc[:n, n:]).plot()
    for classes, tasks in all_labels(display):
        assert shown(tasks)
        texts = [t for t in [*classes, *tasks] if t.get_text()]
        if len(texts) > 1:
            assert_apart(texts)
    assert_whole(display)


def test_longest_names_at_the_largest_matrix_stay_within_the_figure():
    sizes = [48, 48, 48]
    names = ["n" * 60 + str(i) for i in range(3)]
    display = AlignmentDisplay(matrix(sizes, names)).plot()
    assert_whole(display)


def test_bad_kind_and_missing_primary_are_named(fitted, data):
    with pytest.raises(ValueError, match="kind must be 'all' or 'primary', got 'x'"):
        AlignmentDisplay.from_estimator(fitted, kind="x")
    without = WeightSpaceCorrelation(n_permutations=0).fit(data.data, data.metadata)
    with pytest.raises(ValueError, match="needs a primary head"):
        AlignmentDisplay.from_estimator(without, kind="primary")
    with pytest.raises(NotFittedError):
        AlignmentDisplay.from_estimator(WeightSpaceCorrelation())
