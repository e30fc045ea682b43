"""Activation maps of small networks by the package grad-cam, for the tests.

Run as ``python -m scripts.make_reference_maps`` where ``pip install grad-cam==1.5.7``
works: it needs a torchvision that fits torch, which the pinned one has none of. Written
are networks, images and raw maps, before that package stretches every map to 0 ... 1.
"""

from pathlib import Path

import numpy as np
import pytorch_grad_cam
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from tests.torch_networks import MAP_LAYERS, make_colour_images

FILE = Path("tests/torch/grad_cam_maps.npz")
METHODS = {
    "grad-cam": pytorch_grad_cam.GradCAM,
    "grad-cam++": pytorch_grad_cam.GradCAMPlusPlus,
    "xgrad-cam": pytorch_grad_cam.XGradCAM,
    "hirescam": pytorch_grad_cam.HiResCAM,
    "score-cam": pytorch_grad_cam.ScoreCAM,
}


def raw_maps(method, model, layer, grid, images, columns):
    """Maps of the class of each image as the package computes them at first."""

    def reshape(tokens):
        return tokens[:, 1:].transpose(1, 2).reshape(len(tokens), -1, *grid)

    transform = None if grid is None else reshape
    module = model.get_submodule(layer)
    targets = [ClassifierOutputTarget(int(column)) for column in columns]
    with METHODS[method](model, [module], transform) as cam:
        cam(images, targets)
        kept = cam.activations_and_grads
        found = [kept.activations, kept.gradients]
        pair = [values[0].numpy() if values else None for values in found]
        return cam.get_cam_image(images, module, targets, *pair, False)


def main():
    """Write the file."""
    images, written = make_colour_images(), {}
    written["images"] = images.numpy()
    for name, (make, layer, grid) in MAP_LAYERS.items():
        model = make().eval()
        for key, values in model.state_dict().items():
            written[f"{make.__name__}/{key}"] = values.numpy()
        columns = model(images).argmax(dim=1)
        for method in METHODS:
            found = raw_maps(method, model, layer, grid, images, columns)
            written[f"{name}/{method}"] = found.astype(np.float32)
            print(f"{name}, {method}: largest value {abs(found).max():.3g}")
    np.savez_compressed(FILE, **written)


if __name__ == "__main__":
    main()
