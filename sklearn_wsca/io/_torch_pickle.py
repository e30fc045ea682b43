"""The pickle within a torch file, read as a description of tensors: nothing is run.

What a pickle asks for by name is never imported or called. The names that torch writes
for tensors have a meaning here, and a file with any other name is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sklearn_wsca.io._number_types import TYPES, Place

# numpy 1.26 has no more dimensions.
MOST_DIMENSIONS = 32
STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
    "UntypedStorage": "uint8",
}
STORAGE_MODULES = ("torch", "torch.cuda", "torch.storage")
PER_CHANNEL = ("torch.per_channel_affine", "torch.per_channel_affine_float_qparams")
# Names that stand for something, and that nothing is made with.
WORDS = {
    "torch.Tensor",
    "torch.per_tensor_affine",
    "torch.per_tensor_symmetric",
    "torch.per_channel_symmetric",
    *PER_CHANNEL,
}


class ForeignObjectError(Exception):
    """A pickle asks for something that is no part of a tensor."""


class Name(NamedTuple):
    """What a pickle asks for."""

    text: str


class Storage(NamedTuple):
    """Numbers that lie in a record of their own."""

    key: str
    type: str
    n_numbers: int


class Scale(NamedTuple):
    """Values of the codes of a quantised tensor: (code - zero) * step."""

    step: Any
    zero: Any
    axis: int | None


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor whose numbers are not read yet."""

    storage: Storage
    type: str
    place: Place
    scale: Scale | None = None


@dataclass(frozen=True, eq=False)
class OtherTensor:
    """A tensor that is no array of numbers, and what to do about it."""

    reason: str


def read_pickle(content: bytes) -> Any:
    """Containers, numbers, text and tensors that a pickle of torch describes.

    Raises
    ------
    ForeignObjectError
        If it asks for anything else, which only running code could make.
    """
    return _Machine().run(content)


