"""Reading what one layer computes, batch after batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch

from sklearn_wsca.torch._layers import first_argument
from sklearn_wsca.torch._linear import Layer

_MOST_SCALE = 1024


class Tap:
    """Keeps the input or output of a layer, pooled by `pool`, while the model runs.

    If `is_late`, it is read when the model has finished: layers behind this one that
    work in place have then changed it. Otherwise a copy is made when the layer is
    called. `can_pool` tells messages whether the user could have passed `pool`. What is
    taken stays a tensor where the model runs if it `stays_on_device`.
    """

    # What the user named the layer with.
    argument = "layer"

    def __init__(
        self,
        layer: Layer,
        side: str,
        pool: Callable | None = None,
        *,
        is_late: bool = False,
        can_pool: bool = True,
        stays_on_device: bool = False,
    ):
        self.layer, self.side, self.pool = layer, side, pool
        self.is_late, self.can_pool = is_late, can_pool
        self.stays_on_device = stays_on_device
        self._values: list[torch.Tensor] = []
        self._stack = ExitStack()

    def __enter__(self) -> Tap:
        module = self.layer.module
        handle = module.register_forward_hook(self._keep, with_kwargs=True)
        self._stack.callback(handle.remove)
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    def take(self, output: Any) -> np.ndarray | torch.Tensor:
        """Return what the run of the model that gave `output` left, as float32.

        Raises
        ------
        ValueError
            If the model did not call the layer once.
        """
        value = self.take_tensor().to(torch.float32)
        return value if self.stays_on_device else value.to("cpu").numpy()

    def take_tensor(self) -> torch.Tensor:
        """Return the value of the last run of the model.

        Raises
        ------
        ValueError
            If the model did not call the layer once.
        """
        values, self._values = self._values, []
        if not values:
            raise ValueError(
                f"{self.argument}: the model did not call {self.layer}; name another "
                "layer."
            )
        if len(values) > 1:
            raise ValueError(
                f"{self.argument}: the model calls {self.layer} {len(values)} times "
                "per batch, so that it is unclear which call is meant; name a layer "
                "that is called once."
            )
        return values[0]

    def _keep(self, module: Any, args: tuple, kwargs: dict, output: Any) -> None:
        value = first_argument(args, kwargs) if self.side == "input" else output
        value = self._as_tensor(value if self.pool is None else self.pool(value))
        self._values.append(self._copy(value))

    def _copy(self, value: torch.Tensor) -> torch.Tensor:
        value = value.detach()
        return value if self.is_late else value.to(torch.float32, copy=True)

    def _as_tensor(self, value: Any) -> torch.Tensor:
        if isinstance(value, torch.Tensor):
            return value
        other = ", or pass pool=, a function that picks a tensor"
        raise ValueError(
            f"{self.argument}: the {self.side} of {self.layer} is a "
            f"{type(value).__name__}, not a tensor; name another layer"
            f"{other if self.can_pool else ''}."
        )


class ScoreTap(Tap):
    """Keeps the output of a layer with the graph that leads to it."""

    argument = "scores"

    def __init__(self, layer: Layer):
        super().__init__(layer, "output", can_pool=False)

    def _copy(self, value: torch.Tensor) -> torch.Tensor:
        return value.clone()


class GradientTap(Tap):
    """What is made of the activation of a layer and the gradient of a score.

    The graph starts at the layer: what the model computes before it needs no memory.
    `read_scores` returns one score per row, with its graph, from the model's output;
    `combine` gets activation and gradient in single precision.
    """

    def __init__(
        self,
        layer: Layer,
        side: str,
        read_scores: Callable[[Any], torch.Tensor],
        combine: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        *,
        is_late: bool = False,
    ):
        super().__init__(layer, side, is_late=is_late, can_pool=False)
        self.read_scores, self.combine = read_scores, combine

    def __enter__(self) -> GradientTap:
        module = self.layer.module
        if self.side == "input":
            handle: Any = module.register_forward_pre_hook(
                self._replace_input, with_kwargs=True
            )
        else:
            handle = module.register_forward_hook(self._replace_output)
        self._stack.callback(handle.remove)
        self._stack.enter_context(torch.inference_mode(False))
        self._stack.enter_context(torch.enable_grad())
        return self

    def take(self, output: Any) -> np.ndarray:
        """Return what `combine` makes of the run that gave `output`, as float32.

        Raises
        ------
        ValueError
            If the model did not call the layer once, or no gradient leads from the
            scores to it.
        """
        activation = self.take_tensor()
        scores = self.read_scores(output)
        if len(scores) != len(activation):
            raise ValueError(
                f"layer: {self.layer} gives {len(activation)} rows for {len(scores)} "
                "rows of scores; name a layer with one row per input."
            )
        # Gradients of many positions would vanish in half precision, and the whole
        # number of positions would be infinite there.
        scale = min(math.prod(activation.shape[2:]), _MOST_SCALE)
        gradient = self._differentiate(scores.float().sum() * scale, activation)
        made = self.combine(activation.detach().float(), gradient.float() / scale)
        return made.to("cpu").numpy()

    def _differentiate(
        self, total: torch.Tensor, activation: torch.Tensor
    ) -> torch.Tensor:
        gradient = None
        if total.requires_grad:
            (gradient,) = torch.autograd.grad(total, activation, allow_unused=True)
        if gradient is None:
            raise ValueError(
                f"layer: no gradient leads from the scores to the {self.side} of "
                f"{self.layer}; name a layer that the scores are computed from, and "
                "let the model compute them with gradients (no torch.no_grad, detach "
                "or argmax on the way)."
            )
        return gradient

    def _replace_input(self, module: Any, args: tuple, kwargs: dict) -> Any:
        passed = self._cut(first_argument(args, kwargs))
        if args:
            return (passed, *args[1:]), kwargs
        name = next(iter(kwargs), None)
        return args, kwargs if name is None else {**kwargs, name: passed}

    def _replace_output(self, module: Any, args: tuple, output: Any) -> Any:
        return self._cut(output)

    def _cut(self, value: Any) -> torch.Tensor:
        """Start a graph; returns what the model goes on with."""
        value = self._as_tensor(value)
        if not value.is_floating_point() or value.ndim < 2:
            raise ValueError(
                f"layer: the {self.side} of {self.layer} is a tensor of the shape "
                f"{tuple(value.shape)} and the type {value.dtype}, not activations "
                "(n, channels, ...); name another layer."
            )
        # A model may run its first part without gradients.
        with torch.inference_mode(False), torch.enable_grad():
            start = value.detach().clone().requires_grad_()
            # Layers behind this one that work in place change the copy.
            passed = start.clone()
        self._values.append(passed if self.is_late else start)
        return passed
