"""A small plan for the tests; each changes what it is about."""

from __future__ import annotations

from segmake.plan import Normalisation, Plan


def small_plan(**changes) -> Plan:
    fields = {
        "channels": {"t1": "mr"},
        "labels": {"core": 1, "rim": 2},
        "spacing_mm": (1.0, 1.0, 1.0),
        "patch": (16, 16, 16),
        "batch": 2,
        "features": [4, 8, 8],
        "kernels": [(3, 3, 3)] * 3,
        "strides": [(1, 1, 1), (2, 2, 2), (2, 2, 2)],
        "normalisation": {"t1": Normalisation(scheme="zscore")},
        "crop": "none",
        "median_shape": (16, 16, 16),
        "folds": {f"case{i}": i % 2 for i in range(6)},
    }
    return Plan.model_validate(fields | changes)
