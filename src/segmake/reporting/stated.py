"""What provenance can say to the items of reporting checklists, each as a sentence or two."""

from __future__ import annotations

from segmake.reporting import stated_data, stated_models
from segmake.reporting.known import Known
from segmake.reporting.methods import Methods
from segmake.reporting.words import listed

CHAPTERS = {
    "preparation": ("Preparation", "Patches"),
    "software": ("Software and hardware",),
    "model": ("Segmentation models", "Classifiers"),
    "training": ("Segmentation models", "Classifiers"),
    "metrics": ("Evaluation", "Probabilities and decisions"),
    "uncertainty": ("Evaluation", "Probabilities and decisions"),
    "results": ("Results",),
}
"""Facts that the methods text tells at length."""


def state_facts(known: Known, methods: Methods) -> dict[str, str]:
    """Name of a fact -> what is known of it; a fact of which nothing is known is left out."""
    found = {}
    for name, titles in CHAPTERS.items():
        there = [title for title in titles if title in methods.chapters]
        if there:
            found[name] = f"See the methods text: {listed(there)}."
    for tell in (*stated_data.FACTS, *stated_models.FACTS):
        if text := tell(known):
            found[tell.__name__] = text
    return found
