"""Checkpoints: what is known to be a linear layer is taken, the rest is named."""

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_head

N_FEATURES = 6
RNG = np.random.default_rng(0)
COEF = RNG.standard_normal((3, N_FEATURES)) * [1.0, 20.0, 0.1, 3.0, 0.5, 7.0] + 1
BIAS = np.array([100.0, -7.0, 0.5])
HEAD = {"weight": COEF, "bias": BIAS}
WIDE = {"weight": np.ones((50, N_FEATURES)), "bias": np.ones(50)}


def ints(*shape):
    return RNG.integers(0, 127, shape).astype(np.int32)


def below(prefix, parts):
    return {f"{prefix}.{name}": part for name, part in parts.items()}


def load(folder, state, **options):
    np.savez(folder / "checkpoint.npz", **state)
    options = {"n_features": N_FEATURES, **options}
    return load_head(folder / "checkpoint.npz", **options)


CONVOLUTION = {"conv1.weight": np.ones((8, 3, 7, 7)), "bn1.weight": np.ones(N_FEATURES)}
TRANSFORMER = {
    "bert.embeddings.word_embeddings.weight": np.ones((30, N_FEATURES)),
    "bert.embeddings.position_embeddings.weight": np.ones((12, N_FEATURES)),
    "bert.embeddings.LayerNorm.weight": np.ones(N_FEATURES),
    "bert.embeddings.LayerNorm.bias": np.ones(N_FEATURES),
}
TAKEN = {
    "torchvision, residual": {**CONVOLUTION, **below("fc", HEAD)},
    "torchvision, transformer": {
        "class_token": np.ones((1, 1, N_FEATURES)),
        "encoder.pos_embedding": np.ones((1, 5, N_FEATURES)),
        **below("heads.head", HEAD),
    },
    "timm": {**below("head.norm", {"weight": np.ones(6)}), **below("head.fc", HEAD)},
    "timm, no intercepts": {
        "pos_embed": np.ones((5, N_FEATURES)),
        "head.weight": COEF,
    },
    "monai": below("network.class_layers.out", HEAD),
    "transformers": {**TRANSFORMER, **below("classifier", HEAD)},
    "transformers, no intercepts": {
        "model.embed_tokens.weight": np.ones((30, N_FEATURES)),
        "score.weight": COEF,
    },
    "transformers, sequence": below("classifier.out_proj", HEAD),
    "in parallel, compiled": below("state_dict.module._orig_mod.fc", HEAD),
    "recurrent": {
        "rnn.weight_ih_l0": np.ones((24, 4)),
        "rnn.weight_hh_l0": np.ones((24, N_FEATURES)),
        **below("fc", HEAD),
    },
    "attention": {"attn.in_proj_weight": np.ones((18, 6)), **below("fc", HEAD)},
    "with its optimizer": {
        **below("model.fc", HEAD),
        **below("optimizer.state.0", {"exp_avg": COEF, "exp_avg_sq": COEF**2}),
        **below("optimizer.state.1", {"momentum_buffer": COEF}),
    },
    "with the centres of its loss": {
        **below("net.fc", HEAD),
        "criterion.centers": np.ones((3, N_FEATURES)),
    },
    "with the queue of its training": {**below("fc", HEAD), "queue": np.ones((9, 6))},
    "saved by an adapter": {
        **below("base_model.model.classifier.modules_to_save.default", HEAD),
        **below("base_model.model.classifier.original_module", WIDE),
    },
    "adapters elsewhere": {
        "model.query.lora_A.weight": np.ones((2, 4)),
        "model.query.lora_B.weight": np.ones((4, 2)),
        **below("model.head", HEAD),
    },
    "packed layers elsewhere": {
        "body.weight": ints(80, 1).astype(np.uint8),
        "body.weight.absmax": np.ones(3),
        "body.weight.quant_map": np.ones(16),
        **below("head", HEAD),
    },
}


