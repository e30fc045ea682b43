"""Formats that hold arrays by name, with what opens them."""

from sklearn_wsca.io._arrays import open_npz
from sklearn_wsca.io._tensors import open_pt, open_safetensors

ARRAY_FORMATS = {
    ".npz": open_npz,
    ".safetensors": open_safetensors,
    ".pt": open_pt,
    ".pth": open_pt,
}
