"""Score-CAM: what the model makes of its input behind the mask of each feature."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from sklearn_wsca.torch._batches import ModelInputs
from sklearn_wsca.torch._linear import Layer
from sklearn_wsca.torch._map_methods import mask_of, score_cam
from sklearn_wsca.torch._scores import ScoreReader
from sklearn_wsca.torch._tap import Tap


class MaskingTap(Tap):
    """Keeps the activation of a batch, then the scores of its masked copies.

    `masked` says which runs follow that of the batch; `finish` ends them.
    """

    def __init__(
        self,
        layer: Layer,
        side: str,
        reader: ScoreReader,
        as_maps: Callable[[torch.Tensor], torch.Tensor],
        *,
        is_late: bool = False,
    ):
        super().__init__(layer, side, is_late=is_late, can_pool=False)
        self.reader, self.as_maps = reader, as_maps
        self._activation: torch.Tensor | None = None
        self._scores: list[torch.Tensor] = []

    def take(self, output: Any) -> np.ndarray:
        """Return the activation of a batch, or the scores of a masked copy.

        Raises
        ------
        ValueError
            If the model did not call the layer once, or it gives no maps.
        """
        value = self.take_tensor()
        if self._activation is None:
            self._activation = self.as_maps(value.float())
            self.reader.read(output)
            return self._activation.to("cpu").numpy()
        self._scores.append(self.reader.read_again(output).float())
        return self._scores[-1].to("cpu").numpy()

    def masked(self, inputs: ModelInputs, number: int) -> Iterator[ModelInputs]:
        """The inputs of batch `number` behind the mask of each feature.

        Raises
        ------
        ValueError
            If the model is not called with one tensor with positions as the maps have.
        """
        activation = self._activation
        assert activation is not None
        image = _only_image(inputs, number, activation.ndim).to(activation.device)
        for feature in activation.split(1, dim=1):
            behind = image * mask_of(feature, image.shape[2:])
            yield ModelInputs(
                (behind,) if inputs.args else (), dict.fromkeys(inputs.kwargs, behind)
            )

    def finish(self) -> np.ndarray:
        """Maps of the batch, from the scores of all its masked copies."""
        assert self._activation is not None
        maps = score_cam(self._activation, torch.stack(self._scores, dim=1))
        self._activation, self._scores = None, []
        return maps.to("cpu").numpy()


def _only_image(inputs: ModelInputs, number: int, n_dimensions: int) -> torch.Tensor:
    """Find the one tensor (n, channels, *spatial) that a model is called with."""
    found = [*inputs.args, *inputs.kwargs.values()]
    if len(found) == 1 and isinstance(found[0], torch.Tensor):
        (image,) = found
        if image.ndim == n_dimensions and image.is_floating_point():
            return image
    raise ValueError(
        f"method: 'score-cam' masks the input, and batch {number} of the loader is not "
        f"one tensor of real numbers (n, channels, ...) with {n_dimensions - 2} "
        "spatial dimensions, as the maps of the layer have; choose another method."
    )
