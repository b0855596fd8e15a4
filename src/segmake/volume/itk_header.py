"""What the text headers of MetaImage and NRRD say that SimpleITK passes over in silence."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isal import isal_zlib

from segmake.errors import InputError
from segmake.source import check_source, open_source, printable, shown
from segmake.volume.geometry import check_spacing
from segmake.volume.gzipped import DAMAGE
from segmake.volume.scan import Note

LARGEST_HEADER = 1 << 20
CHUNK_BYTES = 1 << 18
ZLIB_OR_GZIP = 47  # zlib's windowBits: either header, the largest window
NEEDED = ("NDims", "DimSize", "ElementType", "ElementDataFile")
COUNTS = ("dimsize", "elementnumberofchannels")
HERE = ("", "local")  # the voxels follow the header
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
SPACES = ("left-posterior", "right-anterior", "left-anterior", "lps", "ras", "las")
SKIPS = ("headersize", "byte skip", "line skip", "byteskip", "lineskip")
ASSUMED = {
    "origin": "0, 0, 0",
    "orientation": "left, posterior, superior",
    "named space": "left, posterior, superior",
    "voxel size": "1 mm",
}


@dataclass(frozen=True)
class TextHeader:
    """voxels: the file that holds them, from byte `start` on (or later); None when there are several."""

    path: Path
    notes: tuple[Note, ...]
    voxels: Path | None
    start: int
    packing: Literal["raw", "zlib", "other"]
    skips: bool


def read_text_header(path: Path) -> TextHeader:
    """Read the keys of a .mhd, .mha, .nrrd or .nhdr file; a header that is none has no keys.

    Raises:
        InputError: the file, or the file with voxels that it names, is missing or empty.
    """
    nrrd = path.suffix.lower() in (".nrrd", ".nhdr")
    keys, end = _keys(path, ":" if nrrd else "=")
    if not nrrd and (fault := _metaimage_fault(keys)):
        raise InputError(f"{shown(path)} is no MetaImage: {fault}; copy or export it again")
    packed = (
        keys.get("encoding", "raw") != "raw" if nrrd else keys.get("compresseddata", "").lower() == "true"
    )
    packing: Literal["raw", "zlib", "other"] = "raw" if not packed else "other" if nrrd else "zlib"
    skips = any(word in keys for word in SKIPS)
    name = keys.get("data file", keys.get("datafile", "")) if nrrd else keys.get("elementdatafile", "")
    voxels: Path | None = path
    if name.split(" ")[0].lower() == "list" or "%" in name:
        voxels = None
    elif name.lower() not in HERE:
        voxels, end = path.parent / name, 0
        if not voxels.exists():
            raise InputError(f"{shown(path)} keeps its voxels in {name}, which is missing; copy both files")
        check_source(voxels)
    return TextHeader(path, _geometry(keys, nrrd), voxels, end, packing, skips)


def _metaimage_fault(keys: Mapping[str, str]) -> str:
    """What is wrong with the numbers of a MetaImage: SimpleITK trusts them, and can end the process."""
    if lacking := [key for key in NEEDED if key.lower() not in keys]:
        return f"its header gives no {', '.join(lacking)}"
    axes = _numbers(keys["ndims"])
    if axes not in ([1], [2], [3], [4], [5]):
        return f"its header says NDims = {keys['ndims'][:60]}"
    counts = {"dimsize": axes[0], "elementnumberofchannels": 1, "compresseddatasize": 1, "headersize": 1}
    counts |= {key: axes[0] for word in ("origin", "voxel size") for key in GEOMETRY["metaimage"][word]}
    counts |= dict.fromkeys(GEOMETRY["metaimage"]["orientation"], axes[0] ** 2)
    for key, count in counts.items():
        found = _numbers(keys.get(key, "")) if key in keys else [1.0] * int(count)
        if len(found) != count or (key in COUNTS and not all(number >= 1 for number in found)):
            return f"its header says {key} = {keys[key][:60]}"
    return ""


def _numbers(text: str) -> list[float]:
    """Numbers of a value; none when a part of it is no number."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return []


def _geometry(keys: Mapping[str, str], nrrd: bool) -> tuple[Note, ...]:
    """Warnings of what is assumed about the place of the voxels."""
    for name in ("elementspacing", "elementsize", "spacings"):
        with suppress(ValueError):  # what is no number, SimpleITK explains
            check_spacing([float(word) for word in keys.get(name, "").split()[:3]], f"the header ({name})")
    wanted = GEOMETRY["nrrd" if nrrd else "metaimage"]
    missing = [name for name, words in wanted.items() if not any(word in keys for word in words)]
    texts = [f"the header gives no {name}, {ASSUMED[name]} is assumed" for name in missing]
    space = keys.get("space", SPACES[0])
    if not space.lower().startswith(SPACES):
        texts.append(f"the header's space {space} is taken for left, posterior, superior")
    return tuple(Note("warning", text) for text in texts)


def check_voxels(header: TextHeader, need: int) -> tuple[Note, ...]:
    """Raise an InputError when the voxels take fewer than `need` bytes, or a checksum of MetaImage is wrong.

    More bytes than needed are a warning.

    SimpleITK explains damaged NRRD files, but reads damaged MetaImages without a word.
    """
    if header.voxels is None or header.packing == "other":
        return ()
    found = check_source(header.voxels) - header.start
    if header.packing == "zlib":
        found = _inflated_bytes(header)
    if found < need:
        raise InputError(
            f"{shown(header.path)} asks for {need} bytes of voxels, but {header.voxels.name} has {found}; "
            "copy or export it again"
        )
    if found == need or header.skips:
        return ()
    text = f"{found - need} bytes after the voxels of {header.voxels.name} were ignored"
    return (Note("warning", text),)


def _inflated_bytes(header: TextHeader) -> int:
    """Length of the voxels when decompressed, with their checksum verified."""
    path = header.voxels or header.path
    inflate, found = isal_zlib.decompressobj(wbits=ZLIB_OR_GZIP), 0
    with open_source(path) as stream:
        stream.seek(header.start)
        try:
            while not inflate.eof and (piece := stream.read(CHUNK_BYTES)):
                found += len(inflate.decompress(piece))
        except DAMAGE as error:
            raise InputError(f"{shown(path)} is damaged: {error}; copy or export it again") from error
    if not inflate.eof:
        raise InputError(
            f"{shown(path)} is damaged: its compressed voxels end early; copy or export it again"
        )
    return found


def _keys(path: Path, mark: str) -> tuple[Mapping[str, str], int]:
    """Lower-case keys and their values, up to the blank line (NRRD) or ElementDataFile (MetaImage).

    And the byte after that line, where the voxels begin if they are in the same file.
    """
    keys: dict[str, str] = {}
    end = 0
    with open_source(path) as stream:
        for line in stream.read(LARGEST_HEADER).split(b"\n"):
            text = line.decode("latin-1").strip()
            end += len(line) + 1
            name, found, value = text.partition(mark)
            if not text or "\0" in text:
                break
            if found and not text.startswith("#"):
                keys[name.strip().lower()] = printable(value.strip().lstrip("="))
            if name.strip().lower() == "elementdatafile":
                break
    return keys, end
