"""Tensors of torch: .pt and .pth with weights only, and .safetensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca.io._array_file import ArrayFile
from sklearn_wsca.io._errors import file_error, library_errors, quoted
from sklearn_wsca.io._sizes import check_archive, check_unpacked_size

RESAVE_MODEL = (
    "save the weights alone with torch.save(model.state_dict(), 'head.pt'), and "
    "embeddings with torch.save(tensor, 'embeddings.pt')"
)
DEEPEST = 8
# safetensors names them so; numpy has no such numbers.
ONLY_IN_TORCH = ("BF16", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0")


def open_pt(path: Any, file: Path, max_size: int | None = None) -> ArrayFile:
    """Tensors of a file of torch, nested dicts with dots between the names.

    The older format of torch is not a zip archive but a sequence of pickles, from which
    code could be run even with `weights_only` up to torch 2.5: it is refused.
    """
    with file.open("rb") as stream:
        start = stream.read(4)
    if start.startswith(b"\x80"):
        raise file_error(
            path,
            "is a pickle or was saved by torch before 1.6, and could run code when it "
            f"is read; {RESAVE_MODEL} in a recent torch.",
        )
    check_archive(path, file, "torch file", max_size)
    content = _load_weights(path, file)
    parts = dict(_flatten(content, ""))
    tensors = {name: part for name, part in parts.items() if hasattr(part, "detach")}
    lists = {name: part for name, part in parts.items() if name not in tensors}
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    shapes.update({name: (len(values),) for name, values in lists.items()})

    def read(name: str) -> np.ndarray:
        if name in lists:
            return np.asarray(lists[name])
        tensor = tensors[name]
        # A tensor may repeat one stored number along a dimension of any length.
        n_bytes = tensor.numel() * tensor.element_size()
        check_unpacked_size(path, quoted(name), n_bytes, None, max_size)
        with library_errors(path, "torch file"):
            return _to_numpy(tensor)

    return ArrayFile(path, shapes, read)


def open_safetensors(path: Any, file: Path, max_size: int | None = None) -> ArrayFile:
    """Tensors of a safetensors file."""
    library = import_extra("safetensors", "io")
    with (
        library_errors(path, "safetensors file"),
        library.safe_open(file, framework="np") as content,
    ):
        names = list(content.keys())
        slices = {name: content.get_slice(name) for name in names}
        shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
        types = {name: part.get_dtype() for name, part in slices.items()}

    def read(name: str) -> np.ndarray:
        framework = "pt" if types[name] in ONLY_IN_TORCH else "np"
        if framework == "pt":
            import_extra("torch", "torch")
        with library_errors(path, "safetensors file"):
            with library.safe_open(file, framework=framework) as content:
                tensor = content.get_tensor(name)
            return tensor if framework == "np" else _to_numpy(tensor)

    return ArrayFile(path, shapes, read)


def _load_weights(path: Any, file: Path) -> Any:
    torch = import_extra("torch", "torch")
    with library_errors(path, "torch file"):
        try:
            return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except Exception as error:
            text = str(error).lower()
            if "weights only" not in text and "torchscript" not in text:
                raise
            raise file_error(
                path,
                "holds Python objects besides tensors, which only unpickling could "
                f"read and which are therefore never read; {RESAVE_MODEL}.",
            ) from error


def _flatten(content: Any, prefix: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Tensors and lists of labels in nested dicts, by their dotted names."""
    if isinstance(content, Mapping) and depth < DEEPEST:
        for name, part in content.items():
            dotted = f"{prefix}.{name}" if prefix else str(name)
            yield from _flatten(part, dotted, depth + 1)
    elif hasattr(content, "detach") or _is_plain_list(content):
        yield prefix or "tensor", content


def _is_plain_list(content: Any) -> bool:
    return isinstance(content, (list, tuple)) and all(
        isinstance(value, (str, int, float)) for value in content
    )


def _to_numpy(tensor: Any) -> np.ndarray:
    """Tensor as an array; numbers of one or two bytes in single precision.

    A quantised tensor of torch knows its scale.
    """
    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_floating_point() and tensor.element_size() < 4:
        tensor = tensor.float()
    return tensor.numpy()
