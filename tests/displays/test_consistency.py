import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from sklearn_wsca import Head, IntegratedFeatureAnalysis
from sklearn_wsca._displays.consistency import MOST_POINTS, ConsistencyDisplay
from sklearn_wsca._displays.style import OTHER_POINTS
from tests.pictures import assert_apart, assert_whole, shown, title_of


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(0)
    A = 2.0 + generator.random((60, 6, 4, 4)) * np.arange(1, 7).reshape(1, 6, 1, 1)
    A[np.arange(60), np.arange(60) % 3] += 4.0
    head = Head(
        3.0 * np.eye(3, 6) + generator.normal(size=(3, 6)) / 5,
        np.array([1.0, -1.0, 2.0]),
        ("a", "b", "c"),
        "logistic",
    )
    y = np.array(head.classes)[head.outputs(A.mean(axis=(2, 3))).argmax(axis=1)]
    return A, y, head


@pytest.fixture(scope="module")
def analysis(data):
    A, y, head = data
    return IntegratedFeatureAnalysis(head, random_state=0).fit(A, y)


def both(n, n_classes, noise=1.0):
    generator = np.random.default_rng(0)
    means = 5.0 + generator.normal(size=(n, n_classes)) * 3.0
    return means, 2.0 * means + noise * generator.normal(size=(n, n_classes))


def test_points_are_means_and_outputs_of_the_head(analysis, data):
    A, _, head = data
    display = ConsistencyDisplay.from_estimator(analysis, A)
    means = np.einsum("kc,nchw->nkhw", head.coef, A).mean(axis=(2, 3))
    outputs = head.outputs(A.mean(axis=(2, 3)))
    for k, line in enumerate(display.ax_.lines):
        assert_allclose(line.get_xdata(), means[:, k])
        assert_allclose(line.get_ydata(), outputs[:, k])
    assert len(display.ax_.lines) == 3
    assert_allclose(display.correlation_, 1.0, atol=1e-6)
    assert_allclose(display.correlation_, analysis.consistency_, atol=1e-12)
    legend = shown(display.figure_.legends[0].get_texts())
    assert legend == ["a: r = 1.0000", "b: r = 1.0000", "c: r = 1.0000"]
    assert_whole(display)


def test_outputs_of_the_network_itself(analysis, data):
    A, _, head = data
    outputs = np.tanh(head.outputs(A.mean(axis=(2, 3))) - 12.0)
    outputs += np.random.default_rng(1).normal(size=outputs.shape)
    display = ConsistencyDisplay.from_estimator(analysis, A, outputs)
    means = A.mean(axis=(2, 3)) @ head.coef.T
    expected = [np.corrcoef(means[:, k], outputs[:, k])[0, 1] for k in range(3)]
    assert_allclose(display.correlation_, expected)
    assert max(expected) < 0.99
    assert_allclose(display.ax_.lines[1].get_ydata(), outputs[:, 1])
    legend = shown(display.figure_.legends[0].get_texts())
    assert legend == [f"{c}: r = {r:.4f}" for c, r in zip("abc", expected, strict=True)]
    lowest = f"lowest r = {min(expected):.4f} ('{'abc'[np.argmin(expected)]}')"
    assert f"3 classes, {lowest}" in title_of(display)


def test_a_single_score_is_that_of_the_second_of_two_classes(data):
    A, _, _ = data
    y = np.where(A[:, 0].mean(axis=(1, 2)) > 2.5, "yes", "no")
    analysis = IntegratedFeatureAnalysis(random_state=0).fit(A, y)
    score = analysis.head_.outputs(A.mean(axis=(2, 3)))[:, 1]
    for outputs in (score, score[:, None]):
        display = ConsistencyDisplay.from_estimator(analysis, A, outputs)
        assert_allclose(display.correlation_, 1.0)
        no, yes = display.ax_.lines
        assert_allclose(yes.get_ydata(), score)
        assert_allclose(no.get_ydata(), -score)


def test_numbers(data):
    A, _, _ = data
    y = A[:, 2].mean(axis=(1, 2)) * 30.0
    analysis = IntegratedFeatureAnalysis(random_state=0).fit(A, y)
    display = ConsistencyDisplay.from_estimator(analysis, A, y)
    (line,) = display.ax_.lines
    assert_array_equal(line.get_ydata(), y)
    assert not display.figure_.legends
    assert title_of(display).endswith(f"r = {display.correlation_[0]:.4f}")
    assert_whole(display)


