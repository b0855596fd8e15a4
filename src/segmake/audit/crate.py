"""A run as an RO-Crate: every job with what it read and made (Workflow Run RO-Crate, profiles 0.5).

Leo et al., PLOS ONE 19 (2024) e0309210; https://www.researchobject.org/workflow-run-crate/. Made from
manifests alone, so the same manifests give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from segmake.audit.manifests import Made

Entity = dict[str, Any]
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
PROCESS = ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5")
WORKFLOW = ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5")
WORKFLOW_CRATE = ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0")
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
UNLICENSED = "No licence is stated; ask who made the run."
FORMATS = {
    ".tsv": "text/tab-separated-values",
    ".csv": "text/csv",
    ".json": "application/json",
    ".html": "text/html",
    ".md": "text/markdown",
    ".bib": "application/x-bibtex",
    ".tex": "text/x-tex",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".pdf": "application/pdf",
}
RUN = "#run"


@dataclass(frozen=True)
class About:
    """What manifests do not know of a run."""

    name: str
    authors: Sequence[str] = ()
    license: str = ""
    workflow: str = ""
    """Place of the Snakefile in the crate; empty without one."""
    parts: Sequence[str] = ()
    """Places of the files that the workflow includes."""


def make_crate(made: Sequence[Made], root: Path, about: About) -> dict[str, Any]:
    """The content of ro-crate-metadata.json for jobs whose results lie below `root`."""
    builder = _Builder(root.absolute())
    actions = [
        builder.action(job) for job in sorted(made, key=lambda job: (job.manifest["started"], job.path))
    ]
    profiles = [PROCESS, *([WORKFLOW, WORKFLOW_CRATE] if about.workflow else [])]
    described = [SPECIFICATION, *([WORKFLOW_CRATE[0]] if about.workflow else [])]
    if about.workflow:
        _add_workflow(builder, about, actions, _versions(made))
    people = [
        builder.add({"@id": f"#{quote(name)}", "@type": "Person", "name": name}) for name in about.authors
    ]
    places = [key for key, entity in builder.entities.items() if _is_part(key, entity)]
    end = max((_end(job) for job in made), default="")
    crate: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": about.name,
        "description": f"A run of segmake: {_counted(made)}.",
        "datePublished": end[:10],
        "license": _license(builder, about.license),
        "conformsTo": [{"@id": key} for key, _, _ in profiles],
        "hasPart": [{"@id": key} for key in sorted(places)],
        "mentions": [
            *([{"@id": RUN}] if about.workflow else []),
            *({"@id": each["@id"]} for each in actions),
        ],
        **({"author": people} if people else {}),
        **({"mainEntity": {"@id": about.workflow}} if about.workflow else {}),
    }
    head: Entity = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": [{"@id": key} for key in described],
    }
    for key, name, version in profiles:
        builder.add({"@id": key, "@type": "CreativeWork", "name": name, "version": version})
    for entity in builder.entities.values() if people else ():
        if entity["@type"] == "CreateAction":
            entity["agent"] = people
    graph = [head, crate, *(builder.entities[key] for key in sorted(builder.entities))]
    return {"@context": CONTEXT, "@graph": [_compact(entity) for entity in graph]}


class _Builder:
    """Entities by their identifier."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.entities: dict[str, Entity] = {}

    def add(self, entity: Entity) -> Entity:
        """Add an entity once; a reference to it."""
        self.entities.setdefault(entity["@id"], entity)
        return {"@id": entity["@id"]}

    def action(self, job: Made) -> Entity:
        """One job: its tool, what it read, what it made, when."""
        name = self._place(job.path)
        results = [self.file(path, digest) for path, digest in job.outputs.items() if self._beside(job, path)]
        folders = Counter(path.parent for path in job.outputs if not self._beside(job, path))
        results += [
            self._folder(path, f"{number} files of {name}") for path, number in sorted(folders.items())
        ]
        inputs = [self.file(path, digest) for path, digest in job.inputs.items()]
        hidden = job.manifest.get("inputs", {}).items()
        inputs += [self._outside(key.strip("<>"), str(d)) for key, d in hidden if key.startswith("<")]
        entity: Entity = {
            "@id": f"#{name}",
            "@type": "CreateAction",
            "name": f"{job.stage}: {self._place(job.output)}",
            "description": str(job.manifest.get("command", "")),
            "instrument": self._tool(job),
            "startTime": str(job.manifest["started"]),
            "endTime": _end(job),
            "actionStatus": "http://schema.org/CompletedActionStatus",
            "result": results,
        }
        if inputs:
            entity["object"] = inputs
        self.add(entity)
        about = {"about": {"@id": entity["@id"]}, "description": "Versions, settings and hashes of a job."}
        self.entities[name] = _file(name) | about
        if job.output.is_dir() or any(path.name.startswith("shard-") for path in job.outputs):
            self._folder(job.output.parent, "Files of cases; the tables name them with their hashes")
        return entity

    def file(self, path: Path, digest: str) -> Entity:
        """A file of the results, or one from outside, of which only the name and the hash are told."""
        if not path.is_relative_to(self.root):
            return self._outside(path.name, digest)
        place = self._place(path)
        return self.add(_file(place) | {"sha256": digest})

    def _outside(self, name: str, digest: str) -> Entity:
        key = f"#input-{digest[:16]}"
        return self.add({"@id": key, "@type": "CreativeWork", "name": name, "sha256": digest})

    def _folder(self, path: Path, told: str) -> Entity:
        place = f"{self._place(path)}/"
        return self.add({"@id": place, "@type": "Dataset", "name": place, "description": told})

    def _tool(self, job: Made) -> Entity:
        packages: Mapping[str, str] = job.manifest.get("packages", {})
        version, commit = packages.get("segmake", ""), str(job.manifest.get("commit", ""))
        requires = [self._package(*package) for package in packages.items() if package[0] != "segmake"]
        entity: Entity = {
            "@id": f"pkg:generic/segmake@{version}{f'?commit={commit}' if commit else ''}",
            "@type": "SoftwareApplication",
            "name": "segmake",
            "softwareVersion": f"{version}{f' (commit {commit})' if commit else ''}",
            "softwareRequirements": requires,
        }
        return self.add(entity)

    def _package(self, name: str, version: str) -> Entity:
        key = f"pkg:pypi/{name.lower()}@{quote(version)}"
        kind = {"@type": "SoftwareApplication", "name": name, "softwareVersion": version}
        return self.add({"@id": key, **kind, "url": {"@id": key}})

    def _place(self, path: Path) -> str:
        inside = path.is_relative_to(self.root)
        return quote(path.relative_to(self.root).as_posix() if inside else path.name)

    @staticmethod
    def _beside(job: Made, path: Path) -> bool:
        """Whether a file lies where the main result does; others are told by their folder."""
        return path.parent == job.output.parent