class _Machine:
    """Stack machine of the pickle format, with the operations that torch writes."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        for operation, argument, _ in pickletools.genops(content):
            if operation.name == "STOP":
                return self.stack.pop()
            if operation.name not in OPERATIONS:
                raise ForeignObjectError(f"the operation {operation.name}")
            OPERATIONS[operation.name](self, argument)
        raise ValueError("the pickle has no end")

    def since_mark(self) -> list[Any]:
        found, self.stack = self.stack, self.below.pop()
        return found

    def mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def put(self, number: int) -> None:
        self.memo[number] = self.stack[-1]

    def get(self, number: int) -> None:
        self.stack.append(self.memo[number])

    def tuple_of(self, n: int) -> None:
        found = self.stack[len(self.stack) - n :]
        if len(found) < n:
            raise ValueError("the pickle takes more than it has")
        del self.stack[len(self.stack) - n :]
        self.stack.append(tuple(found))

    def append(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise ForeignObjectError("an object that is extended like a list")
        self.stack[-1].extend(values)

    def set_items(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict):
            raise ForeignObjectError("an object that is filled like a dict")
        self.stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def name(self, argument: str) -> None:
        # pickletools puts a blank between module and name.
        module, _, name = argument.partition(" ")
        found = Name(f"{module}.{name}")
        if not _is_known(found):
            raise ForeignObjectError(found.text)
        self.stack.append(found)

    def call(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(_call(function, arguments))

    def build(self, _: Any) -> None:
        # Attributes of a dict, such as the versions of the layers of a state dict.
        self.stack.pop()
        if not isinstance(self.stack[-1], dict):
            raise ForeignObjectError("an object with a state of its own")

    def storage(self, _: Any) -> None:
        kind, of_type, key, _, n_numbers = self.stack.pop()
        if kind != "storage" or not isinstance(of_type, Name):
            raise ForeignObjectError("something that is kept outside of the pickle")
        type = STORAGES[of_type.text.rpartition(".")[2]]
        if not isinstance(key, str) or not _are_counts([n_numbers]):
            raise ValueError("a storage without a name or a size")
        self.stack.append(Storage(key, type, n_numbers))


OPERATIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_SET": lambda machine, _: machine.push(None),
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"),
        _Machine.push,
    ),
    "SHORT_BINSTRING": _Machine.push,
    "MARK": _Machine.mark,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.set_items(_last_two(machine.stack)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "GLOBAL": _Machine.name,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.storage,
}


def _last_two(stack: list[Any]) -> list[Any]:
    value, key = stack.pop(), stack.pop()
    return [key, value]


def _is_known(name: Name) -> bool:
    module, _, last = name.text.rpartition(".")
    if last in STORAGES:
        return module in STORAGE_MODULES
    is_type = module == "torch" and (last in TYPES or last in STORAGES.values())
    return is_type or name.text in WORDS or name.text in CALLS


def _call(function: Any, arguments: Any) -> Any:
    """What a name that torch writes makes of its arguments."""
    if not isinstance(function, Name) or function.text not in CALLS:
        raise ForeignObjectError(getattr(function, "text", "a call of an object"))
    return CALLS[function.text](*arguments)


def _dict_of(pairs: Any) -> dict:
    """Dict of pairs, which are moved: else a short file could ask for many copies."""
    if not isinstance(pairs, list):
        return {} if pairs is None else pairs
    found = dict(pairs)
    pairs.clear()
    return found


def _tensor(
    storage: Storage, offset: int, size: Any, stride: Any, *rest: Any
) -> StoredTensor | OtherTensor:
    """Tensor of the type of its storage; bits may say that its numbers are others."""
    return _placed(storage, storage.type, offset, size, stride, rest[2:])


def _tensor_with_type(
    storage: Storage, offset: int, size: Any, stride: Any, *rest: Any
) -> StoredTensor | OtherTensor:
    type = rest[2].text.rpartition(".")[2]
    return _placed(storage, type, offset, size, stride, rest[3:])


def _quantised(
    storage: Storage, offset: int, size: Any, stride: Any, parameters: Any, *_: Any
) -> StoredTensor | OtherTensor:
    found = _placed(storage, storage.type, offset, size, stride, ())
    if isinstance(found, OtherTensor):
        return found
    scheme, *values = parameters
    if scheme.text in PER_CHANNEL:
        step, zero, axis = values
        if not _are_counts([axis]) or axis >= len(found.place.shape):
            raise ValueError("a quantised tensor without the axis of its scales")
    else:
        (step, zero), axis = values, None
    scale = Scale(step, zero, axis)
    return StoredTensor(found.storage, found.type, found.place, scale)


def _placed(
    storage: Storage, type: str, offset: Any, size: Any, stride: Any, bits: Any
) -> StoredTensor | OtherTensor:
    place = Place(offset, tuple(size), tuple(stride))
    if len(place.shape) != len(place.strides) or not _are_counts(
        [offset, *place.shape, *place.strides]
    ):
        raise ValueError(f"a tensor of size {size} and stride {stride}")
    if len(place.shape) > MOST_DIMENSIONS:
        raise ValueError(f"a tensor of {len(place.shape)} dimensions")
    if any(bool(flag) for found in bits if found for flag in found.values()):
        return OtherTensor(
            "is the negative or conjugate of what is stored; save it with "
            ".resolve_conj().resolve_neg()."
        )
    if type not in TYPES:
        return OtherTensor(f"holds {type} numbers; save it with .dequantize().")
    return StoredTensor(storage, type, place)


def _are_counts(values: list[Any]) -> bool:
    return all(type(value) is int and 0 <= value < 2**63 for value in values)


def _other(what: str, fix: str) -> Callable[..., OtherTensor]:
    return lambda *_: OtherTensor(f"is {what}; {fix}.")


_UTILS = "torch._utils._rebuild"
CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": lambda pairs=None: _dict_of(pairs),
    "collections.Counter": lambda pairs=None: _dict_of(pairs),
    "torch.Size": lambda sizes=(): tuple(sizes[: MOST_DIMENSIONS + 1]),
    f"{_UTILS}_tensor": _tensor,
    f"{_UTILS}_tensor_v2": _tensor,
    f"{_UTILS}_tensor_v3": _tensor_with_type,
    f"{_UTILS}_qtensor": _quantised,
    f"{_UTILS}_parameter": lambda tensor, *_: tensor,
    f"{_UTILS}_parameter_with_state": lambda tensor, *_: tensor,
    "torch.nn.parameter.Parameter": lambda tensor, *_: tensor,
    "torch._tensor._rebuild_from_type_v2": (
        lambda function, kind, arguments, *_: _call(function, arguments)
    ),
    f"{_UTILS}_sparse_tensor": _other("a sparse tensor", "save it with .to_dense()"),
    f"{_UTILS}_nested_tensor": _other(
        "a nested tensor, whose rows differ in length",
        "save one row per sample, for example the mean over tokens",
    ),
    f"{_UTILS}_meta_tensor_no_storage": _other(
        "a tensor of the device 'meta', which holds no numbers",
        "save it from the device where the model ran",
    ),
    f"{_UTILS}_wrapper_subclass": _other(
        "a tensor of another package", "save it as a plain tensor"
    ),
    f"{_UTILS}_device_tensor_from_numpy": _other(
        "a tensor of a device of its own", "save it with .cpu()"
    ),
    f"{_UTILS}_device_tensor_from_cpu_tensor": lambda tensor, *_: tensor,
    # Values beside tensors that nobody asks for.
    "torch.device": lambda *_: None,
    "torch.serialization._get_layout": lambda *_: None,
    "_codecs.encode": lambda *_: None,
    "builtins.bytearray": lambda *_: None,
    "builtins.complex": lambda *_: None,
    "builtins.set": lambda *_: None,
}
