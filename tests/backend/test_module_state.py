"""After evaluation mode a module is as it was, whatever `eval` and `forward` do."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca._backend.module_state import evaluation_mode  # noqa: E402
from tests.torch_layers import MergingLinear  # noqa: E402

nn = torch.nn
ROWS = 3 + torch.randn(20, 6) * torch.tensor([1.0, 20.0, 0.1, 3.0, 0.5, 7.0])


class Odd(nn.Module):
    """Two layers, whose evaluation mode calls a function."""

    def __init__(self, on_eval=lambda model: None, on_run=lambda model: None):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(6, 4), nn.Linear(4, 2)
        self.register_buffer("mean", torch.full((6,), 2.0))
        self.on_eval, self.on_run = on_eval, on_run
        self.kept, self.notes, self.table = None, [1], {"a": 1}

    def train(self, mode=True):
        super().train(mode)
        if not mode:
            self.on_eval(self)
        return self

    def forward(self, rows):
        self.on_run(self)
        return self.second(self.first(rows - self.mean).relu())


def deploy(model):
    """As re-parametrised networks do."""
    model.fused = nn.Linear(4, 2)
    del model.second


def freeze(model):
    for values in model.parameters():
        values.requires_grad_(False)


ON_EVAL = {
    "values": lambda model: model.first.weight.data.mul_(2),
    "buffer": lambda model: model.mean.fill_(7.0),
    "other values": lambda model: setattr(
        model.first, "weight", nn.Parameter(torch.ones(4, 6))
    ),
    "precision": lambda model: model.half(),
    "structure": deploy,
    "new attribute": lambda model: setattr(model, "deployed", True),
    "lost attribute": lambda model: delattr(model, "kept"),
    "list": lambda model: model.notes.append(2),
    "dict": lambda model: model.table.update(a=2),
    "frozen": freeze,
    "hook": lambda model: model.first.register_forward_hook(lambda *_: None),
}
ON_RUN = {
    "values": lambda model: model.first.weight.data.div_(model.first.weight.norm()),
    "counter": lambda model: model.mean.add_(1.0),
}


def state_of(model):
    """Everything that a module is made of, down to the objects."""
    return (
        [(name, id(part), dict(vars(part))) for name, part in model.named_modules()],
        [list(part._forward_hooks) for part in model.modules()],
        (list(model.notes), dict(model.table)),
        [(id(v), v.requires_grad, v.dtype) for v in model.parameters()],
        {name: values.numpy().tobytes() for name, values in model.state_dict().items()},
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("what", ON_EVAL)
def test_what_eval_does_is_undone(what, runs, training):
    model = Odd()
    model.train(training)
    model.second.train(not training)
    model.on_eval = ON_EVAL[what]
    before = state_of(model)
    with evaluation_mode(model, runs=runs):
        assert not model.training
        assert state_of(model) != before
    assert state_of(model) == before


@pytest.mark.parametrize("what", ON_RUN)
def test_what_a_run_does_to_tensors_is_undone(what):
    model = Odd(on_run=ON_RUN[what])
    before = state_of(model)
    with evaluation_mode(model):
        model(ROWS)
        assert state_of(model)[-1] != before[-1]
    assert state_of(model) == before


def test_what_a_run_keeps_for_later_stays():
    model = Odd(on_run=lambda model: setattr(model, "kept", torch.ones(3)))
    with evaluation_mode(model):
        model(ROWS)
        model.notes.append("heard")
    assert model.kept.sum() == 3
    assert model.notes == [1, "heard"]


@pytest.mark.parametrize("what", ["values", "structure"])
@pytest.mark.parametrize("where", ["eval", "run"])
def test_everything_is_undone_after_an_error(what, where):
    def change_and_fail(model):
        ON_EVAL[what](model)
        raise RuntimeError("broken")

    model = Odd(on_eval=change_and_fail if where == "eval" else ON_EVAL[what])
    before = state_of(model)
    with pytest.raises(RuntimeError, match="broken"), evaluation_mode(model):
        raise RuntimeError("broken")
    assert state_of(model) == before


@pytest.mark.parametrize("start", ["training", "merged", "not merged"])
def test_a_merged_adapter_is_taken_out_again_to_the_last_bit(start):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), MergingLinear(8, 2))
    if start == "merged":
        model.eval()
    elif start == "not merged":
        for part in model.modules():
            part.training = False
    layer = model[1]
    before = layer.weight.clone(), layer.merged, layer.training
    with evaluation_mode(model):
        assert layer.merged
        outputs = model(ROWS)
    assert torch.equal(layer.weight, before[0])
    assert (layer.merged, layer.training) == before[1:]
    np.testing.assert_allclose(model(ROWS).detach(), outputs, rtol=1e-4, atol=1e-4)
    if start == "training":
        model(ROWS).square().mean().backward()
        assert layer.lora_A.grad.abs().max() > 0


def test_gradients_of_a_run_before_can_still_be_computed():
    """A parameter that is written to would lose them."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), MergingLinear(8, 2))
    loss = model(ROWS).square().mean()
    with evaluation_mode(model):
        model(ROWS)
    loss.backward()
    assert model[0].weight.grad.abs().max() > 0


def test_nothing_is_copied_for_plain_layers_that_do_not_run(monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("copied")

    monkeypatch.setattr(torch.Tensor, "to", refuse)
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    with evaluation_mode(model, runs=False):
        assert not model[1].training
    assert model[1].training
    with pytest.raises(AssertionError, match="copied"), evaluation_mode(model):
        pass


def test_layers_without_values():
    with (
        pytest.raises(ValueError, match=r"head: 'weight' has no values yet.*load its"),
        evaluation_mode(nn.LazyLinear(3), argument="head"),
    ):
        raise AssertionError("not reached")
