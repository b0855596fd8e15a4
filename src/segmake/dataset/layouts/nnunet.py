"""nnU-Net's raw folder: imagesTr/<case>_0000<ending>, labelsTr/<case><ending>, dataset.json (v1 and v2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segmake.dataset.layouts.dataset_json import (
    as_defined,
    by_number,
    channels_of,
    labels_by_name,
    labels_by_number,
    read_description,
)
from segmake.dataset.layouts.found import Dataset, make_case
from segmake.dataset.layouts.pairs import orphans
from segmake.dataset.sheet import Case


def index_nnunet(root: Path) -> Dataset:
    """Index a raw data set of nnU-Net.

    v2 names channels in `channel_names` and labels by name (regions too), v1 in `modality` and by number.
    Training files are those of `dataset` where it lists them, else those in imagesTr; imagesTs is the
    split `test`. A label without an image becomes a case with a problem.

    Raises:
        InputError: dataset.json is missing or not as nnU-Net defines it.
    """
    content = read_description(root)
    with as_defined(root, "nnunet"):
        named = content.get("channel_names", content.get("modality", {}))
        channels = channels_of(named)
        numbers = [f"{int(number):04d}" for number, _ in by_number(named)]
        entries = content.get("labels", {})
        if entries and all(name.isdigit() for name in entries):
            labels, regions = labels_by_number(entries), dict[str, list[int]]()
        else:
            labels, regions = labels_by_name(entries)
        ending = content.get("file_ending", ".nii.gz")
        listed = content.get("dataset")
        train = _listed(root, listed, list(channels)) if listed else []
        for folder, split in (("imagesTr", "train"), ("imagesTs", "test")):
            if split == "test" or not listed:
                files = dict(zip(channels, (f"_{number}{ending}" for number in numbers), strict=True))
                train += _in_folder(root / folder, files, ending, split)
    lonely = [] if listed else orphans(root / "labelsTr", train)
    return Dataset([*train, *lonely], channels, labels, regions)


def _in_folder(folder: Path, endings: dict[str, str], ending: str, split: str) -> list[Case]:
    """Cases of one image folder; `endings` is channel -> what follows the case's name."""
    names = {path.name for path in folder.glob(f"[!.]*{ending}")}
    labels = folder.with_name(folder.name.replace("images", "labels"))
    labelled = {path.name for path in labels.glob(f"[!.]*{ending}")}
    found = sorted(
        {name.removesuffix(end) for name in names for end in endings.values() if name.endswith(end)}
    )
    cases = []
    for name in found:
        paths = {channel: folder / (name + end) for channel, end in endings.items() if name + end in names}
        label = labels / (name + ending) if name + ending in labelled else None
        cases.append(make_case(name, paths, label, split))
    return cases


def _listed(root: Path, entries: dict[str, Any], channels: list[str]) -> list[Case]:
    """Cases of the explicit list: case -> images (a file per channel) and label; relative paths from root."""
    cases = []
    for name, files in entries.items():
        images = [root / path for path in files["images"]]
        if len(images) != len(channels):
            raise ValueError(f"case {name} lists {len(images)} images, channel_names {len(channels)}")
        cases.append(make_case(name, dict(zip(channels, images, strict=True)), root / files["label"]))
    return cases
