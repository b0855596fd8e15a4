"""DICOM objects that are no images, read whole; whatever they lack becomes one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from segmake.errors import InputError, SegmakeError
from segmake.source import shown
from segmake.volume.dicom.headers import briefly, quiet


@contextmanager
def read_object(path: Path, kind: str) -> Iterator[Dataset]:
    """The data set of a file, for a block in which its damage is explained.

    Raises:
        InputError: the file is no complete object of this kind.
    """
    try:
        with quiet():
            yield pydicom.dcmread(path)
    except SegmakeError:
        raise
    except (
        Exception
    ) as error:  # pydicom fails in many ways where an object lacks or garbles what it must hold
        raise InputError(
            f"{shown(path)} is no complete {kind} ({briefly(error)}); export it again"
        ) from error
