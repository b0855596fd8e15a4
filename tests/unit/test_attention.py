"""Heat lies where the class is: on a network that is made for it, and on one that learned it."""

import numpy as np
import pytest
import torch
from monai.networks.nets.resnet import ResNet, ResNetBlock
from torch import nn

from segmake.errors import ConfigError
from segmake.inference.attention import grad_cam, heat_share, occlusion

SIZE = 32


class Bright(nn.Module):
    """Logits: how bright the brightest places are, and the opposite."""

    def __init__(self):
        super().__init__()
        self.blur = nn.Conv2d(1, 1, 4, stride=4, bias=False)
        nn.init.constant_(self.blur.weight, 1 / 16)
        self.sharpen = nn.ReLU(inplace=True)

    def forward(self, x):
        total = self.sharpen(self.blur(x) - 0.5).flatten(1).sum(1)
        return torch.stack([-total, total], dim=1)


def square(row=4, column=20, side=8):
    image, inside = torch.zeros(1, SIZE, SIZE), np.zeros((SIZE, SIZE), dtype=bool)
    inside[row : row + side, column : column + side] = True
    image[0][torch.from_numpy(inside)] = 1
    return image, inside


@pytest.mark.parametrize("where", [(4, 20), (20, 4)])
def test_heat_lies_on_the_square(where):
    image, inside = square(*where)
    heat = grad_cam(Bright(), image, 1)
    assert heat.shape == (SIZE, SIZE)
    assert (heat.min(), heat.max()) == (0, 1)
    assert heat_share(heat, inside) > 0.6 > 5 * inside.mean()
    hidden = occlusion(Bright(), image, 1)
    assert heat_share(hidden, inside) > 0.6


def test_nothing_speaks_for_the_other_class():
    image, _ = square()
    assert not grad_cam(Bright(), image, 0).any()


def test_explaining_changes_neither_the_network_nor_the_image():
    network = Bright()
    image, _ = square()
    before = image.clone()
    grad_cam(network, image, 1)
    occlusion(network, image, 1)
    assert torch.equal(image, before)
    assert not image.requires_grad
    assert network.blur.weight.grad is None
    assert not any(layer._forward_hooks or layer._backward_hooks for layer in network.modules())
    assert network.sharpen.inplace


def test_a_network_without_maps_is_explained():
    with pytest.raises(ConfigError, match="Sequential has no layer for a Grad-CAM on images of 32 pixels"):
        grad_cam(nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 2)), square()[0], 1)


def test_the_share_of_heat():
    inside = np.array([[True, False], [False, False]])
    assert heat_share(np.array([[1.0, 0.5], [0.5, 0.0]]), inside) == 0.5
    assert heat_share(np.zeros((2, 2)), inside) == 0


def patches(count, seed):
    """Noise; every other patch has a square somewhere."""
    random = np.random.default_rng(seed)
    images = 0.3 * random.normal(size=(count, 1, SIZE, SIZE)).astype(np.float32)
    inside = np.zeros((count, SIZE, SIZE), dtype=bool)
    for number in range(0, count, 2):
        row, column = random.integers(0, SIZE - 8, size=2)
        inside[number, row : row + 8, column : column + 8] = True
        images[number, 0][inside[number]] += 0.8
    return torch.from_numpy(images), inside


def test_the_heat_of_a_trained_network_lies_on_the_planted_square():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = ResNet(
        ResNetBlock, [1, 1, 1, 1], [8, 16, 16, 16], spatial_dims=2, n_input_channels=1, num_classes=2,
        conv1_t_size=3, no_max_pool=True,
    )  # fmt: skip
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for step in range(30):
        images, inside = patches(32, 1000 + step)
        truth = torch.from_numpy(inside.any(axis=(1, 2)).astype(np.int64))
        loss = nn.functional.cross_entropy(network(images), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    images, inside = patches(16, 1)
    with torch.no_grad():
        right = network(images).argmax(1).numpy() == inside.any(axis=(1, 2))
    assert right.mean() >= 0.9
    shown = [number for number in range(0, 16, 2) if right[number]]
    shares = [heat_share(grad_cam(network, images[n], 1), inside[n]) for n in shown]
    chance = 64 / SIZE**2
    assert np.mean(shares) > 3 * chance
