"""Embeddings of every input under several interventions."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca import intervention_test  # noqa: E402
from sklearn_wsca.torch import (  # noqa: E402
    extract_embeddings,
    extract_under,
    head_from_module,
)
from tests.torch_networks import (  # noqa: E402
    N_IMAGES,
    assert_same_outputs,
    make_images,
    make_loader,
    make_mlp,
    make_vectors,
    reference_run,
    train_convnet,
)

nn = torch.nn
SCANNERS = {
    "as taken": nn.Identity(),
    "brighter": lambda images: images + 15.0,
    "blurred": nn.AvgPool2d(3, stride=1, padding=1),
}


@pytest.fixture(scope="module")
def convnet():
    return train_convnet()


@pytest.mark.parametrize("batch_size", [7, 16, 1000])
def test_rows_are_those_of_each_intervention_by_itself(convnet, batch_size):
    images, _ = make_images()
    found = extract_under(
        convnet, make_loader(images, batch_size), SCANNERS, return_outputs=True
    )
    assert found.embeddings.shape == (3 * N_IMAGES, 12)
    assert found.level[:4].tolist() == ["as taken", "brighter", "blurred", "as taken"]
    assert found.unit[:4].tolist() == [0, 0, 0, 1]
    for name, change in SCANNERS.items():
        own = found.level == name
        expected = extract_embeddings(convnet, make_loader(change(images)))
        np.testing.assert_allclose(
            found.embeddings[own], expected, rtol=1e-4, atol=1e-4
        )
        assert_same_outputs(found.outputs[own], reference_run(convnet, change(images)))
        assert found.unit[own].tolist() == list(range(N_IMAGES))
    moved = found.embeddings[found.level == "brighter"] - found.embeddings[::3]
    assert np.abs(moved).max() > 0.1


def test_the_long_form_is_what_the_test_takes(convnet):
    images, labels = make_images()
    embeddings, level, unit = extract_under(convnet, make_loader(images), SCANNERS)
    outputs = head_from_module(convnet).outputs(embeddings)
    found = intervention_test(
        outputs,
        level,
        unit,
        target=labels.numpy()[unit],
        n_permutations=39,
        random_state=0,
    )
    assert found.n_units == N_IMAGES
    assert found.n_rows_by_level.index.tolist() == sorted(SCANNERS)
    assert found.sensitivity > 0.05
    assert found.pvalue == 1 / 40


def test_an_intervention_in_place_leaves_the_others_alone(convnet):
    images, _ = make_images()
    before = images.clone()
    scanners = {
        "first": lambda batch: batch.mul_(0.0),
        "second": nn.Identity(),
        "third": lambda batch: batch.add_(3.0),
    }
    found = extract_under(convnet, [images], scanners)
    assert torch.equal(images, before)
    expected = extract_embeddings(convnet, [images])
    np.testing.assert_allclose(found.embeddings[1::3], expected, rtol=1e-5, atol=1e-5)
    assert np.ptp(found.embeddings[::3], axis=0).max() < 1e-4
    assert np.ptp(expected, axis=0).max() > 0.1


def single_image(image):
    """As MONAI's transforms: the channel comes first, and there is no batch."""
    assert image.shape == (1, 12, 10)
    return (image - image.min()) * 2.0


def test_one_by_one_gives_single_inputs(convnet):
    images, _ = make_images()
    scanners = {"as taken": nn.Identity(), "stretched": single_image}
    found = extract_under(convnet, make_loader(images), scanners, one_by_one=True)
    changed = torch.stack([single_image(image) for image in images])
    np.testing.assert_allclose(
        found.embeddings[1::2],
        extract_embeddings(convnet, [changed]),
        rtol=1e-4,
        atol=1e-4,
    )


class Labelled(torch.Tensor):
    """A tensor that carries more than numbers."""


@pytest.mark.parametrize(
    ("pack", "settings", "change"),
    [
        (lambda rows: (rows, "labels"), {}, lambda rows: rows + 1),
        (lambda rows: rows, {}, lambda rows: (rows + 1).as_subclass(Labelled)),
        (lambda rows: {"x": rows}, {"key": "x"}, lambda rows: rows + 1),
        (
            lambda rows: {"input": rows},
            {},
            lambda given: {"input": given["input"] + 1},
        ),
        (
            lambda rows: rows.numpy(),
            {"prepare": torch.from_numpy},
            lambda rows: rows + 1,
        ),
    ],
)
def test_interventions_get_what_the_model_would_get(pack, settings, change):
    model, rows = make_mlp(), make_vectors()
    batches = [pack(part) for part in rows.split(16)]
    found = extract_under(
        model, batches, {0: nn.Identity(), 1: change}, return_outputs=True, **settings
    )
    assert found.level.tolist() == [0, 1] * N_IMAGES
    assert_same_outputs(found.outputs[::2], reference_run(model, rows))
    assert_same_outputs(found.outputs[1::2], reference_run(model, rows + 1))


