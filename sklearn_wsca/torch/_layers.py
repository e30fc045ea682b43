"""Finding layers: by name, as the one behind the output, or before the pooling."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from sklearn_wsca.torch._batches import ModelInputs, tensors_of
from sklearn_wsca.torch._linear import Layer, input_width, linear_layers

_WRAPPERS = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
# What wrappers add to the names of layers.
_PARALLEL, _COMPILED = "module.", "_orig_mod."
# A few rows tell which layer it is as well as a batch does, and faster.
_N_PROBE_ROWS = 4
_MOST_LISTED = 8
# What networks do with the output of their last layer, element by element or row.
_ACTIVATIONS: tuple[Callable[[torch.Tensor], torch.Tensor], ...] = (
    lambda logits: logits,
    torch.sigmoid,
    lambda logits: torch.softmax(logits, dim=-1),
    lambda logits: torch.log_softmax(logits, dim=-1),
    torch.tanh,
    torch.relu,
    functional.softplus,
)


class Call(NamedTuple):
    """One call of a layer."""

    layer: Layer
    input: Any
    output: Any


def unwrap(model: Any) -> torch.nn.Module:
    """Model without the wrappers of parallel or compiled execution.

    Raises
    ------
    TypeError
        If it is no module, or one of TorchScript.
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(
            f"model: found a {type(model).__name__}; pass a torch.nn.Module. A "
            "checkpoint holds weights only: load them into the model first."
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(
            "model: found a TorchScript module, whose layers cannot be observed; pass "
            "the torch.nn.Module that it was made from."
        )
    if isinstance(model, _WRAPPERS):
        return unwrap(model.module)
    inner = dict(model.named_children()).get("_orig_mod")
    return model if inner is None else unwrap(inner)


def find_by_name(model: torch.nn.Module, layer: Any, argument: str = "layer") -> Layer:
    """Look up a layer of an unwrapped model by its name, or the name of a module.

    Raises
    ------
    ValueError
        If the model has no such layer.
    TypeError
        If it is neither a name nor a module.
    """
    modules = {
        name.replace(_COMPILED, ""): module for name, module in model.named_modules()
    }
    if isinstance(layer, torch.nn.Module):
        for name, module in modules.items():
            if module is layer:
                return Layer(name, module)
        raise ValueError(
            f"{argument}: the {type(layer).__name__} is not part of the model; pass "
            "one of its modules, or a name of model.named_modules()."
        )
    if not isinstance(layer, str):
        raise TypeError(
            f"{argument}: found a {type(layer).__name__}; pass a name of "
            "model.named_modules() or a module of the model."
        )
    name = layer.replace(_COMPILED, "")
    while name not in modules and name.startswith(_PARALLEL):
        name = name.removeprefix(_PARALLEL)
    if name in modules:
        return Layer(name, modules[name])
    names = [known for known in modules if known]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    advice = (
        f"did you mean {_last_names(near)}?"
        if near
        else f"the last ones are {_last_names(names)}."
    )
    raise ValueError(f"{argument}: the model has no layer {layer!r}; {advice}")


def find_last_linear(model: torch.nn.Module) -> Layer:
    """Find the linear layer that is defined last, without running the model.

    Raises
    ------
    ValueError
        If there is none, or another one could be a second head.
    """
    linear = linear_layers(model)
    if not linear:
        raise _no_linear_layer("the model has no torch.nn.Linear")
    width = input_width(linear[-1].module)
    # A layer that reads as many numbers may be another head than the last layer. One
    # that also gives as many is taken for the layer before it.
    rivals = [
        other
        for other in linear[:-1]
        if input_width(other.module) == width
        and getattr(other.module, "out_features", None) != width
    ]
    if rivals:
        raise ValueError(
            "layer: several linear layers may be the last one: "
            f"{_last_names([*rivals, linear[-1]])}; name one with layer=, or pass a "
            "batch with batch=, from which the one behind the output is found."
        )
    return linear[-1]


def find_head(model: torch.nn.Module, inputs: ModelInputs) -> Layer:
    """Find the linear layer whose output is what the model returns, by running it.

    Raises
    ------
    ValueError
        If there is none, or several.
    """
    calls, output = _record(model, inputs, linear_layers(model))
    return _head_call(calls, output).layer


def find_pooled_maps(model: torch.nn.Module, inputs: ModelInputs) -> tuple[Layer, str]:
    """Find where the feature maps are whose mean over positions enters the head.

    Returns the layer and its side, "input" or "output".

    Raises
    ------
    ValueError
        If there is no such layer, or the head is not found.
    """
    layers = [Layer(name, module) for name, module in model.named_modules()]
    calls, output = _record(model, inputs, layers)
    counts = Counter(call.layer.name for call in calls)
    once = [call for call in calls if counts[call.layer.name] == 1]
    names = _last_names([call.layer for call in once if _is_maps(call.output)])
    try:
        linear = {layer.name for layer in linear_layers(model)}
        heads = [call for call in calls if call.layer.name in linear]
        embedding = _head_call(heads, output).input
    except ValueError as error:
        advice = f" The last layers with feature maps are {names}." if names else ""
        raise ValueError(f"{error}{advice}") from error
    found = [
        (call.layer, side, getattr(call, side)[0, 0].numel())
        for side in ("input", "output")
        for call in once
        if _pools_to(getattr(call, side), embedding)
    ]
    # A pooled map is its own mean, and is chosen only where nothing else is.
    found = [entry for entry in found if entry[2] > 1] or found
    if found:
        layer, side, _ = found[-1]
        return layer, side
    advice = f"; name one with layer=, the last ones are {names}" if names else ""
    raise ValueError(
        "layer: no layer gives feature maps whose mean over positions is the input of "
        f"the last linear layer{advice}."
    )


def _record(
    model: torch.nn.Module, inputs: ModelInputs, layers: list[Layer]
) -> tuple[list[Call], Any]:
    """Run a few rows; all calls of some layers, in the order of their end."""
    calls: list[Call] = []

    def observe(layer: Layer) -> Callable:
        def hook(module: Any, args: tuple, kwargs: dict, output: Any) -> None:
            calls.append(Call(layer, first_argument(args, kwargs), output))

        return hook

    with ExitStack() as stack:
        for layer in layers:
            hook = observe(layer)
            handle = layer.module.register_forward_hook(hook, with_kwargs=True)
            stack.callback(handle.remove)
        output = inputs.first_rows(_N_PROBE_ROWS).call(model)
    return calls, output


def first_argument(args: tuple, kwargs: dict) -> Any:
    """Return what a module works on, None if it is called with nothing."""
    return next(iter((*args, *kwargs.values())), None)


def _head_call(calls: list[Call], output: Any) -> Call:
    """Find the call that gives the model's output, among those of linear layers."""
    linear = [call for call in calls if isinstance(call.output, torch.Tensor)]
    if not linear:
        raise _no_linear_layer("the model ran through no torch.nn.Linear")
    results = list(tensors_of(output))
    giving = [c for c in linear if any(_gives(c.output, result) for result in results)]
    # A model that returns its embedding as well has two such layers in a row.
    ends = [c for c in giving if not any(_gives(c.output, o.input) for o in giving)]
    by_name = {call.layer.name: call for call in ends}
    if len(by_name) == 1:
        return next(iter(by_name.values()))
    if not by_name:
        found = (
            "no linear layer gives the output of the model; the last ones are "
            f"{_last_names([call.layer for call in linear])}"
        )
    else:
        names = _last_names([call.layer for call in ends])
        found = f"the model has several outputs, given by {names}"
    raise ValueError(f"layer: {found}; name one with layer=.")


def _no_linear_layer(found: str) -> ValueError:
    return ValueError(
        f"layer: {found}, of which the input would be the embedding; name another "
        "layer with layer=. A 1 x 1 convolution as head has to be named, too."
    )


def _gives(logits: torch.Tensor, result: Any) -> bool:
    """Whether a result is the output of a layer, as it is or after an activation."""
    if logits.numel() != result.numel() or logits.numel() == 0:
        return False
    tolerance = _tolerance(logits, result)
    logits, result = logits.float(), result.reshape(-1).float()
    return any(
        _is_close(activation(logits).reshape(-1), result, tolerance)
        for activation in _ACTIVATIONS
    )


def _pools_to(maps: Any, embedding: torch.Tensor) -> bool:
    if not _is_maps(maps) or maps.shape[:2] != embedding.shape:
        return False
    means = maps.float().flatten(2).mean(dim=2)
    return _is_close(means, embedding.float(), _tolerance(maps, embedding))


def _is_maps(value: Any) -> bool:
    is_tensor = isinstance(value, torch.Tensor) and value.is_floating_point()
    return is_tensor and value.ndim > 2


def _tolerance(*tensors: torch.Tensor) -> float:
    """Relative to the largest value: that of the coarsest precision."""
    kinds = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]
    return max(1e-4, *(4 * torch.finfo(kind).eps for kind in kinds))


def _is_close(found: torch.Tensor, wanted: torch.Tensor, tolerance: float) -> bool:
    # A broken network gives NaN; that is said of its embeddings or weights.
    largest = float(wanted.abs().nan_to_num(posinf=0.0).max())
    allowed = tolerance * largest
    return torch.allclose(found, wanted, rtol=0.0, atol=allowed, equal_nan=True)


def _last_names(names: Iterable[Any]) -> str:
    """Last names of a list, in quotes; layers with their kind."""
    shown = [str(n) if isinstance(n, Layer) else repr(n) for n in names]
    unique = list(dict.fromkeys(shown))
    return ", ".join(unique[-_MOST_LISTED:])
