"""A run leaves the model as it was: after success, an error and an interrupt."""

import sys
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.utils import parametrizations  # noqa: E402

from sklearn_wsca.torch import (  # noqa: E402
    extract_contributions,
    extract_embeddings,
    extract_feature_maps,
    head_from_module,
)
from tests.torch_layers import MergingLinear  # noqa: E402
from tests.torch_networks import (  # noqa: E402
    make_images,
    make_loader,
    make_mlp,
    make_vectors,
    state_of,
    train_convnet,
)

nn = torch.nn
RUNS = [extract_embeddings, extract_feature_maps, extract_contributions]


@pytest.fixture
def convnet():
    """In training, but for one part that is frozen in every sense; with gradients."""
    model = train_convnet()
    model.features[1].eval()
    model.features[0].requires_grad_(False)
    for values in model.parameters():
        values.grad = torch.ones_like(values)
    return model


class Normalising(nn.Linear):
    """Keeps the length of its weights, each time it runs."""

    def forward(self, rows):
        self.weight.data = nn.functional.normalize(self.weight.data)
        return super().forward(rows)


ODD_LAYERS = {
    "merging adapter": lambda: MergingLinear(8, 3),
    "spectral norm, old": lambda: nn.utils.spectral_norm(nn.Linear(8, 3)),
    "spectral norm, new": lambda: parametrizations.spectral_norm(nn.Linear(8, 3)),
    "normalising": lambda: Normalising(8, 3),
}


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("kind", ODD_LAYERS)
def test_no_parameter_and_no_buffer_is_another(kind, fails):
    """Whatever modes and runs do to a layer, and to the gradients behind it."""
    torch.manual_seed(0)
    model = make_mlp()
    model[2] = ODD_LAYERS[kind]()
    before = state_of(model)
    merged = getattr(model[2], "merged", None)
    batches = [make_vectors()]
    if fails:
        with pytest.raises(OSError):
            extract_embeddings(model, stop_after(batches, OSError))
    else:
        extract_embeddings(model, batches)
        head_from_module(model, batch=batches[0])
        head_from_module(model)
    assert state_of(model) == before
    assert getattr(model[2], "merged", None) == merged
    model(make_vectors()).square().mean().backward()
    trained = [values for values in model[2].parameters() if values.requires_grad]
    assert all(values.grad.abs().max() > 0 for values in trained[-2:])


def stop_after(batches, error):
    yield from batches
    raise error


@pytest.mark.parametrize(
    "extract", [*RUNS, partial(extract_contributions, layer="pool", side="input")]
)
def test_everything_is_as_it_was(convnet, extract):
    before = state_of(convnet)
    assert len(set(before[0].values())) == 2
    assert len(set(before[2].values())) == 2
    random = torch.get_rng_state()
    extract(convnet, [make_images()[0]])
    assert state_of(convnet) == before
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    head_from_module(convnet, batch=make_images()[0])
    assert state_of(convnet) == before


@pytest.mark.parametrize("extract", RUNS)
@pytest.mark.parametrize("error", [RuntimeError("broken disk"), KeyboardInterrupt()])
@pytest.mark.parametrize("n_batches", [0, 2])
def test_everything_is_as_it_was_after_an_error(convnet, extract, error, n_batches):
    before = state_of(convnet)
    batches = list(make_images()[0].split(16))[:n_batches]
    # What is raised keeps the frames of the run alive, and is looked at only later.
    with pytest.raises(type(error)) as caught:
        extract(convnet, stop_after(batches, error), mixed_precision=True)
    assert state_of(convnet) == before
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    assert not torch.is_autocast_enabled("cpu")
    assert caught.value is error


@pytest.mark.parametrize("extract", [extract_embeddings, extract_contributions])
@pytest.mark.parametrize("layer", [None, "features"])
def test_everything_is_as_it_was_after_an_error_in_a_layer(convnet, extract, layer):
    class Broken(nn.Module):
        def forward(self, rows):
            raise RuntimeError("out of memory")

    convnet.dropout = Broken()
    before = state_of(convnet)
    with pytest.raises(MemoryError, match="out of memory"):
        extract(convnet, [make_images()[0]], layer)
    assert state_of(convnet) == before


@pytest.mark.parametrize("extract", RUNS)
def test_a_file_holds_the_same_rows_and_is_mapped(convnet, extract, tmp_path):
    path, loader = tmp_path / "rows.npy", make_loader(make_images()[0])
    expected, mapped = extract(convnet, loader), extract(convnet, loader, out=path)
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, expected)
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), expected)
    assert [entry.name for entry in tmp_path.iterdir()] == ["rows.npy"]


