"""Heads come back from every format, by name or by their width."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import Head, WeightSpaceCorrelation
from sklearn_wsca.io import FileError, load_head
from tests.broken_files import arrays, npy_bytes, table

COEF = np.array([[1.0, -20.0, 0.3], [0.5, 4.0, 60.0]])
INTERCEPT = np.array([3.0, -0.25])


def save_pt(file, **parts):
    torch = pytest.importorskip("torch")

    torch.save({name: torch.from_numpy(part) for name, part in parts.items()}, file)


def save_safetensors(file, **parts):
    from safetensors.numpy import save_file

    save_file(parts, file)


WRITERS = {
    "head.npz": np.savez,
    "head.pt": save_pt,
    "head.safetensors": save_safetensors,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    "names", [("weight", "bias"), ("fc.weight", "fc.bias"), ("coef", "intercept")]
)
def test_weights_come_with_the_intercepts_beside_them(tmp_path, name, names):
    WRITERS[name](tmp_path / name, **{names[0]: COEF, names[1]: INTERCEPT})
    head = load_head(tmp_path / name, n_features=3)
    assert isinstance(head, Head)
    np.testing.assert_array_equal(head.coef, COEF)
    np.testing.assert_array_equal(head.intercept, INTERCEPT)
    assert head.classes is None
    assert head.kind == "logistic"


@pytest.mark.parametrize("name", WRITERS)
def test_only_weights_that_fit_are_taken_and_key_takes_any(tmp_path, name):
    other = np.ones((4, 7))
    parts = {"body.weight": other, "body.bias": np.zeros(4)}
    parts |= {"model.fc.weight": COEF, "model.fc.bias": INTERCEPT}
    WRITERS[name](tmp_path / name, **parts)
    file = tmp_path / name
    np.testing.assert_array_equal(load_head(file, n_features=3).coef, COEF)
    for key in ("model.fc.weight", "model.fc", "fc", "fc.weight"):
        np.testing.assert_array_equal(load_head(file, key=key).intercept, INTERCEPT)
    np.testing.assert_array_equal(load_head(file, key="body").coef, other)
    with pytest.raises(FileError, match="2 of its arrays may be a head"):
        load_head(file)
    with pytest.raises(FileError, match=r"nothing named 'tail'.*choose with key"):
        load_head(file, key="tail")
    with pytest.raises(FileError, match=r"end in 'weight'.*full name"):
        load_head(file, key="weight")
    with pytest.raises(FileError, match=r"7 weights per row.*3 features"):
        load_head(file, key="body", n_features=3)


def test_module_of_torch_as_it_is_usually_saved(tmp_path):
    torch = pytest.importorskip("torch")

    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.Linear(3, 2))
    checkpoint = {"epoch": 7, "state_dict": network.state_dict()}
    torch.save(checkpoint, tmp_path / "checkpoint.pth")
    head = load_head(tmp_path / "checkpoint.pth", n_features=3)
    X = torch.randn(9, 3) * torch.tensor([1.0, 10.0, 0.1]) + 2
    expected = network[1](X).detach().numpy()
    np.testing.assert_allclose(head.outputs(X.numpy()), expected, rtol=1e-5)


def test_intercepts_of_torch_may_be_a_list(tmp_path):
    torch = pytest.importorskip("torch")

    file = tmp_path / "head.pt"
    torch.save({"weight": torch.as_tensor(COEF), "bias": [0.5, -40.25]}, file)
    np.testing.assert_array_equal(load_head(file).intercept, [0.5, -40.25])


def test_head_without_intercepts_has_zeros(tmp_path):
    np.savez(tmp_path / "head.npz", **{"fc.weight": COEF, "norm.scale": np.ones(5)})
    np.testing.assert_array_equal(load_head(tmp_path / "head.npz").intercept, [0, 0])


def test_array_that_may_be_the_intercepts_is_not_ignored(tmp_path):
    np.savez(tmp_path / "head.npz", weight=COEF, offsets=INTERCEPT)
    with pytest.raises(FileError, match="'offsets' may hold the intercepts"):
        load_head(tmp_path / "head.npz")


def test_vectors_that_may_all_be_weights(tmp_path):
    np.savez(tmp_path / "head.npz", coef=COEF[0], weight=COEF[1])
    expected = (
        r"head\.npz: none of its arrays can be a head; it holds 'coef' \(3,\), "
        r"'weight' \(3,\): save the weights as a 2-D array, one row per class\.$"
    )
    with pytest.raises(FileError, match=expected):
        load_head(tmp_path / "head.npz")


@pytest.mark.parametrize("key", ["fc", "fc.weight"])
def test_key_of_weights_that_are_objects(tmp_path, key):
    weights = {"fc.weight": COEF.astype(object), "other.weight": COEF}
    np.savez(tmp_path / "head.npz", **weights)
    with pytest.raises(FileError, match=r"'fc\.weight' holds Python objects"):
        load_head(tmp_path / "head.npz", key=key)
    np.testing.assert_array_equal(
        load_head(tmp_path / "head.npz", key="other").coef, COEF
    )


@pytest.mark.parametrize("suffix", [".npy", ".csv"])
def test_key_of_a_file_with_one_head(tmp_path, suffix):
    file = tmp_path / f"head{suffix}"
    file.write_bytes(npy_bytes(COEF) if suffix == ".npy" else b"a,b\n1,-20\n4,60\n")
    expected = rf"key='fc': a \{suffix} file holds one head; leave out key\.$"
    with pytest.raises(FileError, match=expected):
        load_head(file, key="fc")
    assert load_head(file).coef[0, 1] == -20


def test_arrays_without_names(tmp_path):
    np.savez(tmp_path / "head.npz", COEF, INTERCEPT)
    head = load_head(tmp_path / "head.npz", n_features=3)
    np.testing.assert_array_equal(head.intercept, INTERCEPT)


def test_weights_alone(tmp_path):
    np.save(tmp_path / "head.npy", COEF)
    np.testing.assert_array_equal(load_head(tmp_path / "head.npy").coef, COEF)
    with pytest.raises(FileError, match=r"head\.npy: .*looks transposed"):
        load_head(tmp_path / "head.npy", n_features=2)


def test_classes_beside_the_weights(tmp_path):
    parts = {"coef_": COEF, "intercept_": INTERCEPT, "classes_": np.array([0, 1])}
    np.savez(tmp_path / "head.npz", **parts)
    assert load_head(tmp_path / "head.npz").classes == (0, 1)
    np.savez(tmp_path / "head.npz", coef=COEF[:1], classes=["ill", "well"])
    head = load_head(tmp_path / "head.npz")
    assert head.classes == ("ill", "well")
    assert head.kind == "logistic"


def test_pickled_classes_are_refused_with_a_remedy(tmp_path):
    classes = np.array(["ill", "well"], dtype=object)
    np.savez(tmp_path / "head.npz", coef=COEF, classes=classes)
    with pytest.raises(FileError, match=r"'classes' holds Python objects.*dtype=str"):
        load_head(tmp_path / "head.npz")
    # What is wrong with the weights comes first.
    with pytest.raises(FileError, match=r"no weights of 4 features.*\(2, 3\)"):
        load_head(tmp_path / "head.npz", n_features=4)


@pytest.mark.parametrize(
    "text",
    [
        "class,intercept,a,b,c\n0,3,1,-20,0.3\n1,-0.25,0.5,4,60\n",
        "a;b;c;Bias;Class\n1;-20;0,3;3;0\n0,5;4;60;-0,25;1\n",
    ],
)
def test_text_with_one_row_per_class(tmp_path, text):
    (tmp_path / "head.csv").write_text(text)
    head = load_head(tmp_path / "head.csv", n_features=3)
    np.testing.assert_array_equal(head.coef, COEF)
    np.testing.assert_array_equal(head.intercept, INTERCEPT)
    assert head.classes == (0, 1)


def test_text_of_weights_only(tmp_path):
    np.savetxt(tmp_path / "head.csv", COEF, delimiter=",")
    np.testing.assert_array_equal(load_head(tmp_path / "head.csv").coef, COEF)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class,a\nill,1\n", "one row, of class 'ill'.*a row for each class"),
        ("class,a\nill,1\nill,2\n", "names a class twice"),
        ("name,a\nill,1\nwell,2\n", "'name' holds 'ill' in line 2.*name .*'class'"),
        ("bias,intercept,a\n1,1,2\n", "leave out all but one"),
        (",bias,a\n0,1,1\n1,1,2\n", "its column 0 .* has no name.*index=False"),
        ("a,bias,\n0,1,1\n1,1,2\n", "its column 2 .* has no name"),
        (
            "a\tb\nill\t1\t2\nwell\t3\t4\n",
            "its column 0 .* has no name.*row.names=FALSE",
        ),
        ("class,a\nill,1\n ,2\n", r"names no class in row 1 \(counted"),
        ("bias,class\n1,x\n2,y\n", "instead of weights"),
        ("a,b\n1,\n2,3\n", "1 of 4 weights are NaN"),
    ],
)
def test_text_that_is_no_head(tmp_path, text, expected):
    (tmp_path / "head.csv").write_text(text)
    with pytest.raises(FileError, match=expected):
        load_head(tmp_path / "head.csv")


def test_single_row_leaves_its_meaning_to_the_target(tmp_path):
    X, y = arrays(), table().drop(columns="sample")
    weights = np.linspace(-1, 2, X.shape[1])
    np.savez(tmp_path / "head.npz", weight=weights[None], bias=[0.5])
    head = load_head(tmp_path / "head.npz", n_features=X.shape[1])
    options = {"target_head": head, "n_permutations": 0}
    for target, kind in (("diagnosis", "logistic"), ("age", "ridge")):
        fitted = WeightSpaceCorrelation(target, **options).fit(X, y)
        assert fitted.target_head_.kind == kind
        np.testing.assert_array_equal(fitted.target_head_.coef, [weights])


@pytest.mark.parametrize("options", [{"key": "coef", "n_features": 3}, {}])
def test_one_dimensional_weights(tmp_path, options):
    np.savez(tmp_path / "head.npz", coef=COEF[0], intercept=3.0)
    coef, intercept = load_head(tmp_path / "head.npz", **options)
    np.testing.assert_array_equal(coef, COEF[:1])
    np.testing.assert_array_equal(intercept, [3.0])


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (("None", "yes"), ("None", "yes")),
        (("NA", "nan"), ("NA", "nan")),
        ((" null", "#N/A"), ("null", "#N/A")),
        (("1", "nan"), ("1", "nan")),
        (("1", "2"), (1, 2)),
        (("True", "False"), (True, False)),
        (("01", "02"), ("01", "02")),
    ],
)
def test_no_class_of_a_text_is_called_missing(tmp_path, cells, classes):
    rows = "".join(f"{cell},1,2\n" for cell in cells)
    (tmp_path / "head.csv").write_text(f"class,bias,f0\n{rows}")
    assert load_head(tmp_path / "head.csv").classes == classes


def test_a_class_that_is_read_as_missing_in_the_table_is_explained(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 3)) + 5.0
    answers = pd.DataFrame({"answer": ["yes", None] * 20, "site": list("ABCD") * 10})
    (tmp_path / "head.csv").write_text("class,a,b,c\nNone,1,2,3\nyes,3,4,1\n")
    head = load_head(tmp_path / "head.csv")
    with pytest.raises(ValueError, match="Its head has the class 'None': files are"):
        WeightSpaceCorrelation("answer", target_head=head).fit(X, answers)


def test_classes_without_a_name_are_refused(tmp_path):
    np.savez(tmp_path / "head.npz", coef=COEF, classes=np.array([np.nan, 1.0]))
    with pytest.raises(FileError, match=r"head\.npz: has a class without a name"):
        load_head(tmp_path / "head.npz")


def test_intercepts_by_the_name_that_r_gives_them(tmp_path):
    text = '"class","(Intercept)","a"\n"ill",0.5,-20\n"well",3,4\n'
    (tmp_path / "head.csv").write_text(text)
    head = load_head(tmp_path / "head.csv", n_features=1)
    np.testing.assert_array_equal(head.intercept, [0.5, 3])
    np.testing.assert_array_equal(head.coef, [[-20], [4]])


@pytest.mark.parametrize("size", [(1, 1), (1,), (3, 3)])
@pytest.mark.parametrize("key", ["classifier.1.weight", "classifier.1", None])
def test_convolutions_are_no_matrix(tmp_path, size, key):
    weights = np.ones((2, 3, *size))
    parts = {"classifier.1.weight": weights, "classifier.1.bias": INTERCEPT}
    np.savez(tmp_path / "head.npz", **parts)
    is_point = set(size) == {1}
    expected = (
        r"flatten\(1\) of torch, or weight.reshape" if is_point else r"\(2, 3, 3, 3"
    )
    with pytest.raises(FileError, match=expected) as caught:
        load_head(tmp_path / "head.npz", key=key, n_features=3)
    assert "tuple" not in str(caught.value)
    parts["classifier.1.weight"] = weights.reshape(2, -1)
    np.savez(tmp_path / "head.npz", **parts)
    assert load_head(tmp_path / "head.npz", key=key).n_rows == 2