@pytest.mark.parametrize("n_classes", [2, 10])
def test_few_classes_have_looks_of_their_own(n_classes):
    display = ConsistencyDisplay(*both(50, n_classes)).plot()
    looks = {(line.get_color(), line.get_marker()) for line in display.ax_.lines}
    assert len(looks) == n_classes
    legend = display.figure_.legends[0]
    assert len(shown(legend.get_texts())) == n_classes
    entry = [(m.get_color(), m.get_marker()) for m in legend.get_lines()]
    assert entry == [(m.get_color(), m.get_marker()) for m in display.ax_.lines]


@pytest.mark.parametrize("n_classes", [11, 60])
def test_many_classes_are_grey(n_classes):
    names = ["a class with a name that is too long for any label " * 2] * n_classes
    display = ConsistencyDisplay(*both(50, n_classes), classes=names).plot()
    assert {line.get_color() for line in display.ax_.lines} == {OTHER_POINTS}
    assert not display.figure_.legends
    lowest = f"{n_classes} classes, lowest r = {display.correlation_.min():.4f}"
    assert lowest in title_of(display)
    assert_whole(display)


def test_long_and_strange_names_are_legible():
    names = ["$x_1$", "年", "", "_hidden", ("site", 2), *["long name " * 9] * 5]
    display = ConsistencyDisplay(*both(50, 10), classes=names).plot()
    assert_whole(display)
    texts = display.figure_.legends[0].get_texts()
    words = [word.split(": r = ")[0] for word in shown(texts)]
    assert words[:5] == ["$x_1$", r"\u5e74", "''", "_hidden", "site & 2"]
    assert all(len(word) == 36 and "…" in word for word in words[5:])
    assert_apart(texts)
    assert not any(text.get_parse_math() for text in texts)
    beside = min(text.get_window_extent().x0 for text in texts)
    assert beside > display.ax_.get_window_extent().x1


def test_points_are_bounded_and_the_correlation_is_of_all():
    means, outputs = both(MOST_POINTS, 4)
    display = ConsistencyDisplay(means, outputs).plot()
    assert sum(len(line.get_xdata()) for line in display.ax_.lines) == MOST_POINTS
    expected = np.corrcoef(means[:, 0], outputs[:, 0])[0, 1]
    assert display.correlation_[0] == pytest.approx(expected, abs=1e-12)
    assert f"{MOST_POINTS // 4} of {MOST_POINTS} samples" in title_of(display)
    few = ConsistencyDisplay(means[:100], outputs[:100]).plot()
    assert "samples" not in title_of(few)


def test_constant_outputs_have_no_correlation():
    means, outputs = both(50, 3)
    outputs[:, 1] = 4.0
    display = ConsistencyDisplay(means, outputs).plot()
    assert np.isnan(display.correlation_[1])
    assert shown(display.figure_.legends[0].get_texts())[1] == "1: r = -"
    assert "1 with constant values" in title_of(display)
    nothing = ConsistencyDisplay(means, outputs * 0).plot()
    assert "no class" in title_of(nothing)
    assert_whole(nothing)


def test_bad_input(analysis, data):
    A, _, _ = data
    draw = ConsistencyDisplay.from_estimator
    with pytest.raises(NotFittedError):
        draw(IntegratedFeatureAnalysis(), A)
    with pytest.raises(ValueError, match=r"4 features, but Int.* fitted with 6"):
        draw(analysis, A[:, :4])
    with pytest.raises(ValueError, match=r"outputs: .*\(60, 2\).*3 rows of"):
        draw(analysis, A, np.zeros((60, 2)))
    with pytest.raises(ValueError, match=r"outputs: .*\(59, 3\)"):
        draw(analysis, A, np.zeros((59, 3)))
    bad = np.zeros((60, 3))
    bad[7, 1] = np.nan
    with pytest.raises(ValueError, match=r"^outputs: .*NaN.*rows 7"):
        draw(analysis, A, bad)
    with pytest.raises(ValueError, match=r"mean_activation: .*shape \(3,\)"):
        ConsistencyDisplay(np.ones(3), np.ones((3, 1))).plot()
    with pytest.raises(ValueError, match="classes: 1 names for 3 classes"):
        ConsistencyDisplay(*both(5, 3), classes=["a"]).plot()


def test_tokens_are_read_as_fit_reads_them(data):
    A, y, head = data
    tokens = A.reshape(*A.shape[:2], -1).transpose(0, 2, 1)
    with pytest.warns(UserWarning, match="its last axis has the"):
        found = IntegratedFeatureAnalysis(head, random_state=0).fit(tokens, y)
    with pytest.warns(UserWarning, match="its last axis has the"):
        display = ConsistencyDisplay.from_estimator(found, tokens)
    assert_allclose(display.correlation_, 1.0, atol=1e-6)
