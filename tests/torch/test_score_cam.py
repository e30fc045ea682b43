"""Runs of masked inputs: which there are, and what is made of them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca.torch import extract_activation_maps  # noqa: E402
from sklearn_wsca.torch._map_methods import mask_of  # noqa: E402
from tests.torch_networks import Grouped, make_colour_images, make_loader  # noqa: E402


def loop_maps(model, images):
    """Score-CAM of one image after the other, and one feature after the other."""
    model.eval()
    with torch.no_grad():
        for image in images.split(1):
            features = model.act(model.first(image))
            column = int(model(image).argmax())
            scores = [
                model(image * mask_of(feature, image.shape[2:]))[0, column]
                for feature in features.split(1, dim=1)
            ]
            weights = torch.stack(scores).softmax(0)
            yield (weights[:, None, None] * features[0]).sum(0).numpy()


@pytest.mark.parametrize("batch_size", [1, 4, 6])
@pytest.mark.parametrize("named", [False, True])
def test_maps_are_those_of_single_inputs(batch_size, named):
    """Whatever shares a batch, and whether the input has a name."""
    model, images = Grouped(), make_colour_images()
    expected = np.stack(list(loop_maps(model, images)))
    batches = make_loader(images, batch_size=batch_size)
    loader = [{"images": batch} for batch in batches] if named else batches
    found, scores = extract_activation_maps(
        model, loader, "act", method="score-cam", return_scores=True
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(scores, model(images).detach(), rtol=1e-5)
