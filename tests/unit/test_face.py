from pathlib import Path

import numpy as np
import pytest

from segmake.prepare.face import shows_face
from segmake.volume.geometry import to_canonical
from segmake.volume.read import read_scan

SHAPE = (96, 112, 88)
SPACING = (2.0, 2.0, 2.0)
MR = {"air": 3, "skin": 300, "bone": 20, "brain": 200}
CT = {"air": -1000, "skin": 40, "bone": 1200, "brain": 30}


def head(levels: dict[str, float], bone_mm: float = 6, scale: float = 1) -> np.ndarray:
    """Skin, skull and brain as nested ellipsoids of a head's size, with noise."""
    at = (np.moveaxis(np.indices(SHAPE), 0, -1) + 0.5) * SPACING - np.array(SHAPE) * SPACING / 2
    data = np.full(SHAPE, levels["air"], np.float32)
    for name, inside_mm in (("skin", 0), ("bone", 6), ("brain", 6 + bone_mm)):
        radii = np.array([76, 96, 80]) * scale - inside_mm
        data[((at / radii) ** 2).sum(axis=-1) < 1] = levels[name]
    return data + np.abs(np.random.default_rng(0).normal(0, 3, SHAPE)).astype(np.float32)


@pytest.mark.parametrize(("levels", "modality"), [(MR, "mr"), (CT, "ct")])
def test_a_head_with_its_skull_shows_a_face(levels, modality) -> None:
    assert shows_face(head(levels), SPACING, modality, {})
    assert not shows_face(head(levels), SPACING, "pet", {})


@pytest.mark.parametrize(("levels", "modality"), [(MR, "mr"), (CT, "ct")])
def test_a_brain_without_its_skull_does_not(levels, modality) -> None:
    stripped = levels | {"skin": levels["air"], "bone": levels["air"]}
    assert not shows_face(head(stripped), SPACING, modality, {})


def test_other_sizes_do_not() -> None:
    assert not shows_face(head(MR), (1.0, 1.0, 1.0), "mr", {})
    assert not shows_face(head(CT), (3.6, 3.6, 3.6), "ct", {})
    assert not shows_face(head(CT)[30:60], SPACING, "ct", {})


def test_normalised_and_masked_scans_are_not_judged() -> None:
    data = head(MR)
    masked = np.where(data > 15, (data - 180) / 60, 0)
    assert not shows_face(masked, SPACING, "mr", {})


def test_blank_and_noisy_scans_do_not() -> None:
    assert not shows_face(np.zeros(SHAPE), SPACING, "mr", {})
    noise = np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8)
    assert not shows_face(noise, SPACING, "mr", {})
    assert not shows_face(noise, SPACING, "ct", {})


@pytest.mark.parametrize(
    ("part", "face"),
    [("HEAD", True), ("brain", True), ("HEADNECK", True), ("CHEST", False), ("HEART", False)],
)
def test_the_header_decides_where_it_names_the_part(part: str, face: bool) -> None:
    assert shows_face(np.zeros((4, 4, 4)), SPACING, "mr", {"BodyPartExamined": part}) is face
    assert shows_face(head(MR), SPACING, "mr", {"BodyPartExamined": part}) is face


@pytest.mark.data
def test_crops_and_brains_of_real_data_do_not(shared_data: Path) -> None:
    files = sorted((shared_data / "brats2015").rglob("*_subtr*.nii.gz"))
    files += sorted((shared_data / "hippocampus" / "imagesTr").glob("*.nii.gz"))[:20]
    assert len(files) > 20
    for path in files:
        volume = to_canonical(read_scan(path).volume)
        positive = np.where(volume.data[0] != 0, volume.data[0] - volume.data.min() + 0.5, 0)
        for data in (volume.data[0], positive):
            assert not shows_face(data, volume.spacing_mm, "mr", {}), path
