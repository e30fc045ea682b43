import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from sklearn_wsca.datasets import make_scanner_digits

SCANNERS = ["scanner A", "scanner B", "scanner C"]
ASSOCIATIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


def linked_share(metadata):
    """Share of the images that come from the scanner of their class."""
    target = np.unique(metadata["target"], return_inverse=True)[1]
    scanner = np.unique(metadata["scanner"], return_inverse=True)[1]
    return np.mean(target % 3 == scanner)


def differences_from_clean(artefact):
    """Root mean square change of a grey value by each scanner."""
    rendered = make_scanner_digits(artefact=artefact, random_state=0).rendered
    clean = load_digits().images / 16
    return np.sqrt(((rendered - clean) ** 2).mean(axis=(1, 2, 3)))


@pytest.mark.parametrize("seed", [0, 1])
def test_every_image_is_the_rendering_of_its_scanner(seed):
    digits = make_scanner_digits(artefact=0.4, association=0.5, random_state=seed)
    for code, name in enumerate(SCANNERS):
        rows = np.flatnonzero(digits.metadata["scanner"] == name)
        assert len(rows) > 300
        assert digits.rendered.shape == (3, 1797, 8, 8)
        np.testing.assert_array_equal(digits.images[rows], digits.rendered[code, rows])
    np.testing.assert_array_equal(digits.images.reshape(1797, 64), digits.data)


def test_grey_values_stay_in_range_and_scanner_a_changes_nothing():
    for artefact in (0.0, 0.1, 1.0):
        rendered = make_scanner_digits(artefact=artefact, random_state=0).rendered
        assert rendered.min() >= 0
        assert rendered.max() <= 1
        np.testing.assert_array_equal(rendered[0], load_digits().images / 16)


def test_artefact_scales_the_difference_between_scanners():
    np.testing.assert_array_equal(differences_from_clean(0.0), 0)
    full = differences_from_clean(1.0)
    assert (full[1:] > 0.2).all()
    assert abs(full[1] / full[2] - 1) < 0.5
    for artefact in (0.05, 0.1, 0.5):
        np.testing.assert_allclose(differences_from_clean(artefact), artefact * full)


def test_scanner_is_decodable_only_with_an_artefact():
    options = {"random_state": 0, "return_X_y": True}
    probe = LogisticRegression(max_iter=1000)
    accuracy = {}
    for artefact in (0.0, 1.0):
        data, metadata = make_scanner_digits(artefact=artefact, **options)
        scores = cross_val_score(probe, data[:900], metadata["scanner"][:900], cv=3)
        accuracy[artefact] = scores.mean()
    assert accuracy[0.0] == pytest.approx(1 / 3, abs=0.07)
    assert accuracy[1.0] > 0.95


@pytest.mark.parametrize("n_classes", [3, 4, 10])
@pytest.mark.parametrize("seed", [0, 1])
def test_association_is_the_share_of_linked_images(n_classes, seed):
    options = {"n_classes": n_classes, "random_state": seed}
    for association in ASSOCIATIONS:
        digits = make_scanner_digits(association=association, **options)
        expected = association + (1 - association) / 3
        assert linked_share(digits.metadata) == pytest.approx(expected, abs=0.04)


def test_data_of_one_seed_differ_in_nothing_but_the_association():
    free = make_scanner_digits(random_state=3).metadata["scanner"]
    linked = make_scanner_digits(random_state=3, association=0.3).metadata["scanner"]
    always = make_scanner_digits(random_state=3, association=1.0).metadata["scanner"]
    changed = linked != free
    assert 0.1 < changed.mean() < 0.3
    assert (linked[changed] == always[changed]).all()


def test_random_state():
    scanners = [
        make_scanner_digits(random_state=state).metadata["scanner"]
        for state in (0, np.random.RandomState(0), 1)
    ]
    assert scanners[0].equals(scanners[1])
    assert not scanners[0].equals(scanners[2])


@pytest.mark.parametrize(
    ("n_classes", "names"),
    [
        (2, ["0-4", "5-9"]),
        (4, ["0-2", "3-5", "6-7", "8-9"]),
        (9, ["0-1", *"23456789"]),
        (10, [*"0123456789"]),
    ],
)
def test_classes_join_neighbouring_digits(n_classes, names):
    target = make_scanner_digits(n_classes=n_classes, random_state=0).target
    assert np.unique(target).tolist() == names
    for name, digit in zip(target, load_digits().target, strict=True):
        assert int(name[0]) <= digit <= int(name[-1])


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("n_classes", 1, ValueError),
        ("n_classes", 11, ValueError),
        ("n_classes", 3.0, TypeError),
        ("artefact", -0.1, ValueError),
        ("artefact", 1.1, ValueError),
        ("artefact", float("nan"), ValueError),
        ("artefact", "strong", TypeError),
        ("association", 1.01, ValueError),
        ("association", None, TypeError),
    ],
)
def test_bad_arguments(argument, value, error):
    with pytest.raises(error, match=argument):
        make_scanner_digits(**{argument: value})