def _add_workflow(
    builder: _Builder, about: About, actions: Sequence[Entity], versions: Mapping[str, str]
) -> None:
    """The Snakefile as what the crate is about, and its run as a whole."""
    builder.add(
        {
            "@id": SNAKEMAKE,
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "identifier": {"@id": "https://doi.org/10.12688/f1000research.29032.2"},
            "url": {"@id": "https://snakemake.readthedocs.io"},
            "version": versions.get("snakemake", ""),
        }
    )
    builder.add(
        {
            "@id": about.workflow,
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "segmake",
            "encodingFormat": "text/plain",
            "programmingLanguage": {"@id": SNAKEMAKE},
            "version": versions.get("segmake", ""),
            "hasPart": [builder.add(_file(part)) for part in about.parts],
        }
    )
    made = {each["@id"] for action in actions for each in action["result"]}
    read = {each["@id"] for action in actions for each in action.get("object", [])}
    builder.add(
        {
            "@id": RUN,
            "@type": "CreateAction",
            "name": "The whole run",
            "description": "Every job of the workflow, from first to last.",
            "instrument": {"@id": about.workflow},
            "startTime": min(action["startTime"] for action in actions),
            "endTime": max(action["endTime"] for action in actions),
            "actionStatus": "http://schema.org/CompletedActionStatus",
            "object": [{"@id": key} for key in sorted(read - made)],
            "result": [{"@id": key} for key in sorted(made - read)],
        }
    )


def _compact(entity: Entity) -> Entity:
    """An entity as RO-Crate wants it: a list of one is that one."""
    return {name: v[0] if isinstance(v, list) and len(v) == 1 else v for name, v in entity.items()}


def _file(place: str) -> Entity:
    kind = FORMATS.get(Path(place).suffix, "application/octet-stream")
    return {"@id": place, "@type": "File", "name": unquote(place), "encodingFormat": kind}


def _license(builder: _Builder, licence: str) -> Entity:
    if not licence:
        return builder.add({"@id": "#licence", "@type": "CreativeWork", "name": UNLICENSED})
    key = f"https://spdx.org/licenses/{licence}"
    return builder.add({"@id": key, "@type": "CreativeWork", "name": licence, "identifier": licence})


def _is_part(key: str, entity: Mapping[str, Any]) -> bool:
    """Whether an entity is a file or folder of the crate."""
    kinds = entity["@type"]
    return not key.startswith(("#", "http")) and bool(
        {"File", "Dataset"} & {*([kinds] if isinstance(kinds, str) else kinds)}
    )


def _end(job: Made) -> str:
    start = datetime.fromisoformat(str(job.manifest["started"]))
    return (start + timedelta(seconds=float(job.manifest.get("seconds", 0)))).isoformat(timespec="seconds")


def _versions(made: Sequence[Made]) -> dict[str, str]:
    return {name: str(v) for job in made for name, v in job.manifest.get("packages", {}).items()}


def _counted(made: Sequence[Made]) -> str:
    """How many jobs of each stage there are."""
    stages = Counter(job.stage for job in sorted(made, key=lambda job: str(job.manifest["started"])))
    return ", ".join(f"{stage} ({number})" if number > 1 else stage for stage, number in stages.items())
