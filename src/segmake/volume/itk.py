"""MetaImage and NRRD, read by SimpleITK."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from segmake.errors import GeometryError, InputError
from segmake.source import shown
from segmake.volume.geometry import check_affine
from segmake.volume.itk_header import check_voxels, read_text_header
from segmake.volume.scan import Note, Scan
from segmake.volume.volume import Affine, Array, Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
MEANT = {
    "Unable to determine ImageIO reader": "it does not begin as a MetaImage or NRRD file does",
    "Unknown PixelType": "the type of its voxels is not known",
}
"""What ITK says, in words that need no knowledge of ITK."""


def read_itk(path: Path) -> Scan:
    """Read a MetaImage (.mhd, .mha) or NRRD (.nrrd, .nhdr) file; a flat image is [C, X, Y, 1].

    Raises:
        InputError: the file or its file of voxels is missing, short, damaged or not of numbers.
        GeometryError: its header places the voxels nowhere.
    """
    header = read_text_header(path)
    if shown(path) != str(path):  # SimpleITK would end the process
        raise InputError(f"{shown(path)} has a name that is not UTF-8; rename it")
    reader = sitk.ImageFileReader()
    try:
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        if 0 in reader.GetSize():
            raise InputError(
                f"{shown(path)} has size {reader.GetSize()}; each must be 1 or more; export it again"
            )
        extra = check_voxels(header, _bytes_of_voxels(reader))
        image = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"{shown(path)} cannot be read: {_reason(error)}; export it again") from error
    volume = from_sitk(image)
    check_affine(volume.affine, "the header")
    flat = image.GetDimension() > 3 and image.GetSize()[3] == 1
    dropped = (Note("repair", "1 axes of one voxel were dropped"),) if flat else ()
    return Scan(volume, (*header.notes, *extra, *dropped))


def from_sitk(image: sitk.Image) -> Volume:
    """Volume of a SimpleITK image of 2, 3 or 4 axes; vector components, or a fourth axis, become channels."""
    axes, components = image.GetDimension(), image.GetNumberOfComponentsPerPixel()
    data = sitk.GetArrayFromImage(image)
    if data.dtype.kind not in "iuf":
        raise InputError(f"the image holds {data.dtype} voxels; only integers and reals can be read")
    if axes > 4 or (axes == 4 and components > 1 and image.GetSize()[3] > 1):
        raise GeometryError(f"a volume has three axes and channels, got {components} x {image.GetSize()}")
    if data.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and found as such later
            data = data.astype(np.float32, copy=False)
    return Volume(_channels_first(data, axes, components), _affine(image))


def _channels_first(data: Array, axes: int, components: int) -> Array:
    """[(T), (Z), Y, X, (C)] as [C, X, Y, Z]: a view, x stays fastest in memory."""
    if components == 1:
        data = data[..., np.newaxis]
    if axes == 2:
        data = data[np.newaxis]
    if axes == 4:
        data = data[0] if data.shape[0] == 1 else np.moveaxis(data[..., 0], 0, -1)
    return data.transpose(3, 2, 1, 0)


def _reason(error: RuntimeError) -> str:
    """One line of what ITK says, without places in its source and addresses in memory."""
    lines = str(error).strip().rpartition("ERROR: ")[2].splitlines()
    line = lines[-1] if lines[0].endswith(":") else lines[0]  # "Error reading FILE:", and then the reason
    line = re.sub(r"^(\w+\(0x[0-9a-f]+\)|\[\w+\] \w+): ", "", line).rstrip(".")
    return next((meant for said, meant in MEANT.items() if said in line), line)


def _bytes_of_voxels(reader: sitk.ImageFileReader) -> int:
    bits = re.match(
        r"(\d+)-bit", sitk.GetPixelIDValueAsString(reader.GetPixelID()).removeprefix("vector of ")
    )
    each = int(bits.group(1)) // 8 if bits else 1
    return int(math.prod(reader.GetSize())) * int(reader.GetNumberOfComponents()) * each


def _affine(image: sitk.Image) -> Affine:
    """ITK's origin, spacing and direction are in LPS world axes; ours are RAS. A missing axis is 1 mm."""
    axes = image.GetDimension()
    used = min(axes, 3)
    affine = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(axes, axes)
    affine[:used, :used] = (direction * np.array(image.GetSpacing()))[:used, :used]
    affine[:used, 3] = image.GetOrigin()[:used]
    result: Affine = LPS_TO_RAS @ affine
    return result
