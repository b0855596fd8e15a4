"""Small plans and cases with exact truth for the tests of learning."""

from __future__ import annotations

import numpy as np

from segmake.learning.sampling import Case, generator


def ball(number: int, shape: tuple[int, int, int] = (16, 16, 16)) -> Case:
    """A bright core in a grey rim in a dark, noisy background."""
    random = generator(7, number)
    centre = np.array(shape) / 2 + random.uniform(-1, 1, 3)
    distance = np.sqrt(sum((x - c) ** 2 for x, c in zip(np.indices(shape), centre, strict=True)))
    label = np.select([distance < 3, distance < 5.5], [1, 2], 0).astype(np.uint8)
    image = np.choose(label, [-0.7, 2.5, 1.0]) + random.normal(0, 0.1, shape)
    places = np.argwhere(label > 0)
    foreground = np.column_stack([label[tuple(places.T)], places]).astype(np.int16)
    foreground = foreground[np.argsort(foreground[:, 0], kind="stable")]
    return Case(f"case{number}", image[np.newaxis].astype(np.float16), label, foreground)
