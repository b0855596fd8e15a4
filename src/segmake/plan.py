"""The plan: every choice that turns a data set into a training task, as readable JSON.

Written by the `plan` stage, carried inside every `model.pt`, so that a model knows how to prepare a new
scan and what its outputs mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from segmake.errors import InputError
from segmake.section import Section
from segmake.settings import Modality
from segmake.tables import write_text

Triple = tuple[int, int, int]
Spacing = tuple[float, float, float]
IGNORED = 255
"""Class index of voxels that count for nothing."""


class Normalisation(Section):
    """How one channel's intensities are made comparable.

    zscore: mean and standard deviation of the case; with `masked` those of its body (the non-zero
    voxels and the holes in them), and zero outside it.
    ct: clip to [lower, upper], then subtract `mean` and divide by `std`, all from the data set's foreground.
    minmax: the case's own range to [0, 1].
    """

    scheme: Literal["zscore", "ct", "minmax", "none"]
    lower: float = 0.0
    upper: float = 0.0
    mean: float = 0.0
    std: float = 1.0
    masked: bool = False


def find_heads(labels: Mapping[str, int], regions: Mapping[str, list[int]]) -> list[tuple[int, ...]]:
    """The class indices (0 background, i + 1 the i-th label) each output channel of a network answers for.

    Without regions: one softmax channel per class, background first. With regions: one sigmoid channel per
    region, and one more for each label that the regions alone cannot tell from another.
    """
    values = [0, *labels.values()]
    if not regions:
        return [(index,) for index in range(len(values))]
    found = [tuple(sorted(values.index(v) for v in region)) for region in regions.values()]
    codes = [tuple(index in region for region in found) for index in range(len(values))]
    singles = [(index,) for index in range(1, len(values)) if codes.count(codes[index]) > 1]
    return found + [single for single in singles if single not in found]


class Plan(Section):
    """A training task.

    Arrays are [C, X, Y, Z]; every triple is in x, y, z order of the canonical (RAS+) grid.
    A label array holds class indices: 0 background, i + 1 the i-th entry of `labels`.
    """

    channels: dict[str, Modality]
    labels: dict[str, int]
    regions: dict[str, list[int]] = {}
    ignore: int | None = None
    """Label value of voxels that nobody judged; they have the class index `IGNORED`."""
    spacing_mm: Spacing
    patch: Triple
    batch: int
    features: list[int]
    kernels: list[Triple]
    strides: list[Triple]
    normalisation: dict[str, Normalisation]
    crop: Literal["nonzero", "none"]
    order: Literal[0, 1, 3] = 3
    folds: dict[str, int] = {}
    """Training case -> fold in which it is a validation case."""
    median_shape: Triple
    reasons: dict[str, str] = {}
    """Field -> one sentence saying why it has this value."""

    @property
    def label_values(self) -> list[int]:
        """Integer value in the label maps of each class index, background first."""
        return [0, *self.labels.values()]

    @property
    def heads(self) -> list[tuple[int, ...]]:
        """The class indices each output channel of the network answers for; see `find_heads`."""
        return find_heads(self.labels, self.regions)

    @property
    def sigmoid(self) -> bool:
        """Whether heads overlap (sigmoid) or exclude each other (softmax)."""
        return bool(self.regions)

    def decoder(self) -> list[list[float]]:
        """Matrix [classes, heads] that turns head logits into class scores; the label is the arg-max.

        For independent sigmoid heads the log-likelihood of a class is the sum of the logits of the heads
        that contain it, up to a constant shared by all classes; so decoding is linear in both cases.
        """
        return [[float(index in head) for head in self.heads] for index in range(len(self.label_values))]

    def save(self, path: Path) -> None:
        """Write as indented JSON, whole or not at all."""
        write_text(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a plan, or say what is wrong with it."""
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            where = ".".join(map(str, first["loc"])) if first else ""
            said = f"{where} {first['msg']}".strip() if first else str(error)
            reason = str(error.strerror) if isinstance(error, OSError) else said
            raise InputError(f"{path} is not a readable plan: {reason}; run `segmake plan`") from error
