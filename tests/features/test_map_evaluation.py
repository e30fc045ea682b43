"""Maps that point at what a model looks at beat the control; others do not."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._features.map_evaluation import evaluate_activation_maps, read_columns

SIDE = 12
MEASURES = ["deletion", "insertion", "average_drop", "increase"]


def make_images(n=6, seed=0, shape=(SIDE, SIDE)):
    """Noise with a bright patch at one corner."""
    images = 5 + np.random.default_rng(seed).random((n, *shape))
    images[(slice(None), *[slice(4)] * len(shape))] += 20
    return images


def make_truth(n=6, shape=(SIDE, SIDE)):
    maps = np.zeros((n, *shape))
    maps[(slice(None), *[slice(4)] * len(shape))] = 1
    return maps


def predict(images):
    """Sum of the patch, between 0 and 1."""
    return images[:, :4, :4].sum(axis=(1, 2)) / 500


def predict_two(images):
    """Probabilities of two classes; the second sees the patch."""
    return np.stack([1 - predict(images), predict(images)], axis=1)


def evaluate(maps, images, function=predict, **settings):
    return evaluate_activation_maps(
        maps, images, function, **{"random_state": 0, **settings}
    )


@pytest.mark.parametrize(
    ("baseline", "margin"), [("mean", 0.05), ("blur", 0.01), (0.0, 0.05)]
)
def test_the_true_patch_beats_the_control_and_the_reversed_map(baseline, margin):
    images, truth = make_images(), make_truth()
    table = evaluate(truth, images, baseline=baseline)
    reverse = evaluate(-truth, images, baseline=baseline)
    assert len(table) == len(images)
    for other in (table["deletion_random"], reverse["deletion"]):
        assert (table["deletion"] < other - margin).all()
    for other in (table["insertion_random"], reverse["insertion"]):
        assert (table["insertion"] > other + margin).all()
    assert (table["average_drop"] == 0).all()
    assert (table["average_drop_random"] > margin).all()
    assert (reverse["average_drop"] > 3 * margin).all()


def test_random_maps_are_like_the_control():
    """Coarse maps too: the control is as coarse."""
    images = make_images(4)
    differences = []
    for seed in range(40):
        maps = np.random.default_rng(seed).random((4, 3, 3))
        table = evaluate(maps, images, n_steps=5, random_state=seed)
        differences.append(
            [(table[name] - table[f"{name}_random"]).mean() for name in MEASURES[:3]]
        )
    differences = np.array(differences)
    error = differences.std(axis=0, ddof=1) / np.sqrt(len(differences))
    assert (error > 0).all()
    assert (np.abs(differences.mean(axis=0)) < 3 * error).all()


def test_by_hand():
    """Four positions in four steps, the score being their weighted sum."""
    images = np.array([[4.0, 3.0, 2.0, 1.0]])
    weights = np.array([1.0, 2.0, 0.0, 5.0])
    maps = np.array([[0.0, 7.0, 7.0, 14.0]])
    table = evaluate(maps, images, lambda x: x @ weights, n_steps=4, baseline=0)
    # In the order 3, 1, 2, 0: 5, 6, 0 and 4 of 15 go.
    assert table["deletion"][0] == np.mean([(15 + 0) / 2, 10, 4, 4])
    assert table["insertion"][0] == np.mean([(0 + 15) / 2, 5, 11, 11])
    # Weighted by 0, 1/2, 1/2 and 1: 3 and 5 remain.
    assert table["average_drop"][0] == pytest.approx((15 - 8) / 15)
    assert not table["increase"][0]
    assert table["score"][0] == 15


def test_increase():
    """A model that is put off by what the map leaves out."""
    images, truth = make_images(), make_truth()

    def distracted(images):
        return 1 / (1 + images[:, 6:].mean(axis=(1, 2)))

    table = evaluate(truth, images, distracted, baseline=0)
    assert table["increase"].all()
    assert (table["average_drop"] == 0).all()
    assert not evaluate(1 - truth, images, distracted, baseline=0)["increase"].any()


def test_nested_lists_are_images():
    images, maps = make_images(), make_truth()
    pd.testing.assert_frame_equal(
        evaluate(maps.tolist(), images.tolist()), evaluate(maps, images)
    )


def test_columns_and_types():
    table = evaluate(make_truth(), make_images())
    wanted = [name + suffix for name in MEASURES for suffix in ("", "_random")]
    assert list(table) == ["class", "score", *wanted]
    assert isinstance(table.index, pd.RangeIndex)
    assert table["increase"].dtype == bool
    assert table["class"].eq(0).all()
    np.testing.assert_allclose(table["score"], predict(make_images()))


def test_ties_are_broken_by_position():
    images = np.arange(1.0, 10.0)[None]
    constant = evaluate(np.ones((1, 9)), images, lambda x: x[:, 0])
    falling = evaluate(-np.arange(9.0)[None], images, lambda x: x[:, 0])
    assert constant["deletion"][0] == falling["deletion"][0]
    # It weighs all positions by one half.
    half = evaluate(np.ones((1, 9)), images, lambda x: x[:, 0], baseline=0)
    assert half["average_drop"][0] == 0.5


def test_the_seed_decides_about_the_control_only():
    maps, images = np.random.default_rng(1).random((6, 4, 4)), make_images()
    first, again, other = (evaluate(maps, images, random_state=s) for s in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    own = ["class", "score", *MEASURES]
    pd.testing.assert_frame_equal(first[own], other[own])
    assert not np.allclose(first["deletion_random"], other["deletion_random"])


@pytest.mark.parametrize("batch_size", [1, 7, 10_000])
def test_batches_are_bounded_and_change_nothing(batch_size):
    sizes = []

    def counting(images):
        sizes.append(len(images))
        return predict_two(images)

    maps, images = np.random.default_rng(1).random((6, 4, 4)), make_images()
    found = evaluate(maps, images, counting, batch_size=batch_size, n_steps=5)
    pd.testing.assert_frame_equal(found, evaluate(maps, images, predict_two, n_steps=5))
    # The images; then per image one baseline and two maps of 4 + 4 + 1.
    assert sum(sizes) == 6 + 6 * (1 + 2 * 9)
    assert max(sizes) == min(batch_size, 6 * 19)


def test_images_are_handed_over_as_copies():
    images = make_images()
    before = images.copy()

    def destroying(images):
        images *= 0
        return np.ones(len(images))

    table = evaluate(make_truth(), images, destroying)
    np.testing.assert_array_equal(images, before)
    assert (table[["score", "deletion", "insertion"]] == 1).all(axis=None)


@pytest.mark.parametrize("baseline", ["mean", "blur", 3.0])
@pytest.mark.parametrize("shape", [(40,), (9, 7), (6, 5, 7)])
def test_signals_images_and_volumes_with_channels(shape, baseline):
    images, maps = make_images(3, shape=shape), make_truth(3, shape)
    corner = (slice(None), *[slice(4)] * len(shape))
    axes = tuple(range(1, len(shape) + 1))

    def of_plain(images):
        return images[corner].mean(axis=axes)

    plain = evaluate(maps, images, of_plain, baseline=baseline)
    assert (plain["deletion"] < plain["deletion_random"]).all()
    # A second channel with another mean, which the model does not look at.
    for axis, channels in ((1, "first"), (-1, "last")):
        both = np.stack([images, 100 - 2 * images], axis=axis)

        def of_first(images, axis=axis):
            return of_plain(images.take(0, axis=axis))

        for given in (None, channels):
            found = evaluate(maps, both, of_first, baseline=baseline, channels=given)
            pd.testing.assert_frame_equal(found, plain, rtol=1e-12)


def test_coarse_maps_are_enlarged():
    images = make_images()
    coarse = np.zeros((6, 3, 3))
    coarse[:, 0, 0] = 1
    table = evaluate(coarse, images)
    assert (table["deletion"] < table["deletion_random"].mean() - 0.05).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float16, np.float32])
def test_types_of_numbers(dtype):
    """Unsigned maps are ordered as signed ones are; images come as float32."""
    types = set()

    def watch(images):
        types.add(images.dtype)
        return predict(images)

    images = make_images().round()
    table = evaluate(make_truth().astype(dtype), images.astype(np.uint8), watch)
    assert types == {np.dtype(np.float32)}
    expected = evaluate(make_truth(), images)
    pd.testing.assert_frame_equal(table, expected, rtol=1e-5, check_dtype=False)


def test_classes():
    images, maps = make_images(), make_truth()
    predicted = evaluate(maps, images, predict_two)
    assert predicted["class"].eq(1).all()
    pd.testing.assert_frame_equal(
        evaluate(maps, images, predict_two, classes=1), predicted
    )
    each = evaluate(maps, images, predict_two, classes=[0, 1, 0, 1, 0, 1])
    assert each["class"].tolist() == [0, 1, 0, 1, 0, 1]
    np.testing.assert_allclose(each["deletion"][1::2], predicted["deletion"][1::2])
    np.testing.assert_allclose(each["deletion"][::2], 1 - predicted["deletion"][::2])


def test_scores_that_are_not_positive():
    with pytest.warns(UserWarning, match="3 of 6 images have a score that is not pos"):
        table = evaluate(
            make_truth(), make_images(), lambda x: np.where(x[:, 0, 0] > 25.6, -1.0, 1)
        )
    bad = table["score"] < 0
    assert bad.sum() == 3
    np.testing.assert_array_equal(table["average_drop"].isna(), bad)
    assert table["deletion"].notna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.full((6, 12, 12), np.inf)}, "images: number 0 .* NaN"),
        ({"baseline": "median"}, "baseline: 'median'; pass"),
        ({"n_steps": 1}, "n_steps: 1; pass an integer that is at least 2"),
        ({"batch_size": 0}, "batch_size: 0; pass an integer that is at least 1"),
        ({"batch_size": 2.0}, "batch_size: 2.0; pass an integer"),
        ({"classes": 0}, "classes: there is one score per sample"),
        ({"function": predict_two, "classes": 2}, "classes: 1 numbers, such as 2, are"),
        ({"function": predict_two, "classes": [0, 1]}, "classes: 2 for 6 images"),
        ({"function": predict_two, "classes": "cat"}, "classes: found an array of"),
        ({"function": lambda x: 1.0}, r"predict: it returned .* \(\) .* for 6 images"),
        ({"function": lambda x: np.ones(3)}, r"predict: it returned .* \(3,\)"),
        ({"function": lambda x: np.ones((len(x), 0))}, "predict: it returned"),
        ({"function": lambda x: x}, r"predict: it returned .* \(6, 12, 12\)"),
        ({"function": lambda x: 0 * predict(x) + np.nan}, "predict: it returned NaN"),
    ],
)
def test_bad_input(change, message):
    arguments = {"maps": make_truth(), "images": make_images(), **change}
    with pytest.raises(ValueError, match=message):
        evaluate(**arguments)


def test_columns_of_scores():
    assert read_columns(np.int64(2), 3, "target") == 2
    assert read_columns([0, 2], 3, "target").tolist() == [0, 2]
    for bad in (3, -1, True, 1.0, [[0]], [0, 3]):
        with pytest.raises(ValueError, match="target: "):
            read_columns(bad, 3, "target")
