"""The head among the arrays of a file: by its name, or as the only one that fits."""

from __future__ import annotations

import numpy as np

from sklearn_wsca.io._array_file import ArrayFile, Shape
from sklearn_wsca.io._errors import FileError, quoted
from sklearn_wsca.io._linear_layers import (
    CLASSES,
    LinearLayer,
    describe_others,
    find_layers,
    is_named_pair,
    join,
    may_be_weights,
    one_array,
    renamed_intercepts,
)
from sklearn_wsca.io._weight_forms import INTERCEPT_OF

Parts = tuple[np.ndarray, np.ndarray | None, tuple | None]


def head_arrays(arrays: ArrayFile, key: str | None, n_features: int | None) -> Parts:
    """Weights, intercepts and classes of the head in a file.

    Raises
    ------
    FileError
        If no layer fits, several do, or its weights cannot be told.
    """
    layers = find_layers(arrays)
    if key is None:
        layer = _only_fit(arrays, layers, n_features)
    else:
        layer = _by_key(arrays, layers, key)
    coef = layer.read()
    intercept = _read_intercept(layer, coef.shape)
    for candidate in CLASSES:
        if (labels := join(layer.prefix, candidate)) in arrays.shapes:
            return coef, intercept, tuple(arrays.read(labels).ravel().tolist())
        if labels in arrays.unreadable:
            raise arrays.refusal(labels)
    return coef, intercept, None


def as_matrix(shape: Shape) -> str:
    """Say what weights of more than two dimensions are, and how they become a head."""
    if all(size == 1 for size in shape[2:]):
        return (
            "they are those of a convolution of size 1, which is a linear layer behind "
            "an average over positions: save weight.flatten(1) of torch, or "
            "weight.reshape(len(weight), -1) of numpy"
        )
    return "a head has one row of weights per output and one column per feature"


def _by_key(arrays: ArrayFile, layers: list[LinearLayer], key: str) -> LinearLayer:
    """Layer that a key stands for, or the array that it names."""
    wanted = [key, *(f"{key}.{last}" for last in INTERCEPT_OF)]
    by_prefix = {layer.prefix: layer for layer in layers}
    for name in wanted:
        if name in arrays.shapes:
            return _layer_of(arrays, layers, name)
    if key in by_prefix:
        return by_prefix[key]
    # Within a checkpoint the names have a prefix such as "state_dict.".
    ends = tuple(f".{name}" for name in wanted)
    names = [name for name in arrays.shapes if name.endswith(ends)]
    if len(names) == 1:
        return _layer_of(arrays, layers, names[0])
    prefixes = [prefix for prefix in by_prefix if prefix.endswith(f".{key}")]
    if len(prefixes) == 1 and not names:
        return by_prefix[prefixes[0]]
    if names:
        raise arrays.error(
            f"{len(names)} of its arrays end in {quoted(key)}: "
            f"{arrays.describe(names)}; give the full name as key."
        )
    unreadable = (name for name in wanted if name in arrays.unreadable)
    raise arrays.missing(next(unreadable, key), "key")


def _layer_of(arrays: ArrayFile, layers: list[LinearLayer], name: str) -> LinearLayer:
    """Layer of an array that the user named; it alone if nothing speaks against it."""
    owners = [layer for layer in layers if layer.is_understood and name in layer.names]
    return owners[0] if owners else one_array(arrays, name)


