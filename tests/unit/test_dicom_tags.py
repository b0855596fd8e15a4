import hashlib

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from segmake.volume.dicom.headers import quiet
from segmake.volume.dicom.tags import ALLOWED, CODE, DATES, NAMED, NUMBERS, technical

PERSON = {
    "PatientName": "Doe^Jane",
    "PatientID": "12345",
    "PatientBirthDate": "19700101",
    "ReferringPhysicianName": "Who^Doctor",
    "InstitutionName": "Some Hospital",
    "StationName": "CT-ROOM-7",
    "AccessionNumber": "A99",
    "SeriesDescription": "Jane's head",
    "ProtocolName": "Jane",
    "StudyDescription": "Jane",
    "OperatorsName": "Op",
    "DeviceSerialNumber": "SN1",
    "StudyInstanceUID": "1.2.3.4",
}


def a_header(**values: object) -> Dataset:
    data = Dataset()
    for keyword, value in {"Modality": "CT", "KVP": "120", **PERSON, **values}.items():
        setattr(data, keyword, value)
    return data


def test_technical_attributes_are_told_as_text() -> None:
    data = a_header(PixelSpacing=[0.5, 0.75], ImageType=["ORIGINAL", "PRIMARY"], XRayTubeCurrent=200)
    data.Manufacturer, data.ConvolutionKernel = "SIEMENS", ["B70f", "1"]
    found = technical([data], "1.2.3")
    assert found == {
        "ConvolutionKernel": "B70f\\1",
        "ImageType": "ORIGINAL\\PRIMARY",
        "KVP": "120",
        "Manufacturer": "SIEMENS",
        "Modality": "CT",
        "PixelSpacing": "0.5\\0.75",
        "XRayTubeCurrent": "200",
        "source_uid": hashlib.sha256(b"1.2.3").hexdigest()[:16],
    }


def test_nothing_that_identifies_a_person_is_told() -> None:
    told = "\n".join(technical([a_header()], "1.2.840.99").values())
    assert not [value for value in (*PERSON.values(), "1.2.840.99") if value in told]


def test_remarks_in_coded_attributes_are_not_told() -> None:
    with quiet():
        data = a_header(
            BodyPartExamined="head of Jane Doe, born 1970", ViewPosition="Doe^Jane", Laterality="L"
        )
    found = technical([data], "1")
    assert "BodyPartExamined" not in found
    assert "ViewPosition" not in found
    assert found["Laterality"] == "L"


def test_contrast_is_told_as_yes_or_no() -> None:
    assert technical([a_header(ContrastBolusAgent="Iomeprol for Jane")], "1")["ContrastBolusAgent"] == "yes"
    assert technical([a_header(ContrastBolusAgent="")], "1")["ContrastBolusAgent"] == "no"
    assert "ContrastBolusAgent" not in technical([a_header()], "1")


def test_dates_are_left_to_privacy() -> None:
    found = technical([a_header(StudyDate="20200101", AcquisitionDate="20200102")], "1")
    assert [found[keyword] for keyword in DATES] == ["20200101", "20200102"]


def test_the_particular_goes_before_the_shared() -> None:
    own = Dataset()
    own.EffectiveEchoTime, own.KVP = 3.25, "80"
    found = technical([own, a_header()], "1")
    assert (found["EffectiveEchoTime"], found["KVP"], found["Modality"]) == ("3.25", "80", "CT")


def test_what_is_allowed_is_coded_or_a_number_or_the_device() -> None:
    free = {name for name in ALLOWED if dictionary_VR(tag_for_keyword(name) or 0) not in {*NUMBERS, "CS"}}
    assert free == {*NAMED, *DATES, "ContrastBolusAgent"}
    assert CODE.fullmatch("CT_SOM5 SPI")
    assert not CODE.fullmatch("Doe^Jane")
