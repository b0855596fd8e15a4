"""Medical Segmentation Decathlon: dataset.json lists pairs of files; one 4-D file holds all channels."""

from __future__ import annotations

from pathlib import Path

from segmake.dataset.layouts.dataset_json import channels_of, labels_of, read_description
from segmake.dataset.layouts.found import Dataset, make_case, stem
from segmake.dataset.layouts.pairs import orphans, pair_folders
from segmake.errors import InputError


def index_msd(root: Path) -> Dataset:
    """Index a task of the decathlon.

    Without dataset.json the files of imagesTr and labelsTr are paired by name, those of imagesTs are
    the split `test`; then the configuration says what channels and labels mean. Labels in labelsTr that no
    entry of dataset.json names become cases with a problem.

    Raises:
        InputError: dataset.json is not as the decathlon defines it, or there is neither it nor imagesTr.
    """
    if not (root / "dataset.json").exists() and (root / "imagesTr").is_dir():
        return Dataset(pair_folders(root))
    content = read_description(root)
    channels = channels_of(content.modality)
    labels, _ = labels_of(root / "dataset.json", content)
    cases = []
    for entry in content.training:
        image = root / entry.image
        cases.append(make_case(stem(image), dict.fromkeys(channels, image), root / entry.label))
    for test in content.test:
        image = root / (test if isinstance(test, str) else test.image)
        if image.exists():  # the decathlon's own lists name files that many copies leave out
            cases.append(make_case(stem(image), dict.fromkeys(channels, image), None, "test"))
    if cases and not channels:
        raise InputError(f"dataset.json in {root} names no modality; add it, such as {{'0': 'MRI'}}")
    return Dataset([*cases, *orphans(root / "labelsTr", cases)], channels, labels)