@pytest.mark.parametrize("kind", TAKEN)
def test_a_linear_layer_is_taken(tmp_path, kind):
    head = load(tmp_path, TAKEN[kind])
    np.testing.assert_array_equal(head.coef, COEF)
    has_intercepts = any(name.endswith("bias") for name in TAKEN[kind])
    if has_intercepts:
        np.testing.assert_array_equal(head.intercept, BIAS)


FACTORS = {"lora_A": np.ones((2, N_FEATURES)), "lora_B": np.ones((3, 2))}
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
        "layer 'head' .*an object of torch",
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
    "a scaler at the top": (
        {"coef": COEF, "intercept": BIAS, "mean_": np.ones(6), "scale_": np.ones(6)},
        r"this layer .*'mean_' \(6,\).*",
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


def test_a_key_takes_what_is_only_odd_but_not_what_is_known_to_differ(tmp_path):
    odd, _ = REFUSED["something else"]
    np.testing.assert_array_equal(load(tmp_path, odd, key="head").coef, COEF)
    for kind in ("adapter of loralib", "fp8"):
        for key in ("head", "head.weight"):
            with pytest.raises(FileError, match="layer 'head' cannot be told"):
                load(tmp_path, REFUSED[kind][0], key=key)


NO_LAYERS = {
    "state of an optimizer": ("optimizer.state.0.exp_avg", "is of an optimizer"),
    "a gradient": ("grads.fc.weight", "is of an optimizer"),
    "a table of words": ("encoder.wte.weight", "may be an embedding table"),
    "a table of positions": ("positional_embedding", "may be an embedding table"),
    "a table without a name": ("species.weight", "has neither intercepts nor the name"),
    "a table in a sequence": ("0.weight", "has neither intercepts nor the name"),
    "centres of a loss": ("criterion.centers", "may be centres of classes"),
    "centres by angle": ("metric_fc.weight", "may be centres of classes"),
    "prototypes": ("model.prototypes.weight", "may be centres of classes"),
    "proxies": ("loss.proxies", "may be centres of classes"),
    "attention": ("encoder.in_proj_weight", "is of an attention layer"),
    "recurrent": ("rnn.weight_ih_l0", "is of a recurrent layer"),
    "any": ("projector_matrix", "has neither intercepts nor the name"),
}


@pytest.mark.parametrize("kind", NO_LAYERS)
def test_an_array_without_a_reason_to_be_the_head_is_not_taken(tmp_path, kind):
    name, reason = NO_LAYERS[kind]
    state = {name: COEF, "step": np.ones(()), "conv.weight": np.ones((4, 3, 2, 2))}
    expected = (
        rf"known to be a head of 6 features: '{name}' \(3, 6\) {reason}.*with key"
    )
    with pytest.raises(FileError, match=expected):
        load(tmp_path, state)
    np.testing.assert_array_equal(load(tmp_path, state, key=name).coef, COEF)


RIVALS = {
    "a moving average": {**below("model.fc", HEAD), **below("ema_model.fc", HEAD)},
    "two heads, averaged": {**below("head", HEAD), **below("head_dist", HEAD)},
    "an adapted one": {**below("hidden", WIDE), **below("head", {**HEAD, **FACTORS})},
    "one without a reason": {**below("hidden", WIDE), "classes_matrix": COEF},
    "two adapters": {
        **below("fc.modules_to_save.a", HEAD), **below("fc.modules_to_save.b", HEAD)
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", RIVALS)
def test_the_head_is_not_guessed(tmp_path, kind):
    with pytest.raises(FileError, match=r"^.* 2 of its arrays may be a head"):
        load(tmp_path, RIVALS[kind])


@pytest.mark.parametrize("bias", [{}, {"bias": np.ones(1)}])
def test_a_norm_is_no_head_of_one_output(tmp_path, bias):
    row = {"fc.weight": COEF[0], **below("fc", bias)}
    norm = {"norm.weight": np.ones(N_FEATURES), "norm.bias": np.ones(N_FEATURES)}
    coef, _ = load(tmp_path, {**norm, **row}, n_features=None)
    np.testing.assert_array_equal(coef, COEF[:1])
    with pytest.raises(FileError, match="none of its arrays can be a head"):
        load(tmp_path, norm, n_features=None)
