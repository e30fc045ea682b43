"""Maps, images and titles that cannot be drawn."""

import numpy as np
import pytest

from sklearn_wsca._displays.activation_map import ActivationMapDisplay


def raises(message, **arguments):
    with pytest.raises(ValueError, match=message):
        ActivationMapDisplay(**{"maps": np.zeros((2, 4, 4))} | arguments).plot()


def test_bad_maps_and_arguments():
    raises(r"maps: they have the shape \(4,\)", maps=np.zeros(4))
    raises("not empty", maps=np.zeros((0, 4, 4)))
    raises(r"reach from -3 to 7.*activation_maps", maps=[[[-3.0, 7.0]]])
    raises("reach from nan to nan", maps=[[[np.nan, 0.5]]])
    raises("most: 0 is no number of maps", most=0)
    raises("columns: 1.5 is no number of maps", columns=1.5)
    raises("opacity: 2 is not between 0 and 1", opacity=2)
    raises("projection must be 'middle' or 'maximum', got 'mean'", projection="mean")
    raises("titles: there are 3 for 2 maps", titles=["a", "b", "c"])
    raises("titles: there are 1 for 2 maps", titles="ab")


def test_bad_images():
    raises("images: there are 3 for 2 maps", images=np.zeros((3, 4, 4)))
    raises("enlarge the maps by resize_to", images=np.zeros((2, 8, 8)))
    raises("channels come first: pass", images=np.zeros((2, 3, 4, 5)))
    raises("NaN, infinity or no numbers", images=np.full((2, 4, 4), np.nan))
    raises("no numbers", images=np.full((2, 4, 4), "a"))
    raises("colours reach from 0 to 255.*floats from 0 to 1", images=rgb(255.0))
    raises("colours reach from 0 to 300", images=rgb(300).astype(int))


def rgb(value):
    images = np.zeros((2, 4, 4, 3))
    images[0, 0] = value
    return images
