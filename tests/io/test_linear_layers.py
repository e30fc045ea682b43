"""Layers whose weights a checkpoint does not tell are refused by name."""

import numpy as np
import pytest

from sklearn_wsca.io import FileError
from tests.checkpoints import BIAS, COEF, FACTORS, HEAD, below, load


def ints(*shape):
    return np.random.default_rng(1).integers(0, 127, shape).astype(np.int32)


REFUSED = {
    "adapter of loralib": (
        below("head", {**HEAD, **FACTORS}),
        r"layer 'head' .*'head\.lora_A' .*an adapter, whose scale is not in the file",
    ),
    "adapter of peft": (
        {
            **below("m.head.base_layer", HEAD),
            "m.head.lora_A.default.weight": FACTORS["lora_A"],
            "m.head.lora_B.default.weight": FACTORS["lora_B"],
        },
        r"layer 'm\.head' .*an adapter",
    ),
    "adapter alone": (
        below("head", {f"{name}.weight": part for name, part in FACTORS.items()}),
        r"layer 'head' .*'head\.lora_A\.weight' \(2, 6\).*an adapter",
    ),
    "adapter around a layer": (
        {**below("head.linear", HEAD), "head.lora.A": FACTORS["lora_A"]},
        r"layer 'head' .*'head\.linear\.weight' .*an adapter",
    ),
    "adapter by magnitude": (
        {**below("head.base_layer", HEAD), "head.ia3_l.default": np.ones((3, 1))},
        "an adapter",
    ),
    "adapter as parametrization": (
        below(
            "head.parametrizations.weight",
            {"original": COEF, "0.lora_A": COEF[:2], "0.lora_B": COEF[:, :2]},
        ),
        "an adapter",
    ),
    "4 bits": (
        {
            "head.weight": ints(9, 1).astype(np.uint8),
            "head.weight.absmax": np.ones(1),
            "head.weight.quant_map": np.ones(16),
            "head.weight.quant_state.bitsandbytes__nf4": np.ones(90, dtype=np.uint8),
            "head.bias": BIAS,
        },
        "layer 'head' .*a format of 4 bits",
    ),
    "packed integers": (
        below(
            "head",
            {
                "qweight": ints(1, 3),
                "qzeros": ints(1, 1),
                "scales": np.ones((1, 3)),
                "g_idx": ints(6),
                "bias": BIAS,
            },
        ),
        "layer 'head' .*'head.qweight'.*hold several weights",
    ),
    "packed integers of compressed-tensors": (
        below("head", {"weight_packed": ints(3, 1), "weight_scale": np.ones((3, 1))}),
        "hold several weights",
    ),
    "quanto": (
        below("head.weight", {"_data": ints(3, 6), "_scale": np.ones((3, 1))}),
        r"layer 'head' .*'head\.weight\._data'.*a quantised format",
    ),
    "quantised by torch": (
        below("head", {"scale": np.ones(()), "zero_point": np.zeros(())}),
        "layer 'head' .*quantised by torch",
    ),
    "fp8": (
        below("head", {**HEAD, "weight_scale": np.ones(1), "input_scale": np.ones(1)}),
        r"'head\.weight' .*'head\.input_scale' \(1,\).*a quantised format",
    ),
    "fake quantisation": (
        below("head", {**HEAD, "weight_fake_quant.scale": np.ones(1)}),
        "a quantised format",
    ),
    "parametrization by hand": (
        {"head.parametrizations.weight.original": COEF, "head.bias": BIAS},
        r"'head\.parametrizations\.weight\.original' .*a parametrization",
    ),
    "weight norm of the intercepts too": (
        below("head", {"weight_g": np.ones((3, 1)), "weight_v": COEF, "bias_g": BIAS}),
        "a parametrization",
    ),
    "noise on the weights": (
        below("head", {"weight_mu": COEF, "weight_sigma": COEF, "bias_mu": BIAS}),
        "a parametrization",
    ),
    "something else": (
        below("head", {**HEAD, "temperature": np.ones(1)}),
        r"'head\.temperature' \(1,\); export .*or take 'head\.weight' as it is with",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_layer_with_companions_is_refused_by_name(tmp_path, kind):
    state, expected = REFUSED[kind]
    way_out = r"; export the head with sklearn_wsca\.torch\.head_from_module\(model\)"
    for options in ({}, {"n_features": None}):
        with pytest.raises(FileError, match=expected) as caught:
            load(tmp_path, state, **options)
        assert caught.match(way_out)
        assert "\n" not in str(caught.value)


def test_a_scaler_beside_the_weights_is_not_ignored(tmp_path):
    state = {"coef": COEF, "intercept": BIAS, "mean_": np.ones(6), "scale_": np.ones(6)}
    expected = (
        r"this layer .*'mean_' \(6,\).*\(embeddings that are scaled before the head\); "
        "save weights .*as they are exported, or take 'coef' as it is with key"
    )
    with pytest.raises(FileError, match=expected):
        load(tmp_path, state)
    np.testing.assert_array_equal(load(tmp_path, state, key="coef").coef, COEF)
