"""The pickle of a torch file, as data: what is refused, and what cannot grow."""

import pickle

import pytest

from sklearn_wsca.io._torch_pickle import (
    ForeignObjectError,
    OtherTensor,
    StoredTensor,
    read_pickle,
)

HEAD = b"\x80\x02"
STORAGE = b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x06tQ"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def tensor(offset=b"K\x00", size=b"K\x02K\x03\x86", stride=b"K\x03K\x01\x86"):
    """Pickle of a tensor of 2 x 3 numbers."""
    hooks = b"\x89ccollections\nOrderedDict\n)R"
    return REBUILD + b"(" + STORAGE + offset + size + stride + hooks + b"tR"


def test_containers_and_tensors():
    content = read_pickle(
        HEAD + b"}(X\x01\x00\x00\x00aK\x05X\x01\x00\x00\x00b" + tensor() + b"u."
    )
    assert content["a"] == 5
    assert isinstance(content["b"], StoredTensor)
    assert content["b"].place == (0, (2, 3), (3, 1))
    assert content["b"].storage == ("0", "float32", 6)


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True]}, ("x", -3), {}, 2**70])
def test_plain_values_are_those_of_pickle(value):
    assert read_pickle(pickle.dumps(value, protocol=2)) == value


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\nU\x02idq\x00\x85R.",
        b"cbuiltins\neval\nU\x011\x85R.",
        b"ctorch\nload\n.",
        b"cnumpy.core.multiarray\nscalar\n.",
        b"cargparse\nNamespace\n)\x81.",
        b"U\x01a)R.",
        b"(K\x01K\x02l.",
        b"\x8c\x01a\x8c\x01b\x93.",
        b"Pname\n.",
        b"K\x01}b.",
        b"K\x01K\x02a.",
        b"]K\x01K\x02s.",
    ],
)
def test_everything_else_is_refused_and_not_run(content):
    with pytest.raises(ForeignObjectError):
        read_pickle(HEAD + content)


@pytest.mark.parametrize(
    "content",
    [
        tensor(offset=b"J\xff\xff\xff\xff") + b".",
        tensor(size=b"K\x02\x85") + b".",
        tensor(stride=b"J\xff\xff\xff\xffK\x01\x86") + b".",
        tensor(size=b"\x88K\x03\x86") + b".",
        tensor(size=b"(" + b"K\x01" * 40 + b"t", stride=b"(" + b"K\x01" * 40 + b"t")
        + b".",
        b"h\x07.",
        b"K\x01\x86.",
        b"K\x01",
        b"\xff.",
        b"X\xff\xff\xff\x7fabc.",
        b"U\x07storage\x85Q.",
    ],
)
def test_damage_is_an_error(content):
    with pytest.raises((ValueError, LookupError, TypeError)):
        read_pickle(HEAD + content)


def test_a_list_asked_for_many_times_is_not_copied():
    items = b"](" + b"K\x01K\x02\x86" * 1000 + b"eq\x00"
    asked = b"ccollections\nOrderedDict\nh\x00\x85R" * 2000
    found = read_pickle(HEAD + b"(" + items + asked + b"t.")
    assert sum(len(part) for part in found if isinstance(part, dict)) == 1


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("_rebuild_sparse_tensor", b"NN\x86", "to_dense"),
        ("_rebuild_nested_tensor", b"(NNNNt", "nested"),
        ("_rebuild_meta_tensor_no_storage", b"(NNNNt", "meta"),
    ],
)
def test_other_tensors_have_a_reason(function, arguments, reason):
    called = b"ctorch._utils\n" + function.encode() + b"\n" + arguments + b"R."
    found = read_pickle(HEAD + called)
    assert isinstance(found, OtherTensor)
    assert reason in found.reason
