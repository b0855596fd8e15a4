"""Medical Segmentation Decathlon: dataset.json lists pairs of files; one 4-D file holds all channels."""

from __future__ import annotations

from pathlib import Path

from segmake.dataset.layouts.dataset_json import as_defined, channels_of, labels_by_number, read_description
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
    with as_defined(root, "msd"):
        channels = channels_of(content.get("modality", {}))
        labels = labels_by_number(content.get("labels", {}))
        cases = []
        for entry in content.get("training", []):
            image, label = root / entry["image"], root / entry["label"]
            cases.append(make_case(stem(image), dict.fromkeys(channels, image), label))
        for entry in content.get("test", []):
            image = root / (entry["image"] if isinstance(entry, dict) else entry)
            if image.exists():  # the decathlon's own lists name files that many copies leave out
                cases.append(make_case(stem(image), dict.fromkeys(channels, image), None, "test"))
    if cases and not channels:
        raise InputError(f"dataset.json in {root} names no modality; add it, such as {{'0': 'MRI'}}")
    return Dataset([*cases, *orphans(root / "labelsTr", cases)], channels, labels)
