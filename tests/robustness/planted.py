"""Scans of people who do not exist, their names in every place that a file has for them, and a search."""

from __future__ import annotations

import base64
import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

DICOM = {
    "PatientName": "Zwickelhuber^Rosalinde",
    "PatientID": "PID-77123456",
    "IssuerOfPatientID": "ISSUER-UHZ",
    "OtherPatientIDs": "OPID-5512",
    "OtherPatientNames": "Maidenfrau^Rosalinde",
    "PatientBirthDate": "19410713",
    "PatientBirthTime": "031415",
    "PatientBirthName": "Birthleitner^R",
    "PatientMotherBirthName": "Muttersdorf^A",
    "PatientAddress": "Krummgasse 17, 9999 Hinterwald",
    "PatientTelephoneNumbers": "+43-555-0188",
    "PatientComments": "neighbour of Frau Quastl",
    "PatientInsurancePlanCodeSequence": "INSURED-4711",
    "MilitaryRank": "Oberstvz",
    "EthnicGroup": "Ethnozz",
    "Occupation": "Glockengiesserin",
    "AdditionalPatientHistory": "fell off the Traunstein",
    "ResponsiblePerson": "Vormundov^V",
    "ReferringPhysicianName": "Zuweiserin^Z",
    "PerformingPhysicianName": "Ausfuehrer^A",
    "OperatorsName": "Bedienerova^B",
    "NameOfPhysiciansReadingStudy": "Befunderski^B",
    "RequestingPhysician": "Anforderer^A",
    "InstitutionName": "Klinikum Hinterwald",
    "InstitutionAddress": "Spitalweg 1",
    "InstitutionalDepartmentName": "Radiologie Sued",
    "StationName": "CTHWALD02",
    "DeviceSerialNumber": "SN-990-771",
    "AccessionNumber": "ACC20240117",
    "StudyID": "STUDY-8812",
    "StudyDescription": "CT Thorax Zwickel R",
    "SeriesDescription": "Lunge fuer Zwick",
    "ProtocolName": "Thorax_Zwicki",
    "ImageComments": "repeat for Rosl",
    "RequestedProcedureDescription": "control Huberin",
    "DerivationDescription": "sharpened by Rudi",
    "StudyDate": "20240117",
    "AcquisitionDate": "20240118",
    "ContentDate": "20240119",
    "AcquisitionDateTime": "20240118093211.5",
    "StudyTime": "093207.25",
    "StudyInstanceUID": "1.2.40.0.13.1.777.1001",
    "SeriesInstanceUID": "1.2.40.0.13.1.777.1002",
    "FrameOfReferenceUID": "1.2.40.0.13.1.777.1003",
    "CurveLabel": "CURVE-Rosi",
    "private": "PRIVATE-Rosalinde-77",
    "overlay": "OVERLAY-Zwickl",
    "icon": "ICON-Rosalind-7",
    "preamble": "PREAMBLE-Zwickelhuber",
    "trailer": "TRAILER-Zwickelhuber",
}
NIFTI = {
    "descrip": "Herbstmayr Kunigunde 1952",
    "aux_file": "Herbstmayr_aux.txt",
    "intent_name": "Kunigunde_H",
    "db_name": "DB-Kuni-18",
    "comment": "EXT-COMMENT Herbstmayr",
    "dicom": "EXT-DICOM Kunigunde",
    "afni": "EXT-AFNI HerbstK",
    "gzip": "GZNAME-Herbstmayr",
}
OTHER = {"metaimage": "COMMENT-Winterstoller", "nrrd": "KEY-Winterstoller-Egon"}


def voxels(seed: int) -> Any:
    """Int16 [16, 15, 14] with a bright box, noise round it."""
    data = np.random.default_rng(seed).integers(-900, -700, (16, 15, 14)).astype(np.int16)
    data[5:11, 5:10, 4:9] += 800
    return data


def truth() -> Any:
    """The label map of `voxels`."""
    label = np.zeros((16, 15, 14), np.uint8)
    label[5:11, 5:10, 4:9] = 1
    return label


def write_dicom(folder: Path, seed: int, name: str) -> Path:
    """A CT series of 14 slices; files are called `name`."""
    folder.mkdir(parents=True)
    for number, plane in enumerate(np.moveaxis(voxels(seed), -1, 0)):
        data = _slice(plane[::-1, ::-1], number)
        data.save_as(folder / f"{name}_{number}.dcm", enforce_file_format=True)
        with (folder / f"{name}_{number}.dcm").open("r+b") as stream:
            stream.write(DICOM["preamble"].encode())
    return folder


