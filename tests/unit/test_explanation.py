"""The picture of a patch beside its heat maps."""

import numpy as np

from segmake.figures.explanation import HEAT, explanation
from segmake.figures.style import to_png


def patch(channels):
    return np.arange(channels * 16, dtype=np.uint8).reshape(channels, 4, 4)


def titles(figure):
    return [panel.get_title(loc="left") for panel in figure.axes]


def test_a_grey_patch_stands_alone_and_under_its_heat():
    heat = np.zeros((4, 4), dtype=np.float32)
    heat[1, 2] = 1
    figure = explanation(patch(1), {"Grad-CAM": heat}, "case a: truth x, called y")
    assert titles(figure) == ["patch", "Grad-CAM"]
    assert figure.get_suptitle() == "case a: truth x, called y"
    alone, under = figure.axes
    assert len(alone.images) == 1
    grey = alone.images[0].get_array()
    assert (grey[..., 0] == patch(1)[0]).all()
    assert (grey[..., 0] == grey[..., 2]).all()
    drawn = under.images[1]
    assert drawn.get_array().tolist() == heat.tolist()
    assert np.allclose(drawn.get_alpha(), 0.65 * heat)  # no heat is transparent


def test_three_channels_are_shown_as_colours_and_other_numbers_by_their_first():
    colours = explanation(patch(3), {}, "").axes[0].images[0].get_array()
    assert (colours == patch(3).transpose(1, 2, 0)).all()
    first = explanation(patch(2), {}, "").axes[0].images[0].get_array()
    assert (first[..., 1] == patch(2)[0]).all()


def test_a_map_without_heat_says_so():
    figure = explanation(patch(1), {"Grad-CAM": np.zeros((4, 4))}, "")
    assert titles(figure)[1] == "Grad-CAM: nothing speaks for it"


def test_heat_gets_brighter_so_that_it_reads_in_grey():
    luma = HEAT(np.linspace(0, 1, 11))[:, :3] @ [0.299, 0.587, 0.114]
    assert (np.diff(luma) > 0).all()


def test_the_same_patch_gives_the_same_bytes():
    heat = np.eye(4, dtype=np.float32)
    pictures = [to_png(explanation(patch(1), {"occlusion": heat}, "x"), 60) for _ in range(2)]
    assert pictures[0] == pictures[1]
