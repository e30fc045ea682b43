"""Checkpoints: what is known to be a linear layer is taken, nothing is guessed."""

import numpy as np
import pytest

from sklearn_wsca.io import FileError
from tests.checkpoints import (
    BIAS,
    COEF,
    FACTORS,
    HEAD,
    N_FEATURES,
    WIDE,
    below,
    load,
)

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
    "of a model called so": below("optimal.fc", HEAD),
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
        "body.weight": np.ones((80, 1), dtype=np.uint8),
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


def test_a_key_takes_what_is_only_odd_but_not_what_is_known_to_differ(tmp_path):
    odd = below("head", {**HEAD, "temperature": np.ones(1)})
    np.testing.assert_array_equal(load(tmp_path, odd, key="head").coef, COEF)
    for known in (FACTORS, {"weight_scale": np.ones(1)}):
        for key in ("head", "head.weight"):
            with pytest.raises(FileError, match="layer 'head' cannot be told"):
                load(tmp_path, below("head", {**HEAD, **known}), key=key)


NO_LAYERS = {
    "state of an optimizer": ("optimizer.state.0.exp_avg", "belongs to an optimizer"),
    "of one of several": ("optimizer_g.fc.weight", "belongs to an optimizer"),
    "a gradient": ("grads.fc.weight", "belongs to an optimizer"),
    "a table of words": ("encoder.wte.weight", "may be an embedding table"),
    "a table of positions": ("positional_embedding", "may be an embedding table"),
    "a table without a name": (
        "species.weight",
        "has neither intercepts beside it nor the name",
    ),
    "a table in a sequence": (
        "0.weight",
        "has neither intercepts beside it nor the name",
    ),
    "centres of a loss": ("criterion.centers", "may be centres of classes"),
    "centres by angle": ("metric_fc.weight", "may be centres of classes"),
    "prototypes": ("model.prototypes.weight", "may be centres of classes"),
    "proxies": ("loss.proxies", "may be centres of classes"),
    "attention": ("encoder.in_proj_weight", "belongs to an attention layer"),
    "recurrent": ("rnn.weight_ih_l0", "belongs to a recurrent layer"),
    "any": ("projector_matrix", "has neither intercepts beside it nor the name"),
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


RENAMED = {
    "random weights": ("fc.mu_weight", "fc.mu_bias"),
    "numpy": ("fc_weight", "fc_bias"),
    "plural": ("model.fc_weights", "model.fc_biases"),
    "scikit-learn": ("lr_coef", "lr_intercept"),
    "letters": ("W_head", "b_head"),
}


@pytest.mark.parametrize("kind", RENAMED)
def test_a_key_takes_the_intercepts_under_the_same_renaming(tmp_path, kind):
    weights, intercepts = RENAMED[kind]
    state = {weights: COEF, intercepts: BIAS, "step": np.ones(())}
    head = load(tmp_path, state, key=weights)
    np.testing.assert_array_equal(head.coef, COEF)
    np.testing.assert_array_equal(head.intercept, BIAS)
    with pytest.raises(FileError, match="3 finite intercepts are needed; found 5"):
        load(tmp_path, {**state, intercepts: np.ones(5)}, key=weights)


def test_a_kernel_may_be_transposed_so_its_square_is_not_guessed(tmp_path):
    state = {"head/kernel": np.ones((6, 6)), "head/bias": np.ones(6)}
    with pytest.raises(FileError, match="'head/bias' may hold the intercepts"):
        load(tmp_path, state, key="head/kernel")


@pytest.mark.parametrize(
    "names", [("fc_weight", "fc_bias"), ("net.head_weight", "net.head_bias")]
)
def test_weights_and_intercepts_of_one_name_are_a_linear_layer(tmp_path, names):
    head = load(tmp_path, dict(zip(names, (COEF, BIAS), strict=True)))
    np.testing.assert_array_equal(head.intercept, BIAS)
    rival = dict(zip(names, (COEF, BIAS), strict=True)) | below("body", WIDE)
    with pytest.raises(FileError, match="2 of its arrays may be a head"):
        load(tmp_path, rival)


def test_an_odd_name_with_intercepts_is_said(tmp_path):
    random = {"fc.mu_weight": COEF, "fc.mu_bias": BIAS}
    random |= {"fc.rho_weight": COEF, "fc.rho_bias": BIAS}
    expected = (
        r"known to be a head.*'fc.mu_weight' \(3, 6\) has 'fc.mu_bias' beside it, but "
        r"not the name.*'fc.rho_weight' \(3, 6\) may be the spread of random weights"
    )
    with pytest.raises(FileError, match=expected):
        load(tmp_path, random)


NO_RIVALS = {
    "factors of another layer": below("model.enc.q", FACTORS),
    "factors by their module": {
        "model.enc.q.lora_A.weight": np.ones((2, N_FEATURES)),
        "model.enc.q.lora_B.weight": np.ones((4, 2)),
    },
    "factors that layers share": {"model.vera_A.default": np.ones((2, N_FEATURES))},
    "spreads": {"head_rho_weight": COEF},
    "projections": {
        "text_projection": np.ones((N_FEATURES, N_FEATURES)),
        "visual.proj": np.ones((16, N_FEATURES)),
    },
}


@pytest.mark.parametrize("kind", NO_RIVALS)
def test_only_what_may_be_a_head_is_a_rival_of_one(tmp_path, kind):
    head = load(tmp_path, {**below("classifier", HEAD), **NO_RIVALS[kind]})
    np.testing.assert_array_equal(head.coef, COEF)
    two = {**below("a", HEAD), **below("b", HEAD), **NO_RIVALS[kind]}
    with pytest.raises(FileError, match=r"2 of its .*'a\.weight'.*'b\.weight'") as e:
        load(tmp_path, two)
    assert not any(name in str(e.value) for name in NO_RIVALS[kind])


def test_factors_alone_are_no_head(tmp_path):
    with pytest.raises(FileError, match="an adapter, whose scale is not in the file"):
        load(tmp_path, below("model.score", FACTORS))
