"""What a label is called in DICOM: SNOMED CT codes of names that are common in segmentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Concept = tuple[str, str, str]
"""Code value, coding scheme, meaning."""
ANATOMY: Concept = ("91723000", "SCT", "Anatomical Structure")
LESION: Concept = ("49755003", "SCT", "Morphologically Abnormal Structure")
TISSUE: Concept = ("85756007", "SCT", "Tissue")
LESIONS = {
    **dict.fromkeys(("tumour", "tumor", "neoplasm", "cancer"), ("108369006", "Neoplasm")),
    "nodule": ("27925004", "Nodule"),
    "lesion": ("52988006", "Lesion"),
    "mass": ("4147007", "Mass"),
    **dict.fromkeys(("edema", "oedema"), ("79654002", "Edema")),
    **dict.fromkeys(("necrosis", "necrotic"), ("6574001", "Necrosis")),
    "cyst": ("367643001", "Cyst"),
    **dict.fromkeys(("haemorrhage", "hemorrhage"), ("50960005", "Hemorrhage")),
    "thrombus": ("396339007", "Thrombus"),
    "abscess": ("44132006", "Abscess"),
}
ORGANS = {
    "adrenal gland": ("23451007", "Adrenal gland"),
    "amygdala": ("4958002", "Amygdala"),
    "aorta": ("15825003", "Aorta"),
    "bladder": ("89837001", "Bladder"),
    "bone": ("272673000", "Bone"),
    "brain": ("12738006", "Brain"),
    **dict.fromkeys(("brain stem", "brainstem"), ("119238007", "Brain Stem")),
    "breast": ("76752008", "Breast"),
    "cerebellum": ("113305005", "Cerebellum"),
    "colon": ("71854001", "Colon"),
    "duodenum": ("38848004", "Duodenum"),
    "eye": ("81745001", "Eye"),
    "femur": ("71341001", "Femur"),
    "gallbladder": ("28231008", "Gallbladder"),
    **dict.fromkeys(("gray matter", "grey matter"), ("389081007", "Gray Matter")),
    "heart": ("80891009", "Heart"),
    "hippocampus": ("5366008", "Hippocampus"),
    "inferior vena cava": ("64131007", "Inferior vena cava"),
    "kidney": ("64033007", "Kidney"),
    "left atrium": ("82471001", "Left atrium"),
    "left ventricle": ("87878005", "Left ventricle"),
    "liver": ("10200004", "Liver"),
    "lung": ("39607008", "Lung"),
    "lymph node": ("59441001", "Lymph Node"),
    "mandible": ("91609006", "Mandible"),
    "muscle": ("71616004", "Muscle"),
    **dict.fromkeys(("esophagus", "oesophagus"), ("32849002", "Esophagus")),
    "pancreas": ("15776009", "Pancreas"),
    "portal vein": ("32764006", "Portal vein"),
    "prostate": ("41216001", "Prostate"),
    "rectum": ("34402009", "Rectum"),
    "right ventricle": ("53085002", "Right ventricle"),
    "small intestine": ("30315005", "Small intestine"),
    "spinal cord": ("2748008", "Spinal cord"),
    "spleen": ("78961009", "Spleen"),
    "stomach": ("69695003", "Stomach"),
    "thalamus": ("42695009", "Thalamus"),
    "thyroid": ("69748006", "Thyroid"),
    "trachea": ("44567001", "Trachea"),
    "uterus": ("35039007", "Uterus"),
    "vertebra": ("51282000", "Vertebra"),
    "white matter": ("389080008", "White Matter"),
}


@dataclass(frozen=True)
class Segment:
    """A label as an object of DICOM describes it: its value in the label map, its name, codes and colour."""

    value: int
    name: str
    category: Concept
    type: Concept
    color: str | None = None
    """#RRGGBB."""


def describe(
    name: str,
    value: int,
    category: Concept | None = None,
    concept: Concept | None = None,
    color: str | None = None,
) -> Segment:
    """The segment of a label; what is not given comes from the table of names."""
    known = code_of(name)
    return Segment(value, name, category or known[0], concept or known[1], color)


def code_of(name: str) -> tuple[Concept, Concept]:
    """Category (of CID 7150) and type of a label by its name; tissue where the name says nothing.

    Lesions go before organs, so that "lung nodule" and "liver_tumour" are a nodule and a tumour; then the
    longest name that is found counts ("left kidney" is a kidney).
    """
    for table, category in ((LESIONS, LESION), (ORGANS, ANATOMY)):
        for known in _longest_first(name, list(table)):
            value, meaning = table[known]
            return category, (value, "SCT", meaning)
    return TISSUE, TISSUE


def _longest_first(name: str, known: list[str]) -> Iterator[str]:
    words = " ".join(["", *re.split(r"[\W_]+", name.casefold()), ""])
    for term in sorted(known, key=len, reverse=True):
        if f" {term} " in words or f" {term}s " in words:
            yield term
