"""nnU-Net's raw folder: imagesTr/<case>_0000<ending>, labelsTr/<case><ending>, dataset.json (v1 and v2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from segmake.dataset.layouts.dataset_json import Listed, channels_of, labels_of, read_description
from segmake.dataset.layouts.found import Dataset, make_case
from segmake.dataset.layouts.pairs import orphans
from segmake.dataset.sheet import Case
from segmake.errors import InputError


def index_nnunet(root: Path) -> Dataset:
    """Index a raw data set of nnU-Net.

    v2 names channels in `channel_names` and labels by name (regions too), v1 in `modality` and by number.
    Training files are those of `dataset` where it lists them, else those in imagesTr; imagesTs is the
    split `test`. A label without an image becomes a case with a problem.

    Raises:
        InputError: dataset.json is missing or not as nnU-Net defines it.
    """
    content = read_description(root)
    named = content.channel_names or content.modality
    channels = channels_of(named)
    labels, regions = labels_of(root / "dataset.json", content)
    train = _listed(root, content.dataset, list(channels))
    for folder, split in (("imagesTr", "train"), ("imagesTs", "test")):
        if split == "test" or not content.dataset:
            ends = [f"_{number:04d}{content.file_ending}" for number in sorted(named)]
            files = dict(zip(channels, ends, strict=True))
            train += _in_folder(root / folder, files, content.file_ending, split)
    lonely = [] if content.dataset else orphans(root / "labelsTr", train)
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


def _listed(root: Path, entries: Mapping[str, Listed], channels: list[str]) -> list[Case]:
    """Cases of the explicit list: case -> images (a file per channel) and label; relative paths from root."""
    cases = []
    for name, files in entries.items():
        if len(files.images) != len(channels):
            raise InputError(
                f"dataset.json in {root} lists {len(files.images)} images for case {name}, but "
                f"{len(channels)} channels; repair it"
            )
        paths = dict(zip(channels, (root / path for path in files.images), strict=True))
        cases.append(make_case(name, paths, root / files.label))
    return cases