def test_the_loader_is_run_through_once_and_the_file_is_in_long_form(tmp_path):
    model, rows = make_mlp(), make_vectors(n=40)
    scanners = {"a": nn.Identity(), "b": lambda x: -x}
    found = extract_under(
        model, (part for part in rows.split(16)), scanners, out=tmp_path / "e.npy"
    )
    expected = extract_under(model, [rows], scanners)
    np.testing.assert_allclose(np.load(tmp_path / "e.npy"), expected.embeddings)
    assert found.unit.tolist() == expected.unit.tolist()


def test_interventions_run_in_full_precision_without_gradients():
    model, rows = make_mlp().requires_grad_(True), make_vectors()
    weight = torch.eye(6) * (1.0 + 1e-4)
    seen = []

    def change(batch):
        seen.append(batch @ weight)
        return seen[-1]

    extract_under(
        model, [rows], {"a": nn.Identity(), "b": change}, mixed_precision=True
    )
    assert seen[0].dtype == torch.float32
    assert not seen[0].requires_grad
    torch.testing.assert_close(seen[0], rows @ weight)


@pytest.mark.parametrize(
    ("interventions", "kind", "message"),
    [
        ([nn.Identity()], TypeError, "interventions: found a list; pass a dict"),
        ({"a": nn.Identity()}, ValueError, "interventions: found 1; name at least two"),
        ({"a": nn.Identity(), "b": 3}, TypeError, "'b' is a int, not callable"),
        (
            {"a": nn.Identity(), "b": lambda x: None},
            TypeError,
            "'b', batch 0: it returns a NoneType for a tensor",
        ),
        (
            {"a": nn.Identity(), "b": lambda x: x.numpy()},
            TypeError,
            "'b', batch 0: it returns a ndarray",
        ),
        (
            {"a": nn.Identity(), "b": lambda x: x[1:]},
            ValueError,
            r"'b', batch 0: it turns a tensor \(16, 6\) into a tensor \(15, 6\)",
        ),
        (
            {"a": nn.Identity(), "b": lambda x: x * float("nan")},
            ValueError,
            "embeddings of batch 0 under 'b', row 0 of the batch, hold NaN",
        ),
    ],
)
def test_what_cannot_be_an_intervention_is_named(interventions, kind, message):
    with pytest.raises(kind, match=message):
        extract_under(make_mlp(), make_loader(make_vectors()), interventions)


def test_an_error_of_an_intervention_is_not_known_by_its_words():
    def fail(x):
        raise ValueError("interventions: mine")

    scanners = {"a": nn.Identity(), "b": fail}
    with pytest.raises(ValueError, match=r"^interventions: mine") as error:
        extract_under(make_mlp(), make_loader(make_vectors()), scanners)
    (note,) = error.value.__notes__
    assert note.startswith("interventions: 'b', batch 0: it was called with")


def test_an_error_of_an_intervention_says_which_it_is():
    scanners = {"a": nn.Identity(), "cropped": lambda x: x.reshape(7, 7)}
    with pytest.raises(RuntimeError) as error:
        extract_under(make_mlp(), make_loader(make_vectors()), scanners)
    (note,) = error.value.__notes__
    assert note.startswith("interventions: 'cropped', batch 0: it was called with")


def test_one_by_one_needs_a_tensor():
    model, batches = make_mlp(), [{"input": make_vectors()}]
    scanners = {"a": nn.Identity(), "b": nn.Identity()}
    with pytest.raises(TypeError, match="one_by_one needs an input that is one tensor"):
        extract_under(model, batches, scanners, one_by_one=True)


def test_the_model_is_as_it_was(convnet):
    convnet.train()
    state = {name: values.clone() for name, values in convnet.state_dict().items()}
    extract_under(convnet, make_loader(make_images()[0]), SCANNERS)
    assert convnet.training
    for name, values in convnet.state_dict().items():
        assert torch.equal(values, state[name])


def test_an_error_of_the_model_says_after_which_intervention():
    """Images of another size, as a layer without pooling cannot take them."""
    flat = nn.Sequential(nn.Flatten(), nn.Linear(120, 5), nn.ReLU(), nn.Linear(5, 2))
    images, _ = make_images()
    loader = make_loader(images, 16)
    changes = {"as taken": nn.Identity(), "cropped": lambda images: images[..., :8]}
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied") as error:
        extract_under(flat, loader, changes)
    (note,) = error.value.__notes__
    assert note.startswith("interventions: 'cropped', batch 0: the model was called")
    assert "a tensor (16, 1, 12, 8), which" in note
    assert note.endswith(
        "made of a tensor (16, 1, 12, 10); it must return what the model takes."
    )
    # Interventions that keep size and type are not to blame.
    changes = {"as taken": nn.Identity(), "brighter": lambda images: 2 * images}
    with pytest.raises(RuntimeError) as error:
        extract_under(flat, make_loader(images[..., :8], 16), changes)
    assert not hasattr(error.value, "__notes__")
