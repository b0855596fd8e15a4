"""The methods and results of a run as text to paste, with its references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from segmake.reporting import classifying, segmenting
from segmake.reporting.known import Known
from segmake.reporting.references import as_latex, as_prose, bibtex, keys, reference
from segmake.reporting.words import count, duration, listed, sentence, spread

SPLITS = {
    "train": "served training and cross-validation",
    "test": "{were} held out for testing",
    "new": "had no reference",
}
SOFTWARE = {
    "python": "Python",
    "numpy": "NumPy",
    "scipy": "SciPy",
    "nibabel": "NiBabel",
    "openvino": "OpenVINO",
}
"""Packages that are named beside those that are cited."""
MODALITIES = {"mr": "MR", "ct": "CT", "xray": "X-ray", "us": "ultrasound", "pet": "PET"}


@dataclass(frozen=True)
class Methods:
    """Chapters of text with marks for their references."""

    chapters: dict[str, str]

    @property
    def cited(self) -> list[str]:
        """Keys of the references."""
        return keys(" ".join(self.chapters.values()))

    @property
    def paragraphs(self) -> dict[str, str]:
        """Title -> text with author and year."""
        return {title: as_prose(text) for title, text in self.chapters.items()}

    @property
    def references(self) -> list[str]:
        """The references as a list, by author."""
        return [reference(key) for key in sorted(self.cited)]

    @property
    def bibtex(self) -> str:
        """The references as a BibTeX file."""
        return bibtex(self.cited)

    def markdown(self) -> str:
        """All of it as Markdown."""
        parts = [f"## {title}\n\n{text}\n" for title, text in self.paragraphs.items()]
        listed_references = "\n".join(f"- {line}" for line in self.references)
        return "# Methods\n\n" + "\n".join(parts) + f"\n## References\n\n{listed_references}\n"

    def latex(self) -> str:
        r"""All of it as LaTeX, with \citep."""
        parts = [f"\\subsection*{{{title}}}\n{as_latex(text)}\n" for title, text in self.chapters.items()]
        return "% with methods.bib: \\usepackage{natbib}\n" + "\n".join(parts)


def write_methods(known: Known) -> Methods:
    """What was done, in the order of the pipeline; each chapter is there when its stages were run."""
    plan = known.plan
    chapters = {"Data": list(_data(known))}
    if plan is not None:
        chapters["Preparation"] = list(segmenting.preparation(known, plan))
        chapters["Segmentation models"] = list(segmenting.training(known, plan))
        chapters["Prediction"] = list(segmenting.prediction(known))
        chapters["Evaluation"] = list(segmenting.evaluation(known))
    chapters["Patches"] = list(classifying.patches(known))
    chapters["Classifiers"] = list(classifying.classifiers(known))
    chapters["Probabilities and decisions"] = list(classifying.decisions(known))
    chapters["Software and hardware"] = list(_software(known))
    chapters["Results"] = [*segmenting.results(known), *classifying.results(known)]
    return Methods({title: " ".join(sentences) for title, sentences in chapters.items() if sentences})


def _data(known: Known) -> Iterator[str]:
    """How many cases, of whom, of what kind."""
    cases = known.cases
    patients = {row.get("group") or row["case"] for row in cases}
    sites = {row["site"] for row in cases if row.get("site")}
    synthetic = "synthetic " if known.jobs("phantom") else ""
    where = f" from {count(len(sites), 'site')}" if sites else ""
    yield sentence(
        f"{count(len(cases), f'{synthetic}case')} of {count(len(patients), 'patient')}{where} took part"
    )
    splits = Counter(row.get("split", "") for row in cases)
    parts = [
        f"{count(splits[split], 'case')} "
        + SPLITS.get(split, "{were} of another split").format(were="was" if splits[split] == 1 else "were")
        for split in sorted(filter(None, splits), key=lambda name: [*SPLITS, name].index(name))
    ]
    if parts:
        yield sentence(listed(parts))
    for status, rows in known.lost.items():
        done = {"failed": "could not be processed", "excluded": "could not take part"}.get(status, status)
        yield sentence(f"a further {count(len(rows), 'case')} {done}, as the report lists with the reasons")
    given = known.settings("convert", "slice")
    channels = given.get("channels", {})
    if channels:
        named = [f"{name} ({MODALITIES.get(kind, kind)})" for name, kind in channels.items()]
        yield f"Each case has {count(len(channels), 'channel')}: {listed(named)}."
    if known.plan is not None:
        labels = listed(list(known.plan.labels))
        regions = f", joined to the regions {listed(list(known.plan.regions))}" if known.plan.regions else ""
        yield f"The reference label maps have {count(len(known.plan.labels), 'label')}: {labels}{regions}."
    yield from _voxels([row["spacing_mm"] for row in cases if row.get("spacing_mm")])
    if known.pseudonymised:
        yield "Names of cases and patients were replaced by keyed hashes before anything else was done."


def _voxels(spacings: Sequence[str]) -> Iterator[str]:
    """Sizes of voxels, within and across slices."""
    if not spacings:
        return
    sizes = [sorted(float(part) for part in text.split("x")) for text in spacings]
    finest, coarsest = [size[0] for size in sizes], [size[-1] for size in sizes]
    yield (
        f"Voxels measure {spread(finest, 'mm')} along their finest axis, and {spread(coarsest, 'mm')} along "
        "their coarsest."
    )


def _software(known: Known) -> Iterator[str]:
    """What it was done with, on what, and how far it can be repeated."""
    have = known.versions
    commit = known.stated("commit")
    source = f" (commit {listed([mark[:12] for mark in commit])})" if commit else ""
    built = [
        f"{name} {have[key]} [@{cite}]"
        for key, name, cite in (
            ("snakemake", "Snakemake", "molder2021"),
            ("torch", "PyTorch", "paszke2019"),
            ("monai", "MONAI", "cardoso2022"),
        )
        if key in have
    ]
    others = [f"{name} {have[key]}" for key, name in SOFTWARE.items() if key in have]
    yield (
        f"All steps were run by segmake {have.get('segmake', '')}{source}, built on {listed(built + others)}."
    )
    processors = known.stated("processor")
    on = f" on {listed(processors)}" if processors else ""
    yield f"The {count(len(known.made), 'job')} took {duration(known.seconds)} of computing time{on}."
    levels = Counter(made.manifest.get("reproducibility", {}).get("level") for made in known.made)
    told = {
        "recorded": "settings, versions and hashes of the inputs are recorded",
        "deterministic": "can be repeated to the same weights on this kind of processor",
        "verified": "were repeated in their first steps, to the same weights",
    }
    parts = [
        f"{count(number, 'training')}: {told[level]}" for level, number in levels.items() if level in told
    ]
    if parts:
        yield sentence(f"reproducibility, {'; '.join(parts)}")
