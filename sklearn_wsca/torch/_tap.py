"""Reading what one layer computes, batch after batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from sklearn_wsca.torch._layers import Layer, first_argument


class Tap:
    """Keeps the input or output of a layer while the model runs.

    Parameters
    ----------
    layer : Layer
        Where to read.
    side : {"input", "output"}
        What to read.
    pool : callable or None
        Applied to it at once.
    is_late : bool
        Read when the model has finished: layers behind this one that work in place
        have then changed it. Otherwise a copy is made when the layer is called.
    """

    def __init__(
        self,
        layer: Layer,
        side: str,
        pool: Callable | None = None,
        is_late: bool = False,
    ):
        self.layer, self.side, self.pool, self.is_late = layer, side, pool, is_late
        self._values: list[torch.Tensor] = []

    def __enter__(self) -> Tap:
        module = self.layer.module
        self._handle = module.register_forward_hook(self._keep, with_kwargs=True)
        return self

    def __exit__(self, *_: Any) -> None:
        self._handle.remove()

    def take(self) -> np.ndarray:
        """Return the value of the last run of the model, as float32 in main memory.

        Raises
        ------
        ValueError
            If the model did not call the layer once.
        """
        values, self._values = self._values, []
        if not values:
            raise ValueError(
                f"layer: the model did not call {self.layer}; name another layer."
            )
        if len(values) > 1:
            raise ValueError(
                f"layer: the model calls {self.layer} {len(values)} times per batch, "
                "so that it is unclear which call is meant; name a layer that is "
                "called once."
            )
        return values[0].to("cpu", torch.float32).numpy()

    def _keep(self, module: Any, args: tuple, kwargs: dict, output: Any) -> None:
        value = first_argument(args, kwargs) if self.side == "input" else output
        if self.pool is not None:
            value = self.pool(value)
        if not isinstance(value, torch.Tensor):
            raise ValueError(
                f"layer: the {self.side} of {self.layer} is a "
                f"{type(value).__name__}, not a tensor; name another layer, or pass "
                "pool=, a function that picks a tensor."
            )
        value = value.detach()
        self._values.append(
            value if self.is_late else value.to(torch.float32, copy=True)
        )
