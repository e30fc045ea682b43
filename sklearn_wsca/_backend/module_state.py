"""Evaluation mode of a module of torch, after which it is as it was.

Imported only where there are modules, and therefore torch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any, NamedTuple

import torch

from sklearn_wsca._backend.memory import explain_shortage

COPIES = (
    "Its parameters are copied to main memory, to be afterwards what they were; close "
    "other programs, or use a smaller model."
)


class _Tensor(NamedTuple):
    """A parameter or buffer, and what it was."""

    tensor: torch.Tensor
    values: torch.Tensor
    device: torch.device
    is_trained: bool


class _Attribute(NamedTuple):
    """An attribute of a module, and what was in it if it is a container."""

    value: Any
    content: Any


@contextmanager
def evaluation_mode(
    model: torch.nn.Module, *, runs: bool = True, argument: str = "model"
) -> Iterator[None]:
    """Evaluation mode without gradients; everything is as before afterwards.

    What `eval` does besides, such as merging an adapter into weights, is undone: modes,
    attributes and parts of every module, parameters and buffers. What the model keeps
    for later while it runs, in attributes that are no buffers, stays.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    runs : bool
        Whether the model itself runs, which may change any parameter or buffer. If not,
        only those are copied that `eval` may change.
    argument : str
        What to call the model in messages.

    Raises
    ------
    MemoryShortageError
        If parameters cannot be copied.
    ValueError
        If a parameter has no values yet.
    """
    _check_values(model, argument)
    modules = list(model.modules())
    with ExitStack() as stack:
        with explain_shortage(argument, COPIES):
            kept = _keep_tensors([model] if runs else filter(_has_own_eval, modules))
        stack.callback(_restore_tensors, kept)
        stack.callback(_restore_modes, [(m, m.training) for m in modules])
        before = [(module, _attributes(module)) for module in modules]
        try:
            # Weights that are merged now are not merged in low precision.
            with full_precision(model):
                model.eval()
        finally:
            for module, attributes in before:
                changed = _changed(module, attributes)
                stack.callback(_restore_attributes, module, changed)
        # Not inference_mode: what a model keeps for later calls must stay trainable.
        stack.enter_context(torch.no_grad())
        # Compiled code ignores hooks. Whoever compiled something has loaded dynamo.
        if "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield


@contextmanager
def full_precision(model: torch.nn.Module) -> Iterator[None]:
    """Without the mixed precision that the user may have switched on."""
    kinds = {tensor.device.type for tensor in model.parameters()} | {"cpu"}
    with ExitStack() as stack:
        for kind in kinds - {"meta"}:
            stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def _check_values(model: torch.nn.Module, argument: str) -> None:
    for name, values in chain(model.named_parameters(), model.named_buffers()):
        if torch.nn.parameter.is_lazy(values):
            raise ValueError(
                f"{argument}: {name!r} has no values yet, as in a lazy layer that "
                "never ran; run it on a batch and load its trained weights first."
            )


def _has_own_eval(module: torch.nn.Module) -> bool:
    """Whether a module does more than others when its mode is set."""
    plain, kind = torch.nn.Module, type(module)
    overridden = kind.train is not plain.train or kind.eval is not plain.eval
    return overridden or not {"train", "eval"}.isdisjoint(vars(module))


def _keep_tensors(modules: Iterable[torch.nn.Module]) -> list[_Tensor]:
    """Copies of all parameters and buffers below some modules, in main memory."""
    found = {
        id(tensor): tensor
        for module in modules
        for tensor in chain(module.parameters(), module.buffers())
    }
    return [
        _Tensor(t, t.data.to("cpu", copy=True), t.device, t.requires_grad)
        for t in found.values()
        if _is_plain(t)
    ]


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor is numbers in memory; other kinds are changed by nobody."""
    plain = type(tensor.data) is torch.Tensor and tensor.layout is torch.strided
    return plain and not tensor.is_meta and not tensor.is_quantized


def _restore_tensors(kept: list[_Tensor]) -> None:
    for tensor, values, device, is_trained in kept:
        if tensor.requires_grad != is_trained:
            tensor.requires_grad_(is_trained)
        found = tensor.device, tensor.dtype, tensor.shape
        if found != (device, values.dtype, values.shape):
            tensor.data = values.to(device)
        elif not torch.equal(tensor.data.to("cpu"), values):
            # Not the parameter itself: a graph that waits for backward would be lost.
            tensor.data.copy_(values)


def _restore_modes(modes: list[tuple[torch.nn.Module, bool]]) -> None:
    # Not by train(), which sets all modules below as well.
    for module, training in modes:
        module.training = training


def _attributes(module: torch.nn.Module) -> dict[str, _Attribute]:
    """All attributes but the mode, which is restored in any case."""
    return {
        name: _Attribute(value, _content(value))
        for name, value in vars(module).items()
        if name != "training"
    }


def _content(value: Any) -> Any:
    """What is in a container, in a plain one; None for anything else."""
    for kind in (dict, list, set):
        if isinstance(value, kind):
            return kind(value)
    return None


def _changed(
    module: torch.nn.Module, before: dict[str, _Attribute]
) -> dict[str, _Attribute | None]:
    """Attributes that are other objects now, or hold others; None: was not there."""
    now = vars(module)
    changed: dict[str, _Attribute | None] = {
        name: attribute
        for name, attribute in before.items()
        if name not in now
        or now[name] is not attribute.value
        or not _holds_same(*attribute)
    }
    new = now.keys() - before.keys() - {"training"}
    return changed | dict.fromkeys(new)


def _holds_same(container: Any, content: Any) -> bool:
    """Whether a container holds the very objects of its earlier content."""
    if content is None:
        return True
    now, before = (
        [*entries, *entries.values()] if isinstance(entries, dict) else [*entries]
        for entries in (container, content)
    )
    if len(now) != len(before):
        return False
    return all(a is b for a, b in zip(now, before, strict=True))


def _restore_attributes(
    module: torch.nn.Module, changed: dict[str, _Attribute | None]
) -> None:
    # Not by setattr, which a module handles in its own ways.
    attributes = vars(module)
    for name, attribute in changed.items():
        if attribute is None:
            attributes.pop(name, None)
            continue
        attributes[name] = container = attribute.value
        if attribute.content is not None:
            container.clear()
            add = "extend" if isinstance(container, list) else "update"
            getattr(container, add)(attribute.content)
