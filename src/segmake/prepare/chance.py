"""Random choices that depend on a name alone: not on the order of cases, the process or the machine."""

from __future__ import annotations

import hashlib

import numpy as np

from segmake.volume.volume import Array


def generator(key: str) -> np.random.Generator:
    """Counter-based generator (Philox) whose stream is a function of `key`, such as "0/resample/case_7"."""
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def choose(count: int, most: int, key: str) -> Array:
    """Ascending indices below `count`: all of them, or `most` distinct ones drawn by `key`."""
    if count <= most:
        return np.arange(count)
    return np.sort(generator(key).choice(count, size=most, replace=False, shuffle=False))