def test_what_a_model_keeps_for_later_can_still_be_trained():
    class WithCache(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.scale = nn.Linear(6, 3), None

        def forward(self, rows):
            if self.scale is None:
                self.scale = torch.full((6,), 0.5)
            return self.linear(rows * self.scale)

    model, rows = WithCache(), make_vectors()
    extract_embeddings(model, make_loader(rows))
    model(rows.requires_grad_()).sum().backward()
    assert rows.grad.abs().sum() > 0


def test_hooks_of_the_user_stay_and_are_heeded():
    model, rows = make_mlp(), make_vectors()
    plain = extract_embeddings(model, make_loader(rows))
    handle = model[1].register_forward_hook(lambda module, args, output: 2 * output)
    np.testing.assert_allclose(extract_embeddings(model, make_loader(rows)), 2 * plain)
    assert list(model[1]._forward_hooks) == [handle.id]


class Travelling(nn.Sequential):
    """Writes down where it is sent to."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.journey = []

    def to(self, device):
        self.journey.append(str(device))
        return super().to(device)


@pytest.mark.parametrize("fails", [False, True])
def test_a_device_is_for_one_run(fails):
    model = Travelling(*make_mlp())
    batches = stop_after([make_vectors()], OSError) if fails else [make_vectors()]
    if fails:
        with pytest.raises(OSError):
            extract_embeddings(model, batches, device="cpu")
    else:
        extract_embeddings(model, batches, device="cpu")
    assert model.journey == ["cpu", "cpu"]
    extract_embeddings(model, [make_vectors()])
    assert len(model.journey) == 2


def test_a_device_that_is_not_there(convnet):
    if torch.cuda.is_available():
        pytest.skip("cuda is there")
    before = state_of(convnet)
    with pytest.raises(ValueError, match="device: the model cannot be moved to 'cuda'"):
        extract_embeddings(convnet, [make_images()[0]], device="cuda")
    assert state_of(convnet) == before


def test_a_model_on_several_devices_stays_there():
    model = make_mlp()
    model.append(nn.Linear(3, 2, device="meta"))
    with pytest.raises(ValueError, match="device: the model is spread over cpu, meta"):
        extract_embeddings(model, [make_vectors()], device="cpu")


def test_on_a_gpu(convnet):
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    images = make_images()[0]
    expected = extract_embeddings(convnet, make_loader(images))
    loader = make_loader(images, pin_memory=True)
    found = extract_embeddings(convnet, loader, device="cuda")
    assert next(convnet.parameters()).device.type == "cpu"
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-2)
    convnet.cuda()
    np.testing.assert_array_equal(extract_embeddings(convnet, loader), found)
    half = extract_embeddings(convnet, loader, mixed_precision=True)
    assert np.abs(half - expected).max() < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize("extract", [*RUNS[:2], partial(RUNS[2], target=0)])
def test_mixed_precision_is_close_but_not_equal(convnet, extract):
    loader = make_loader(make_images()[0])
    full = extract(convnet, loader)
    mixed = extract(convnet, loader, mixed_precision=True)
    assert mixed.dtype == np.float32
    assert mixed.shape == full.shape
    error = np.abs(mixed - full).max() / np.abs(full).max()
    assert 1e-5 < error < 0.05


@pytest.mark.parametrize("device", [None, "cpu"])
def test_a_model_without_weights(device):
    """There is nothing that tells its device."""
    model = nn.Sequential(nn.Tanh(), nn.Flatten())
    embeddings = extract_embeddings(model, [make_vectors()], "1", device=device)
    np.testing.assert_allclose(embeddings, make_vectors().tanh().numpy(), rtol=1e-5)


@pytest.mark.parametrize("has_length", [True, False])
def test_progress_is_drawn_in_a_terminal_only(capsys, monkeypatch, has_length):
    pytest.importorskip("rich")
    batches = list(make_vectors().split(16))
    loader = batches if has_length else iter(batches)
    expected = extract_embeddings(make_mlp(), batches)
    found = extract_embeddings(make_mlp(), loader, progress=True)
    np.testing.assert_array_equal(found, expected)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    loader = batches if has_length else iter(batches)
    extract_embeddings(make_mlp(), loader, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "running the model" in shown.err
    assert ("100%" in shown.err) is has_length


def test_progress_without_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    model = make_mlp()
    before = state_of(model)
    with pytest.raises(ImportError, match=r'pip install "\.\[cli\]"'):
        extract_embeddings(model, [make_vectors()], progress=True)
    assert state_of(model) == before
