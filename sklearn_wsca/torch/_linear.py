"""Linear layers of a model, each as a whole: with its adapter, not with its factors."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

# By these names adapters keep their factors, and the layer that they wrap.
_FACTOR = re.compile(r"(^|_)(lora|hada|lokr|ia3)($|_)", re.IGNORECASE)
_WRAPPED = ("base_layer", "original_module")


@dataclass(frozen=True)
class Layer:
    """A module and its name within the model."""

    name: str
    module: torch.nn.Module

    def __str__(self) -> str:
        kind = type(self.module).__name__
        return f"{self.name!r} ({kind})" if self.name else f"the model ({kind})"


def is_linear(module: torch.nn.Module) -> bool:
    """Whether a module is a linear layer as a whole, with any adapter around it.

    Whether it computes as one is found by running it. Quantised layers have the
    attributes of a ``torch.nn.Linear``, but are none.
    """
    if isinstance(module, torch.nn.Linear):
        return True
    # Nobody can observe their calls.
    if isinstance(module, torch.jit.ScriptModule):
        return False
    base = _wrapped(module)
    if base is not None:
        return is_linear(base)
    sizes = (getattr(module, name, None) for name in ("in_features", "out_features"))
    has_weight = hasattr(module, "weight") or hasattr(module, "qweight")
    has_layers = any(isinstance(part, torch.nn.Linear) for part in module.modules())
    is_sized = all(isinstance(size, int) for size in sizes)
    return is_sized and has_weight and not has_layers


def input_width(module: torch.nn.Module) -> int | None:
    """Number of features that a layer reads, as far as one can tell by looking."""
    width = getattr(module, "in_features", None)
    if isinstance(width, int):
        return width
    base = _wrapped(module)
    if base is None:
        base = next((layer.module for layer in linear_layers(module)), None)
    return None if base is None else input_width(base)


def linear_layers(model: torch.nn.Module) -> list[Layer]:
    """All linear layers, each as a whole: none that is a part of another one."""
    found: list[Layer] = []
    for name, module in model.named_modules():
        is_part = any(is_below(name, whole.name) for whole in found)
        # A network may be called "lora" as a whole; factors have longer names.
        ends = name.split(".")[-2:]
        is_factor = any(_FACTOR.search(end) and "_" in end for end in ends)
        if not is_part and not is_factor and is_linear(module):
            found.append(Layer(name, module))
    return found


def is_below(name: str, other: str) -> bool:
    """Whether a module is another one, or within it."""
    return not other or name == other or name.startswith(f"{other}.")


def _wrapped(module: torch.nn.Module) -> torch.nn.Module | None:
    """Layer within an adapter; None if the module is none."""
    children = dict(module.named_children())
    for name in _WRAPPED:
        if name in children:
            return children[name]
    names = [*children, *(name for name, _ in module.named_parameters(recurse=False))]
    linear = [
        child
        for name, child in children.items()
        if isinstance(child, torch.nn.Linear) and not _FACTOR.search(name)
    ]
    is_adapter = any(_FACTOR.search(name) for name in names)
    return linear[0] if is_adapter and len(linear) == 1 else None
