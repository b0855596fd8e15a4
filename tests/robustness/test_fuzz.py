"""Random damage: whatever byte is hit, a reader gives a scan or one sentence, and never a warning instead."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from PIL import Image
from pydicom.uid import RLELossless

from robustness.cases import FAULT, GRID, NOISE, write
from segmake.dataset.phantom.write import write_dicom_series
from segmake.errors import SegmakeError
from segmake.volume.read import read_scan
from segmake.volume.volume import Volume

TIMES = 40
HEADS = (64, 400, 1500, 1 << 20)
FILES = (
    "a.nii",
    "b.nii.gz",
    "c.nii",
    "d.hdr",
    "e.mhd",
    "f.mha",
    "g.nrrd",
    "h.nhdr",
    "i.png",
    "j.tif",
    "k.jpg",
)
FILES += ("l.dcm", "m.dcm", "n")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound file of every kind."""
    folder = tmp_path_factory.mktemp("sound")
    write(folder / "a.nii")
    write(folder / "b.nii.gz")
    nib.save(nib.Nifti2Image(NOISE, GRID), folder / "c.nii")
    nib.save(nib.Nifti1Pair(NOISE, GRID), folder / "d.hdr")
    for name in ("e.mhd", "f.mha", "g.nrrd", "h.nhdr"):
        sitk.WriteImage(sitk.GetImageFromArray(NOISE), str(folder / name), name[0] in "fg")
    for name in ("i.png", "j.tif", "k.jpg"):
        Image.fromarray((NOISE[0] % 255).astype(np.uint8)).save(folder / name)
    write_dicom_series(folder / "n", "n", Volume(NOISE[np.newaxis], GRID), 0)
    data = pydicom.dcmread(folder / "n" / "0000.dcm")
    data.save_as(folder / "l.dcm")
    data.compress(RLELossless)
    data.save_as(folder / "m.dcm")
    return folder


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """Bits flipped, bytes set, the end cut off, bytes put in or taken out; more often near the beginning."""
    changed = bytearray(content)
    head = min(len(changed), int(random.choice(HEADS)))
    kind, at, count = random.integers(5), int(random.integers(head)), int(random.integers(1, 9))
    if kind == 0:
        for place in random.integers(head, size=count):
            changed[place] ^= 1 << int(random.integers(8))
    elif kind == 1:
        changed[at : at + count] = bytes(random.integers(256, size=count, dtype=np.uint8))
    elif kind == 2:
        del changed[at:]
    elif kind == 3:
        del changed[at : at + count]
    else:
        changed[at:at] = bytes(count)
    return bytes(changed)


@pytest.mark.parametrize("name", FILES)
def test_damage_is_a_scan_or_a_sentence(sound: Path, tmp_path: Path, name: str) -> None:
    source = sound / name
    for seed in range(TIMES):
        place = tmp_path / str(seed)
        if source.is_dir():
            shutil.copytree(source, place)
            target, given = place / "0004.dcm", place
        else:
            place.mkdir()
            for part in sound.glob(f"{name[0]}.*"):
                shutil.copy(part, place)
            target = given = place / name
        target.write_bytes(damaged(target.read_bytes(), np.random.default_rng([seed, ord(name[0])])))
        try:
            data = read_scan(given).volume.data
        except SegmakeError as error:
            said = str(error)
            assert ";" in said, f"{seed}: {said}"
            assert said.isprintable(), f"{seed}: {said}"
            assert not FAULT.search(said), f"{seed}: {said}"
        else:
            assert data.ndim == 4, seed
