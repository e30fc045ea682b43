"""Copies of a model that have forgotten what it learnt."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from sklearn_wsca.torch._layers import find_by_name, unwrap


def randomise_weights(
    model: torch.nn.Module,
    layers: Sequence[str] | None = None,
    *,
    random_state: Any = None,
) -> torch.nn.Module:
    """Copy a model and exchange the weights of each tensor among themselves at random.

    Each tensor of parameters keeps its values, in another order: their size is that of
    the trained network, and what it learnt is gone. Buffers, such as the running means
    of a batch normalisation, stay.

    Parameters
    ----------
    model : torch.nn.Module
        The trained model, which is left alone.
    layers : sequence of str, default=None
        Names of modules, with all that is in them; None takes the whole model. From the
        last layer on, one more at a time, shows how deep a map looks into the network.
    random_state : int, RandomState or None, default=None
        Seed of the exchange.

    Returns
    -------
    torch.nn.Module
        The randomised copy.

    Raises
    ------
    TypeError
        If the model is none, or a layer is no name.
    ValueError
        If it has no such layer, or there is no parameter to exchange.

    See Also
    --------
    sklearn_wsca.weight_randomisation_test : What the maps of both have in common.

    Examples
    --------
    >>> import torch
    >>> from sklearn_wsca import weight_randomisation_test
    >>> from sklearn_wsca.torch import extract_activation_maps, randomise_weights
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Conv2d(1, 6, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
    ...     torch.nn.Flatten(), torch.nn.Linear(6, 3),
    ... )
    >>> loader = torch.utils.data.DataLoader(torch.rand(40, 1, 8, 8), batch_size=16)
    >>> maps, scores = extract_activation_maps(model, loader, return_scores=True)
    >>> classes = scores.argmax(axis=1)  # those of the trained network
    >>> randomised = [
    ...     extract_activation_maps(
    ...         randomise_weights(model, random_state=seed), loader, target=classes
    ...     )
    ...     for seed in range(5)
    ... ]
    >>> result = weight_randomisation_test(maps, randomised, random_state=0)
    >>> result.n_units, len(result.by_network)
    (40, 5)
    """
    copy = deepcopy(unwrap(model))
    named = [""] if layers is None else _check_names(layers)
    modules = [find_by_name(copy, name).module if name else copy for name in named]
    # Shared tensors once.
    found = {id(values): values for one in modules for values in one.parameters()}
    if not found:
        raise ValueError(
            "layers: there is no parameter in them; name layers with weights."
        )
    random = check_random_state(random_state)
    with torch.no_grad():
        for values in found.values():
            flat = values.detach().flatten()
            order = torch.as_tensor(
                random.permutation(len(flat)).astype(np.int64), device=flat.device
            )
            values.copy_(flat[order].view_as(values))
    return copy


def _check_names(layers: Any) -> Sequence[str]:
    if isinstance(layers, str) or not all(isinstance(name, str) for name in layers):
        raise TypeError(
            f"layers: found {layers!r}; pass a list of names, such as ['head']."
        )
    return list(layers)