def _only_fit(
    arrays: ArrayFile, layers: list[LinearLayer], n_features: int | None
) -> LinearLayer:
    """Only linear layer that fits the embeddings."""

    def fits(shape: Shape) -> bool:
        return len(shape) == 2 and n_features in (None, shape[1])

    shapes = arrays.shapes
    found = [
        layer
        for layer in layers
        if layer.is_linear() and any(fits(shape) for shape in layer.shapes)
    ]
    parts = {name for layer in found for name in layer.names}
    # Factors alone change a layer that is not in the file.
    found = [layer for layer in found if not layer.is_factors] or found
    found += [
        one_array(arrays, name)
        for name in shapes
        if fits(shapes[name]) and name not in parts and is_named_pair(arrays, name)
    ]
    parts.update(name for layer in found for name in layer.names)
    others = [name for name in shapes if fits(shapes[name]) and name not in parts]
    rivals = [name for name in others if may_be_weights(name)]
    if len(found) == 1 and not rivals:
        return found[0]
    if not found and not others:
        return _only_vector(arrays, layers, n_features)
    what = "a head" if n_features is None else f"a head of {n_features} features"
    names = [*(layer.label for layer in found), *rivals]
    if len(names) > 1:
        raise arrays.error(
            f"{len(names)} of its arrays may be {what}: {arrays.describe(names)}; name "
            "one with key."
        )
    raise arrays.error(
        f"holds nothing that is known to be {what}: {describe_others(arrays, others)}; "
        "if this is the head all the same, name it with key."
    )


def _only_vector(
    arrays: ArrayFile, layers: list[LinearLayer], n_features: int | None
) -> LinearLayer:
    """Only layer of a single output, in a file without matrices that fit."""
    for layer in reversed(layers):
        if layer.is_packed:
            raise layer.refusal()
    if n_features is not None:
        raise _explain_no_fit(arrays, n_features)
    vectors = [layer for layer in layers if layer.is_vector]
    if len(vectors) == 1:
        return vectors[0]
    for name in arrays.unreadable:
        raise arrays.refusal(name)
    raise arrays.error(
        f"none of its arrays can be a head; it holds {arrays.describe()}: save the "
        "weights as a 2-D array, one row per class."
    )


def _explain_no_fit(arrays: ArrayFile, n_features: int) -> FileError:
    for name in arrays.unreadable:
        if name.rpartition(".")[2] in INTERCEPT_OF:
            return arrays.refusal(name)
    shapes = arrays.shapes
    turned = [
        name
        for name, shape in shapes.items()
        if len(shape) == 2 and shape[0] == n_features
    ]
    flat = [name for name, shape in shapes.items() if shape == (n_features,)]
    points = [
        name
        for name, shape in shapes.items()
        if len(shape) > 2 and shape[1:] == (n_features, *[1] * (len(shape) - 2))
    ]
    if turned:
        advice = f"{quoted(turned[0])} looks transposed: save its .T, one row per class"
    elif points:
        advice = f"of {quoted(points[0])}, {as_matrix(shapes[points[0]])}"
    elif flat:
        advice = f"name {quoted(flat[0])} with key if it is the head of one output"
    else:
        advice = "pass the embeddings that enter this head, or the head behind them"
    weights = [name for name, shape in shapes.items() if len(shape) > 1]
    return arrays.error(
        f"no weights of {n_features} features, as the embeddings have; it holds "
        f"{arrays.describe(weights or list(shapes))}: {advice}."
    )


def _read_intercept(layer: LinearLayer, shape: Shape) -> np.ndarray | None:
    """Intercepts that belong to weights, if there are any."""
    arrays, last = layer.arrays, layer.label.rpartition(".")[2]
    pruned = [join(layer.prefix, part) for part in ("bias_orig", "bias_mask")]
    if all(name in arrays.shapes for name in pruned):
        return arrays.read(pruned[0]) * arrays.read(pruned[1])
    name = join(layer.prefix, INTERCEPT_OF.get(last, "bias"))
    for candidate in (name, *renamed_intercepts(layer.label)):
        if candidate in arrays.shapes:
            return arrays.read(candidate)
        if candidate in arrays.unreadable:
            raise arrays.refusal(candidate)
    n_rows = shape[0] if len(shape) > 1 else 1
    if layer.prefix == "":
        for other, size in arrays.shapes.items():
            known = "." in other or other in (*CLASSES, *layer.names)
            if size == (n_rows,) and not known:
                raise arrays.error(
                    f"{quoted(other)} may hold the intercepts of the weights "
                    f"{quoted(last)}; name them 'weight' and 'bias', or leave it out."
                )
    return None
