"""How strongly augmentation changes a patch: `train.augment` and `fit.augment`, presets or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    NonNegativeFloat,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from segmake.section import Section

Span = tuple[float, float]


def _ascending(span: Span) -> Span:
    if span[0] > span[1]:
        raise ValueError("it must be [least, most]; swap them")
    return span


def _round_one(span: Span) -> Span:
    if not span[0] <= 1 <= span[1]:
        raise ValueError("it must hold 1; widen it")
    return span


Chance = Annotated[float, Field(ge=0, le=1)]
Factors = Annotated[
    tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]], AfterValidator(_ascending)
]
RoundOne = Annotated[Factors, AfterValidator(_round_one)]
Share = Annotated[float, Field(gt=0, le=1)]
Shares = Annotated[tuple[Share, Share], AfterValidator(_ascending)]

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "none": dict.fromkeys(
        ("flip", "rotate", "scale", "noise", "blur", "brightness", "contrast", "low_resolution", "gamma"), 0.0
    ),
    "light": {
        "rotate": 0.2,
        "degrees": 15.0,
        "scale": 0.2,
        "scale_range": (0.85, 1.18),
        "noise_std": 0.1,
        "blur": 0.0,
        "low_resolution": 0.0,
        "gamma": 0.1,
        "gamma_range": (0.8, 1.25),
    },
    "strong": {
        "rotate": 0.5,
        "scale": 0.5,
        "scale_range": (0.6, 1.6),
        "elastic": 0.2,
        "noise": 0.25,
        "blur": 0.2,
        "blur_sigma": (0.5, 1.5),
        "brightness": 0.3,
        "brightness_range": (0.6, 1.6),
        "contrast": 0.3,
        "contrast_range": (0.6, 1.6),
        "low_resolution": 0.25,
        "zoom_range": (0.4, 1.0),
        "gamma": 0.3,
        "gamma_range": (0.6, 1.7),
        "bias": 0.2,
    },
}


class Graded(Section):
    """A group of settings that a preset's name stands for, or numbers that differ from a preset."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]]
    preset: str

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let editors take a preset's name too."""
        return {"anyOf": [{"enum": list(cls.presets)}, handler(core_schema)]}

    @model_validator(mode="wrap")
    @classmethod
    def _start_from_the_preset(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Fill in the preset; only what the user wrote counts as set, so that commands stay short."""
        given = {"preset": value} if isinstance(value, str) else value
        if not isinstance(given, dict):
            return handler(given)
        made = handler({**cls.presets.get(str(given.get("preset")), {}), **given})
        made.model_fields_set.intersection_update(given)
        return made


class AugmentSettings(Graded):
    """A preset's name, or numbers that differ from it: {preset: light, elastic: 0.2}.

    Chances are per patch (intensities: per channel of a patch); the default ones follow nnU-Net
    (Isensee et al., Nature Methods 2021, supplement 4).
    """

    presets = PRESETS
    preset: Literal["none", "light", "default", "strong"] = "default"
    """What the other keys are where they are not given; the column `default` shows those of `default`."""
    flip: Chance = 0.5
    """Chance of mirroring along each axis of `train.flip`."""
    rotate: Chance = 0.3
    """Chance of rotation (within the plane of an anisotropic patch)."""
    degrees: NonNegativeFloat = Field(30.0, le=180)
    """Largest angle about each axis."""
    scale: Chance = 0.3
    """Chance of scaling."""
    scale_range: RoundOne = (0.7, 1.4)
    """Field of view that the patch then covers, as a factor: below 1 things look larger."""
    elastic: Chance = 0.0
    """Chance of a smooth deformation (cubic B-splines, four cells along the longest side)."""
    elastic_strength: NonNegativeFloat = Field(0.15, le=0.4)
    """Largest move of a control point, in cells; up to 0.4 nothing folds (Choi and Lee 2000)."""
    noise: Chance = 0.15
    """Chance of Gaussian noise."""
    noise_std: NonNegativeFloat = 0.3
    """Its largest standard deviation, in normalised intensity."""
    blur: Chance = 0.1
    """Chance of Gaussian smoothing."""
    blur_sigma: Factors = (0.5, 1.0)
    """Its width in voxels."""
    brightness: Chance = 0.15
    """Chance of multiplying the intensities."""
    brightness_range: Factors = (0.75, 1.25)
    """By which factors."""
    contrast: Chance = 0.15
    """Chance of stretching the intensities about their mean."""
    contrast_range: Factors = (0.75, 1.25)
    """By which factors."""
    low_resolution: Chance = 0.15
    """Chance of dropping voxels and interpolating them again."""
    zoom_range: Shares = (0.5, 1.0)
    """Which share of the voxels is kept along each axis."""
    gamma: Chance = 0.2
    """Chance of a gamma curve, a quarter of the time on the inverted image."""
    gamma_range: Factors = (0.7, 1.5)
    """Its exponents."""
    bias: Chance = 0.0
    """Chance of a smooth multiplicative field on a channel of modality mr, as coils make it."""
    bias_strength: NonNegativeFloat = 0.4
    """Largest logarithm of that field."""


VIEWS: dict[str, dict[str, Any]] = {
    "default": {},
    "none": dict.fromkeys(
        (
            *("flip", "quarter", "rotate", "scale", "shift", "brightness", "contrast", "gamma", "noise"),
            *("blur", "erase"),
        ),
        0.0,
    ),
    "light": {
        "rotate": 0.3,
        "degrees": 10.0,
        "scale": 0.3,
        "scale_range": (0.9, 1.11),
        "shift": 0.3,
        "brightness": 0.15,
        "contrast": 0.15,
        "gamma": 0.0,
        "noise": 0.0,
        "blur": 0.0,
    },
    "strong": {
        "rotate": 0.8,
        "degrees": 25.0,
        "scale": 0.7,
        "scale_range": (0.7, 1.4),
        "shift": 0.7,
        "shift_range": 0.15,
        "brightness": 0.4,
        "brightness_range": (0.7, 1.4),
        "contrast": 0.4,
        "contrast_range": (0.6, 1.6),
        "gamma": 0.3,
        "noise": 0.2,
        "blur": 0.2,
        "blur_sigma": (0.5, 1.5),
        "erase": 0.2,
    },
}


class ViewSettings(Graded):
    """A preset's name, or numbers that differ from it: {preset: light, degrees: 180}.

    Chances are per patch.
    """

    presets = VIEWS
    preset: Literal["none", "light", "default", "strong"] = "default"
    """What the other keys are where they are not given; the column `default` shows those of `default`."""
    flip: Chance = 0.5
    """Chance of mirroring along each axis of `fit.flip`."""
    quarter: Chance = 0.0
    """Chance of a turn by 90, 180 or 270 degrees, for images without an upright position."""
    rotate: Chance = 0.5
    """Chance of a free rotation."""
    degrees: NonNegativeFloat = Field(15.0, le=180)
    """Its largest angle."""
    scale: Chance = 0.5
    """Chance of scaling."""
    scale_range: RoundOne = (0.85, 1.18)
    """Field of view that the patch then covers, as a factor: below 1 things look larger."""
    shift: Chance = 0.5
    """Chance of a shift along both axes."""
    shift_range: float = Field(0.06, ge=0, le=0.5)
    """Its largest size, as a fraction of the patch."""
    brightness: Chance = 0.25
    """Chance of multiplying the grey values."""
    brightness_range: Factors = (0.8, 1.25)
    """By which factors."""
    contrast: Chance = 0.25
    """Chance of stretching the grey values about their mean."""
    contrast_range: Factors = (0.75, 1.33)
    """By which factors."""
    gamma: Chance = 0.15
    """Chance of a gamma curve."""
    gamma_range: Factors = (0.7, 1.5)
    """Its exponents."""
    noise: Chance = 0.1
    """Chance of Gaussian noise."""
    noise_std: NonNegativeFloat = 0.05
    """Its largest standard deviation, as a fraction of white."""
    blur: Chance = 0.1
    """Chance of Gaussian smoothing."""
    blur_sigma: Factors = (0.5, 1.0)
    """Its width in pixels."""
    erase: Chance = 0.0
    """Chance that a square is made grey (Zhong et al., AAAI 2020)."""
    erase_range: float = Field(0.4, gt=0, le=1)
    """Its largest side, as a fraction of the patch."""
