"""The scores of a model, and those of one class for each sample."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch

from sklearn_wsca._features.map_evaluation import read_columns
from sklearn_wsca.torch._batches import ModelInputs, tensors_of
from sklearn_wsca.torch._layers import find_by_name, find_head
from sklearn_wsca.torch._sinks import RowSink
from sklearn_wsca.torch._tap import ScoreTap


class ScoreReader:
    """Finds the scores in each run of a model, and those of the wanted classes.

    `source` and `target` are what users pass as `scores` and `target`.
    """

    def __init__(self, model: torch.nn.Module, source: Any, target: Any):
        self.model, self.target = model, target
        self.scores = RowSink("scores", must_be_finite=False)
        self._latest = np.empty((0, 0), dtype=np.float32)
        self._latest_columns = torch.empty(0, dtype=torch.long)
        self._columns: np.ndarray | None = None
        self._function: Callable | None = None
        self._layer = None
        self._tap: ScoreTap | None = None
        self._stack = ExitStack()
        if callable(source) and not isinstance(source, torch.nn.Module):
            self._function = source
        elif source is not None:
            self._layer = find_by_name(model, source, argument="scores")

    def __enter__(self) -> ScoreReader:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    def watch(self, inputs: ModelInputs) -> None:
        """Find the layer with the scores, if they are not returned by a function."""
        if self._function is None and self._layer is None:
            try:
                self._layer = find_head(self.model, inputs)
            except ValueError:
                # No linear layer, or several: then only one output can be meant.
                return
        if self._layer is not None:
            self._tap = ScoreTap(self._layer)
            self._stack.enter_context(self._tap)

    def read(self, output: Any) -> torch.Tensor:
        """Score of the wanted class of each row of a batch, with its graph."""
        table = self._as_table(self._find(output))
        self._latest = table.detach().to("cpu", torch.float32, copy=True).numpy()
        self._latest_columns = self._wanted_columns(table)
        return table.gather(1, self._latest_columns[:, None])[:, 0]

    def read_again(self, output: Any) -> torch.Tensor:
        """Score of the same classes, from another run of the rows that were read."""
        table = self._as_table(self._find(output))
        return table.gather(1, self._latest_columns[:, None])[:, 0]

    def keep(self, number: int) -> None:
        """Keep the scores that were read last, those of batch `number`."""
        self.scores.append(self._latest, number)

    def check_end(self) -> None:
        """Raise if there are more wanted columns than rows."""
        n_rows, columns = self.scores.n_rows, self._columns
        if columns is not None and columns.ndim and len(columns) != n_rows:
            raise ValueError(
                f"target: {len(columns)} columns for the {n_rows} rows of the loader; "
                "pass one for each, or one for all."
            )

    def _find(self, output: Any) -> Any:
        if self._tap is not None:
            return self._tap.take_tensor()
        if self._function is not None:
            return self._function(output)
        found = [
            result
            for result in tensors_of(output)
            if result.ndim and result.is_floating_point()
        ]
        if len(found) == 1:
            return found[0]
        raise ValueError(
            f"scores: the model returns {len(found)} tensors, none or several of them "
            "given by a linear layer; name the layer that gives the scores with "
            "scores=, or pass a function that picks them from what the model returns."
        )

    def _as_table(self, found: Any) -> torch.Tensor:
        """Scores with two dimensions."""
        if isinstance(found, torch.Tensor) and found.is_floating_point():
            if found.ndim == 1:
                return found[:, None]
            if found.ndim == 2 and found.shape[1]:
                return found
        shape = tuple(getattr(found, "shape", ()))
        raise ValueError(
            f"scores: found a {type(found).__name__} of the shape {shape}, not numbers "
            "of the shape (n_rows, n_classes) or (n_rows,); pass a function that makes "
            "them from what the model returns."
        )

    def _wanted_columns(self, table: torch.Tensor) -> torch.Tensor:
        if self.target is None:
            return table.argmax(dim=1)
        n_rows, n_columns = table.shape
        if self._columns is None:
            self._columns = read_columns(self.target, n_columns, "target")
        if self._columns.ndim == 0:
            return torch.full((n_rows,), int(self._columns), device=table.device)
        first = self.scores.n_rows
        if len(self._columns) < first + n_rows:
            raise ValueError(
                f"target: {len(self._columns)} columns, but the loader has at least "
                f"{first + n_rows} rows; pass one for each, or one for all."
            )
        chosen = self._columns[first : first + n_rows]
        return torch.as_tensor(chosen, device=table.device)
