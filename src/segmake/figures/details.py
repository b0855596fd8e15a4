"""All that is known of each case, in files beside the page, so that the page stays small with many cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from segmake.figures.classified import OVER_ALL
from segmake.figures.material import Classifier, Material
from segmake.figures.page import Block, Cell, Facts, Links, Note, Section, Table, Thumbnail
from segmake.figures.passports import TIMES, Passport
from segmake.figures.quality import FOLDER as PICTURES
from segmake.figures.records import STATUSES, Score, metric_title, number
from segmake.tables import Row

FOLDER = "cases"
PER_PAGE = 50
"""Cases of a file."""
UP = "../"


def addresses(cases: Sequence[str]) -> dict[str, str]:
    """Case -> where it is, seen from the report; cases in the order that the files have them."""
    return {case: f"{FOLDER}/{page_name(i)}#case-{i + 1}" for i, case in enumerate(cases)}


def page_name(index: int) -> str:
    """File of the n-th case."""
    return f"{index // PER_PAGE + 1:03d}.html"


def all_cases(material: Material) -> list[str]:
    """Every case that any table names, in order."""
    names = {row["case"] for row in (*material.cases, *material.branch.sliced)}
    names |= {failure.case for failure in material.failed} | {score.case for score in material.scores}
    return sorted(names)


def case_pages(material: Material, pictures: frozenset[str]) -> Iterator[tuple[str, str, list[Section]]]:
    """Name, lead and sections of each file. pictures: cases with a thumbnail."""
    cases = all_cases(material)
    known = _Known(material, pictures)
    for start in range(0, len(cases), PER_PAGE):
        chosen = cases[start : start + PER_PAGE]
        sections = [
            Section(f"case-{start + i + 1}", case, known.blocks(case)) for i, case in enumerate(chosen)
        ]
        lead = f"Cases {start + 1} to {start + len(chosen)} of {len(cases)}, by name."
        yield page_name(start), lead, sections


class _Known:
    """What is known of each case, found once for all."""

    def __init__(self, material: Material, pictures: frozenset[str]) -> None:
        self.material = material
        self.pictures = pictures
        self.passports: dict[str, Passport] = {one.case: one for one in material.passports}
        self.findings = {one.case: one.findings for one in material.assessed if one.findings}
        self.scores: dict[str, list[Score]] = {}
        for score in material.scores:
            self.scores.setdefault(score.case, []).append(score)
        self.looks: dict[str, list[tuple[str, str]]] = {}
        for (model, case), address in material.looks.items():
            self.looks.setdefault(case, []).append((model, address))
        self.rows = {row["case"]: row for row in (*material.branch.sliced, *material.cases)}
        self.decided = {one.name: _by_case(one) for one in material.branch.classifiers}

    def blocks(self, case: str) -> list[Block]:
        """Everything about one case."""
        blocks: list[Block] = []
        if case in self.pictures:
            address = f"{UP}{PICTURES}/{quote(case)}.jpg"
            blocks.append(Thumbnail(address, f"Axial, coronal and sagittal slice of {case}"))
        if told := _facts(self.rows.get(case, {}), self.passports.get(case)):
            blocks.append(Facts(told))
        if case in self.looks:
            links = {f"View with the prediction of {model}": UP + look for model, look in self.looks[case]}
            blocks.append(Links(links))
        blocks += _findings(self.findings.get(case, []))
        blocks += _scores(case, self.scores.get(case, []))
        blocks += [_decisions(name, rows[case]) for name, rows in self.decided.items() if case in rows]
        return blocks or [Note("Nothing more is known of this case.")]


def _facts(row: Row, passport: Passport | None) -> dict[str, str]:
    told = {
        "Patient": row.get("group", ""),
        "Site": row.get("site", ""),
        "Split": row.get("split", ""),
        "Class": row.get("class", ""),
    }
    if passport:
        told |= {
            "Voxels": passport.size,
            "Spacing (mm)": passport.spacing,
            "Orientation": passport.orientation,
        }
        told |= {f"{name} (ml)": number(volume) for name, volume in passport.labels_ml.items()}
    elif row.get("width_px"):
        told |= {"Pixels": f"{row['width_px']}{TIMES}{row['height_px']}", "Patches": row.get("patches", "")}
    return {name: value for name, value in told.items() if value}


def _findings(findings: Sequence[tuple[str, str, str]]) -> list[Block]:
    """What stands out, was repaired, warned of or failed."""
    return [
        Note(f"{word}: {text}", "warning" if kind in ("lost", "outlier") else "text")
        for kind, word, text in findings
    ]


def _scores(case: str, scores: Sequence[Score]) -> list[Block]:
    """A table per model: a row per label, a column per metric."""
    blocks: list[Block] = []
    for model in dict.fromkeys(score.model for score in scores):
        mine = [score for score in scores if score.model == model]
        metrics = {score.metric: metric_title(score.metric, score.unit) for score in mine}
        found = {(score.label, score.metric): score for score in mine}
        rows: list[Sequence[Cell]] = []
        for label in dict.fromkeys(score.label for score in mine):
            cells = [found.get((label, metric)) for metric in metrics]
            status = next(cell.status for cell in cells if cell)
            numbers = [number(cell.value) if cell else "" for cell in cells]
            rows.append([label, STATUSES.get(status, status), *numbers])
        where = f"fold {mine[0].fold}" if mine[0].fold else mine[0].split
        columns = ["Label", "What happened", *metrics.values()]
        blocks.append(Table(f"{case}, scores of {model} ({where})", columns, rows, frozenset(columns[2:])))
    return blocks


def _by_case(one: Classifier) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in one.predictions:
        if row["case"]:
            found.setdefault(row["case"], []).append(row)
    return found


def _decisions(name: str, rows: Sequence[Row]) -> Table:
    """What a classifier said of the case and its parts."""
    chances = [column for column in rows[0] if column.startswith("p_")]
    columns = ["Level", "Lesion", "Patch", "Truth", "Decision"]
    columns += [f"p of {OVER_ALL.get(chance[2:], chance[2:])}" for chance in chances]
    cells: list[Sequence[Cell]] = [
        [
            *(row["level"], row.get("lesion", ""), row.get("patch", ""), row["class"], row["decision"]),
            *(number(float(row[chance])) if row[chance] else "" for chance in chances),
        ]
        for row in rows
    ]
    return Table(f"Decisions of {name}", columns, cells, frozenset(columns[5:]), folded=len(rows) > 10)