def _slice(plane: Any, number: int) -> Dataset:
    data = Dataset()
    for keyword, text in DICOM.items():
        if keyword == "PatientInsurancePlanCodeSequence":
            item = Dataset()
            item.CodeValue, item.CodeMeaning = "4711", text
            data.PatientInsurancePlanCodeSequence = [item]
        elif keyword[0].isupper() and keyword != "CurveLabel":
            setattr(data, keyword, text)
    data.add_new((0x5000, 0x2500), "LO", DICOM["CurveLabel"])
    block = data.private_block(0x0029, "SEGMAKE TEST", create=True)
    block.add_new(0x10, "LO", DICOM["private"])
    data.add_new((0x6000, 0x0022), "LO", DICOM["overlay"])
    icon = Dataset()
    icon.Rows, icon.Columns, icon.BitsAllocated = 1, len(DICOM["icon"]) + 1, 8
    icon.add_new("PixelData", "OB", DICOM["icon"].encode() + b"\0")
    data.IconImageSequence = [icon]
    data.add_new((0xFFFC, 0xFFFC), "OB", DICOM["trailer"].encode() + b"\0")
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, f"1.2.40.0.13.1.777.2{number}"
    data.Modality, data.Manufacturer, data.KVP = "CT", "Maker", "120"
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.InstanceNumber, data.SeriesNumber = number + 1, 1
    data.ImagePositionPatient = [0, 0, 3 * number]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.SliceThickness = [1, 1], 3
    data.Columns, data.Rows = plane.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.RescaleSlope, data.RescaleIntercept = 1, 0
    data.PixelData = np.ascontiguousarray(plane.T).tobytes()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data


def write_nifti(path: Path, data: Any, affine: Any) -> Path:
    """A NIfTI file with text in every field that its header has for it, and in three extensions."""
    image = nib.Nifti1Image(data, affine)
    for field in ("descrip", "aux_file", "intent_name", "db_name"):
        image.header[field] = NIFTI[field].encode()
    for code, name in ((6, "comment"), (2, "dicom"), (4, "afni")):
        image.header.extensions.append(nib.nifti1.Nifti1Extension(code, NIFTI[name].encode()))
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = image.to_bytes()
    with path.open("wb") as stream, gzip.GzipFile(NIFTI["gzip"], "wb", 1, stream) as packed:
        packed.write(plain)
    return path


def write_metaimage(path: Path, data: Any) -> Path:
    """A MetaImage header with a comment, and its voxels in a file beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = " ".join(map(str, data.shape))
    header = f"ObjectType = Image\nNDims = 3\nComment = {OTHER['metaimage']}\nDimSize = {size}\n"
    header += "ElementSpacing = 1 1 3\nElementType = MET_SHORT\nElementByteOrderMSB = False\n"
    path.write_text(f"{header}ElementDataFile = {path.stem}.raw\n")
    path.with_suffix(".raw").write_bytes(data.tobytes(order="F"))
    return path


def write_nrrd(path: Path, data: Any) -> Path:
    """An NRRD file with a key of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = " ".join(map(str, data.shape))
    lines = ["NRRD0004", "type: int16", "dimension: 3", f"sizes: {size}", "encoding: raw", "endian: little"]
    lines += ["space: left-posterior-superior", "space directions: (1,0,0) (0,1,0) (0,0,3)"]
    lines += ["space origin: (0,0,0)", f"patient:={OTHER['nrrd']}", "", ""]
    path.write_bytes("\n".join(lines).encode() + data.tobytes(order="F"))
    return path


def search(folder: Path, words: Mapping[str, str]) -> set[str]:
    """Which of the words stand in a file, in a file's name or in what a file has packed."""
    found = set()
    for path in sorted(folder.rglob("*")):
        texts = [str(path.relative_to(folder)).encode().lower()]
        texts += [text.lower() for text in unpacked(path.read_bytes())] if path.is_file() else []
        found |= {
            key
            for key, word in words.items()
            for coded in {word.lower().encode(code) for code in ("utf-8", "utf-16-le")}
            if any(coded in text for text in texts)
        }
    return found


def unpacked(content: bytes) -> Iterator[bytes]:
    """The bytes of a file, and those inside: gunzipped, and decoded from base64 at any depth."""
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield from unpacked(zlib.decompressobj(31).decompress(content))  # as far as it goes
    for packed in re.findall(rb"[A-Za-z0-9+/]{20,}={0,2}", content):
        inner = base64.b64decode(packed[: len(packed) // 4 * 4])
        yield inner
        if inner.startswith(b"\x1f\x8b"):
            yield from unpacked(inner)
