"""What the text headers of MetaImage and NRRD say that SimpleITK passes over in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segmake.errors import InputError
from segmake.volume.scan import Note
from segmake.volume.source import check_source, open_source, shown

LARGEST_HEADER = 1 << 20
HERE = ("", "local", "list")  # the voxels are in this file, or in a list of files
GEOMETRY = {
    "metaimage": {
        "origin": ("offset", "position", "origin"),
        "orientation": ("transformmatrix", "rotation", "orientation"),
        "voxel size": ("elementspacing", "elementsize"),
    },
    "nrrd": {
        "origin": ("space origin",),
        "orientation": ("space directions",),
        "named space": ("space",),
        "voxel size": ("space directions", "spacings"),
    },
}
ASSUMED = {
    "origin": "0, 0, 0",
    "orientation": "left, posterior, superior",
    "named space": "left, posterior, superior",
    "voxel size": "1 mm",
}


@dataclass(frozen=True)
class TextHeader:
    """data_file: where the voxels are, None when in the header's own file or in several."""

    path: Path
    notes: tuple[Note, ...]
    data_file: Path | None
    compressed: bool


def read_text_header(path: Path) -> TextHeader:
    """Read the keys of a .mhd, .mha, .nrrd or .nhdr file; a header that is none has no keys.

    Raises:
        InputError: the file, or the file with voxels that it names, is missing or empty.
    """
    nrrd = path.suffix.lower() in (".nrrd", ".nhdr")
    keys = _keys(path, ":" if nrrd else "=")
    wanted = GEOMETRY["nrrd" if nrrd else "metaimage"]
    missing = [name for name, words in wanted.items() if not any(word in keys for word in words)]
    notes = tuple(
        Note("warning", f"the header gives no {name}, {ASSUMED[name]} is assumed") for name in missing
    )
    name = keys.get("data file", keys.get("datafile", "")) if nrrd else keys.get("elementdatafile", "")
    data_file = None
    if name.split(" ")[0].lower() not in HERE and "%" not in name:
        data_file = path.parent / name
        if not data_file.exists():
            raise InputError(f"{shown(path)} keeps its voxels in {name}, which is missing; copy both files")
        check_source(data_file)
    compressed = keys.get("encoding", "raw") != "raw" or keys.get("compresseddata", "").lower() == "true"
    return TextHeader(path, notes, data_file, compressed)


def check_length(header: TextHeader, need: int) -> None:
    """Raise an InputError when a file of plain voxels is shorter than `need` bytes."""
    if header.data_file is None or header.compressed:
        return
    size = check_source(header.data_file)
    if size < need:
        raise InputError(
            f"{shown(header.path)} asks for {need} bytes of voxels, but {header.data_file.name} has {size}; "
            "copy or export both again"
        )


def _keys(path: Path, mark: str) -> Mapping[str, str]:
    """Lower-case keys and their values, up to the blank line (NRRD) or ElementDataFile (MetaImage)."""
    keys: dict[str, str] = {}
    with open_source(path) as stream:
        for line in stream.read(LARGEST_HEADER).split(b"\n"):
            text = line.decode("latin-1").strip()
            name, found, value = text.partition(mark)
            if not text or "\0" in text:
                break
            if found and not text.startswith("#"):
                keys[name.strip().lower()] = value.strip().lstrip("=")
            if name.strip().lower() == "elementdatafile":
                break
    return keys
