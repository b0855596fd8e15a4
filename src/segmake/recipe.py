"""How strongly augmentation changes a training patch: `train.augment`, a preset or a group of numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    NonNegativeFloat,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from segmake.section import Section

Chance = Annotated[float, Field(ge=0, le=1)]
Factors = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]

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


class AugmentSettings(Section):
    """A preset's name, or numbers that differ from it: {preset: light, elastic: 0.2}.

    Chances are per patch (intensities: per channel of a patch); the default ones follow nnU-Net
    (Isensee et al., Nature Methods 2021, supplement 4).
    """

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
    scale_range: Factors = (0.7, 1.4)
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
    zoom_range: Factors = (0.5, 1.0)
    """Which share of the voxels is kept along each axis."""
    gamma: Chance = 0.2
    """Chance of a gamma curve, a quarter of the time on the inverted image."""
    gamma_range: Factors = (0.7, 1.5)
    """Its exponents."""
    bias: Chance = 0.0
    """Chance of a smooth multiplicative field on a channel of modality mr, as coils make it."""
    bias_strength: NonNegativeFloat = 0.4
    """Largest logarithm of that field."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let editors take a preset's name too."""
        return {"anyOf": [{"enum": list(PRESETS)}, handler(core_schema)]}

    @model_validator(mode="wrap")
    @classmethod
    def _start_from_the_preset(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Fill in the preset; only what the user wrote counts as set, so that commands stay short."""
        given = {"preset": value} if isinstance(value, str) else value
        if not isinstance(given, dict):
            return handler(given)
        made = handler(PRESETS.get(str(given.get("preset")), {}) | given)
        made.model_fields_set.intersection_update(given)
        return made

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Self:
        for name in ("scale_range", "blur_sigma", "brightness_range", "contrast_range", "gamma_range"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} is [least, most], got [{low:g}, {high:g}]; swap them")
        if not self.zoom_range[0] <= self.zoom_range[1] <= 1:
            raise ValueError(f"zoom_range is [least, most] of at most 1, got {list(self.zoom_range)}")
        if not self.scale_range[0] <= 1 <= self.scale_range[1]:
            raise ValueError(f"scale_range holds 1, got {list(self.scale_range)}; widen it")
        return self
