"""Model cards (Mitchell et al., FAT* 2019) with the metadata that Hugging Face reads from their head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segmake.audit.manifests import Made
from segmake.reporting.known import Known
from segmake.reporting.words import count, listed, sentence
from segmake.tables import Row

TASKS = {"train": "image-segmentation", "fit": "image-classification"}
TAGS = ("medical-imaging", "monai", "pytorch", "snakemake")
SHOWN = {"dice": "Dice", "hd95": "HD95 (mm)", "nsd": "NSD", "auroc": "AUC", "ece": "calibration error"}
HEADLINES = ("mean of labels", "per patient")
"""What scores are of that stand in the head, where there are such."""
SPLITS = {"train": "cross-validation", "test": "test cases", "new": "new cases"}
USE = (
    "Research. It is no medical device: whoever may judge its output checks it, on scans like those that it "
    "learned from."
)


@dataclass(frozen=True)
class Card:
    """What is said of one model. stage: train or fit."""

    name: str
    stage: str
    known: Known
    jobs: Sequence[Made]
    authors: Sequence[str] = ()
    license: str = ""

    def markdown(self) -> str:
        """The card, with its head."""
        scores = self._scores()
        head = front_matter(self.name, self.stage, self.license, self._modalities(), scores)
        chapters = {
            "What it is": self._details(),
            "What it is for": USE,
            "What it learned from": self._data(),
            "How good it is": self._table(scores),
            "What to watch": self._caveats(),
            "How to use it": self._usage(),
        }
        body = "\n".join(f"## {title}\n\n{text}\n" for title, text in chapters.items() if text)
        return f"{head}\n# {self.name}\n\n{body}"

    def _modalities(self) -> list[str]:
        channels = self.known.settings("convert", "slice").get("channels", {})
        return list(dict.fromkeys(channels.values()))

    def _details(self) -> str:
        given = self.jobs[0].settings
        what = TASKS[self.stage].replace("-", " ")
        who = f" by {listed(self.authors)}" if self.authors else ""
        versions = [f"{name} {self.known.versions.get(name, '')}" for name in ("segmake", "torch", "monai")]
        return sentence(
            f"{count(len(self.jobs), 'network')} ({given.get('network')}) for {what}, one per fold, "
            f"trained{who} "
            f"with {listed(versions)}"
        )

    def _data(self) -> str:
        cases = [row for row in self.known.cases if row.get("split") == "train"]
        patients = {row.get("group") or row["case"] for row in cases}
        plan = self.known.plan
        what = f" Labels: {listed(list(plan.labels))}." if plan and self.stage == "train" else ""
        kinds = self.known.settings("convert", "slice").get("channels", {})
        channels = listed([f"{name} ({kind})" for name, kind in kinds.items()])
        told = sentence(f"{count(len(cases), 'case')} of {count(len(patients), 'patient')}")
        return f"{told}{f' Channels: {channels}.' if channels else ''}{what}"

    def _scores(self) -> list[dict[str, Any]]:
        """Split, label, metric, value, interval and cases of each score that is shown."""
        if self.stage == "train":
            rows = self.known.summaries.get(self.name, [])
            return [_segmented(row) for row in rows if row["metric"] in SHOWN and row["mean"]]
        rows = self.known.classified.get(self.name, [])
        return [_classified(row) for row in rows if row["metric"] in SHOWN and row["value"]]

    @staticmethod
    def _table(scores: Sequence[Mapping[str, Any]]) -> str:
        if not scores:
            return "It has not been scored."
        lines = ["| where | what | metric | mean [interval] | patients |", "|---|---|---|---|---|"]
        for score in scores:
            value = f"{score['value']:.3g}{score['interval']}"
            cells = [SPLITS.get(score["split"], score["split"]), score["of"], SHOWN[score["metric"]], value]
            told = (cell.replace("|", "\\|") for cell in (*cells, score["patients"]))
            lines.append(f"| {' | '.join(told)} |")
        return "\n".join(lines)

    def _caveats(self) -> str:
        lost = sum(len(rows) for rows in self.known.lost.values())
        parts = [f"{count(lost, 'case')} failed or could not take part" if lost else ""]
        sites = {row["site"] for row in self.known.cases if row.get("site")}
        parts.append(f"all cases came from {count(len(sites), 'site')}" if sites else "sites are not known")
        parts.append("scores hold for scans like these; on others it has not been tested")
        return sentence("; ".join(part for part in parts if part))

    def _usage(self) -> str:
        models = f"{self.stage}/{self.name}/fold-*/model.pt"
        words = (
            f"segmake predict --model {models} --image SCAN --output labels.nii.gz"
            if self.stage == "train"
            else f"segmake classify --model {models} --image PICTURE --output classes.tsv"
        )
        return f"    {words}\n\nThe manifests beside the models say how they were made, to the last setting."


def front_matter(
    name: str, stage: str, licence: str, modalities: Sequence[str], scores: Sequence[Mapping[str, Any]]
) -> str:
    """The YAML head of a card. licence: SPDX identifier; without one the card says `unknown`."""
    import yaml

    task = TASKS[stage]
    content: dict[str, Any] = {
        "license": licence.lower() or "unknown",
        "library_name": "segmake",
        "pipeline_tag": task,
        "tags": [*TAGS, *modalities],
    }
    means = [score for score in scores if score["of"].endswith(HEADLINES)] or list(scores)
    if means:
        content["metrics"] = list(dict.fromkeys(score["metric"] for score in means))
        content["model-index"] = [{"name": name, "results": [_result(task, score) for score in means]}]
    return f"---\n{yaml.safe_dump(content, sort_keys=False, allow_unicode=True)}---\n"


def _result(task: str, score: Mapping[str, Any]) -> dict[str, Any]:
    where = SPLITS.get(score["split"], score["split"])
    return {
        "task": {"type": task},
        "dataset": {"name": f"{where} of this run", "type": "private", "split": score["split"]},
        "metrics": [
            {
                "type": score["metric"],
                "value": score["value"],
                "name": f"{SHOWN[score['metric']]}, {score['of']}",
            }
        ],
    }


def _segmented(row: Row) -> dict[str, Any]:
    interval = f" [{float(row['ci_low']):.3g}, {float(row['ci_high']):.3g}]" if row["ci_low"] else ""
    of = "mean of labels" if row["label"] == "mean" else row["label"]
    return {
        "split": row["split"],
        "of": of,
        "metric": row["metric"],
        "value": float(row["mean"]),
        "interval": interval,
        "patients": row["patients"],
    }


def _classified(row: Row) -> dict[str, Any]:
    interval = f" [{float(row['low']):.3g}, {float(row['high']):.3g}]" if row["low"] else ""
    return {
        "split": row["split"],
        "of": f"{row['class']} per {row['level']}".strip(),
        "metric": row["metric"],
        "value": float(row["value"]),
        "interval": interval,
        "patients": row.get("patients", ""),
    }
