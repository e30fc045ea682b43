"""Linear layers among named arrays, and the weights that they compute with.

These are not always the array named "weight": under weight norm, pruning, an adapter or
a quantised format they come from several arrays, the parts of the layer. Known forms
are computed, a layer with other parts is refused.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from sklearn_wsca.io._array_file import ArrayFile, Shape
from sklearn_wsca.io._errors import FileError, quoted
from sklearn_wsca.io._weight_forms import (
    AS_THEY_ARE,
    FORMS,
    INTERCEPT_OF,
    PACKED,
    PART,
    SCALED,
    Form,
    companion,
)

CLASSES = ("classes", "classes_")
INTERCEPTS = {"bias_orig", "bias_mask", *INTERCEPT_OF.values()}
# Layers without intercepts are taken for linear ones if they are called so.
LINEAR = (
    r"class(es|if|ification|ifier)?|clf|cls|decoder|dense|fc|final|heads?|lin|linear|"
    r"logits?|out|outputs?|predict(ion|ions|or)?|proj|projection|readout|regress(ion|or)|"
    r"scores?"
)
CENTRES = (
    r"anchors?|arc|arcface|centers?|centres?|centroids?|cosface|margin|metric|"
    r"prototypes?|prox(y|ies)|sphereface"
)
TABLES = (
    r"bank|codebook|emb|embed|embedder|embeddings?|lookup|memory|pos|positional|"
    r"positions?|queue|relative|table|tok|tokens?|vocab|words?|wpe|wte"
)
ADAPTERS = r"(lora|vera|randlora|hada|loha|lokr|ia3|oft|boft)(_.*)?"
SPREADS = r"rho|sigma|logsigma|logvar|logstd"
OPTIMIZER = (
    r"(^|\.)optim(izers?)?([_\d][^.]*)?\.|opt_state|exp_avg|momentum_buffer|square_avg|"
    r"(^|\.)grads?(\.|$)"
)
OTHER_LAYERS = {
    OPTIMIZER: "belongs to an optimizer",
    r"(^|\.)weight_(ih|hh|hr)": "belongs to a recurrent layer",
    r"(^|\.)(in_proj|[qkv]_proj)_weight$": "belongs to an attention layer",
    r"(^|[._])proj(ection)?$": "may be a projection within the network",
    r"(^|\.)original_module\.": "is no longer in use beside 'modules_to_save'",
}
# As a word of a longer name; a kernel has its rows and columns the other way round.
RENAMED = (
    ("weights", "biases"),
    ("weights", "bias"),
    ("weight", "bias"),
    ("coef", "intercept"),
    ("W", "b"),
)
# At the top of a file arrays of all kinds lie side by side; these concern the weights.
BESIDE = re.compile(
    r"((in|out)put_)?scales?|zero_points?|g_idx|(mean|std|var|scale|components)_?"
)
WAY_OUT = (
    "export the head with sklearn_wsca.torch.head_from_module(model), which runs it"
)
UNSCALE = "save weights and intercepts for the embeddings as they are exported"


@dataclass(frozen=True)
class LinearLayer:
    """A layer of a file; `form` is None where its weights cannot be told.

    `parts` are its arrays but for intercepts and classes, by their names within it.
    """

    arrays: ArrayFile
    prefix: str
    parts: tuple[str, ...]
    form: Form | None

    @property
    def names(self) -> list[str]:
        """Full names of its arrays."""
        return [join(self.prefix, part) for part in self.parts]

    @property
    def shapes(self) -> list[Shape]:
        """Shape of its weights; those of all its arrays if they cannot be told."""
        parts = self.parts if self.form is None else self.form.parts[:1]
        names = (join(self.prefix, part) for part in parts)
        return [self.arrays.shapes[name] for name in names]

    @property
    def label(self) -> str:
        """Name of the array that stands for the layer in messages."""
        if self.form is not None:
            return join(self.prefix, self.form.parts[0])
        return next((n for n in self.names if n.endswith("weight")), self.names[0])

    @property
    def is_understood(self) -> bool:
        """Whether its weights are known, or known to be no array of the file."""
        return self.form is not None or companion(self.parts) not in (None, SCALED)

    @property
    def is_vector(self) -> bool:
        """Whether it may be the only row of a head; a norm has as many intercepts."""
        intercepts = [
            self.arrays.shapes.get(join(self.prefix, name), ()) for name in INTERCEPTS
        ]
        is_row = self.form is not None and [len(shape) for shape in self.shapes] == [1]
        return is_row and self.shapes[0] not in intercepts

    @property
    def is_factors(self) -> bool:
        """Whether it has nothing but factors of an adapter."""
        return self.form is None and all(
            re.match(ADAPTERS, part.rpartition(".")[2]) or re.match(ADAPTERS, part)
            for part in self.parts
        )

    @property
    def is_packed(self) -> bool:
        """Whether its width cannot be told, either."""
        return self.form is None and companion(self.parts) in PACKED.values()

    def has_beside(self, names: set[str]) -> bool:
        """Whether there is an array of one of some names in it."""
        known = (*self.arrays.shapes, *self.arrays.unreadable)
        return any(join(self.prefix, name) in known for name in names)

    def read(self) -> np.ndarray:
        """Weights that it computes with.

        Raises
        ------
        FileError
            If they cannot be told.
        """
        if self.form is None:
            raise self.refusal()
        parts = [self.arrays.read(join(self.prefix, p)) for p in self.form.parts]
        try:
            return self.form.compute(*parts)
        except ValueError as error:
            raise self.refusal(str(error)) from error

    def refusal(self, reason: str | None = None) -> FileError:
        """Error that says why its weights cannot be told."""
        reason = reason or companion(self.parts)
        others = [name for name in self.names if name != self.label]
        found = self.arrays.describe([self.label])
        if others:
            found = f"{found}, {self.arrays.describe(others)}"
        if reason is not None:
            found = f"{found} ({reason})"
        advice = WAY_OUT if reason != SCALED else UNSCALE
        if reason in (None, SCALED):
            advice = f"{advice}, or take {quoted(self.label)} as it is with key"
        layer = f"the layer {quoted(self.prefix)}" if self.prefix else "this layer"
        return self.arrays.error(
            f"the weights of {layer} cannot be told from its {found}; {advice}."
        )

    def is_linear(self) -> bool:
        """Whether it is known to be a linear layer, if only by its name."""
        if self.form is None or self.form.parts[0] not in INTERCEPT_OF:
            return True
        if not self.prefix or self.has_beside(INTERCEPTS):
            return True
        # What an adapter replaces keeps its name further up.
        name = re.sub(r"\.modules_to_save\.[^.]+$", "", self.prefix)
        words = [_words(part) for part in name.split(".") if not part.isdigit()]
        return bool(words) and _has(words[-1], LINEAR) and not _other(name)


def find_layers(arrays: ArrayFile) -> list[LinearLayer]:
    """Find what has the parts of a linear layer.

    What a layer with the factors of an adapter has within it is no layer of its own.
    """
    groups = defaultdict(list)
    for name in arrays.shapes:
        match = PART.fullmatch(name)
        if match and not _foreign(name):
            groups[match["layer"] or ""].append(match["part"])
    adapted = {prefix for prefix, parts in groups.items() if _is_adapted(parts)}
    layers = []
    for prefix, own in _own_parts(arrays, groups).items():
        if adapted.intersection(_above(prefix)):
            continue
        # Several arrays that are each called weights are as many layers.
        plain = [part for part in own if part in INTERCEPT_OF]
        rest = [part for part in own if part not in INTERCEPT_OF]
        for kept in [[part, *rest] for part in plain] or [rest]:
            form = FORMS.get(frozenset(kept))
            layers.append(LinearLayer(arrays, prefix, tuple(kept), form))
    return layers


def one_array(arrays: ArrayFile, name: str) -> LinearLayer:
    """Layer whose weights are one array, whatever is beside it."""
    prefix, _, last = name.rpartition(".")
    return LinearLayer(arrays, prefix, (last,), Form((last,), AS_THEY_ARE))


def renamed_intercepts(name: str) -> list[str]:
    """Names of the intercepts of weights that have more in their name: fc_weight."""
    prefix, _, last = name.rpartition(".")
    found = []
    for weights, intercepts in RENAMED:
        other = re.sub(rf"(?<![^\W_]){weights}(?![^\W_])", intercepts, last)
        if other != last:
            found.append(join(prefix, other))
    return found


def is_named_pair(arrays: ArrayFile, name: str) -> bool:
    """Whether weights such as fc_weight are called linear, with intercepts fc_bias."""
    size = arrays.shapes[name][:1]
    paired = any(arrays.shapes.get(n) == size for n in renamed_intercepts(name))
    words = _words(name.rpartition(".")[2]) - {"", *INTERCEPT_OF, "w"}
    linear = bool(words) and all(re.fullmatch(LINEAR, word) for word in words)
    return paired and linear and may_be_weights(name)


def describe_others(arrays: ArrayFile, names: list[str]) -> str:
    """Say of arrays why they are not taken for the weights of a linear layer."""
    return ", ".join(
        f"{quoted(name)} {arrays.shapes[name]} "
        f"{_foreign(name) or _other(name) or _unnamed(arrays, name)}"
        for name in names
    )


def _unnamed(arrays: ArrayFile, name: str) -> str:
    """What an array lacks whose name says nothing."""
    beside = [n for n in renamed_intercepts(name) if n in arrays.shapes]
    if beside:
        return f"has {quoted(beside[0])} beside it, but not the name of a linear layer"
    return "has neither intercepts beside it nor the name of a linear layer"


def may_be_weights(name: str) -> bool:
    """Whether nothing in the name of an array says that it is something else."""
    return not _foreign(name) and not _other(name)


def join(prefix: str, part: str) -> str:
    """Full name of a part of a layer."""
    return f"{prefix}.{part}" if prefix else part


def _own_parts(arrays: ArrayFile, groups: dict[str, list[str]]) -> dict[str, list[str]]:
    """Everything in each layer but intercepts and classes."""
    known = {*INTERCEPTS, *CLASSES}
    beside = [name for name in arrays.shapes if BESIDE.fullmatch(name)]
    own: dict[str, list[str]] = {prefix: [] for prefix in groups}
    for name in arrays.shapes:
        for dot in re.finditer(r"\.", name):
            prefix, part = name[: dot.start()], name[dot.end() :]
            if prefix in own and part not in known:
                own[prefix].append(part)
    if "" in own:
        own[""] = [part for part in groups[""] + beside if part not in known]
    return own


def _is_adapted(parts: list[str]) -> bool:
    return any(part.startswith("base_layer.") or "lora" in part for part in parts)


def _above(prefix: str) -> list[str]:
    """Names of everything that a layer lies in."""
    dots = [prefix[: dot.start()] for dot in re.finditer(r"\.", prefix)]
    return ["", *dots] if prefix else []


def _foreign(name: str) -> str | None:
    """What an array is that belongs to no linear layer, whatever it is beside."""
    for pattern, reason in OTHER_LAYERS.items():
        if re.search(pattern, name):
            return reason
    return None


def _other(name: str) -> str | None:
    """What an array may be by its name, if nothing else says that it is linear."""
    words = _words(name)
    if any(re.fullmatch(ADAPTERS, part) for part in name.split(".")):
        return "is a factor of an adapter"
    if _has(words, SPREADS):
        return "may be the spread of random weights"
    if _has(words, CENTRES):
        return "may be centres of classes, compared by angle or distance"
    return "may be an embedding table" if _has(words, TABLES) else None


def _words(name: str) -> set[str]:
    return set(re.split(r"[\W_\d]+", name.lower()))


def _has(words: set[str], pattern: str) -> bool:
    return any(re.fullmatch(pattern, word) for word in words)
