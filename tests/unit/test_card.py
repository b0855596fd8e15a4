from pathlib import Path

import pytest
import yaml

from segmake.audit.manifests import Made
from segmake.reporting.card import Card, front_matter
from segmake.reporting.known import Known

SCORES = [
    {"split": "test", "of": "core", "metric": "dice", "value": 0.7},
    {"split": "test", "of": "mean of labels", "metric": "dice", "value": 0.8},
    {"split": "train", "of": "mean of labels", "metric": "dice", "value": 0.6},
]


def head(text: str) -> dict:
    assert text.startswith("---\n")
    assert text.endswith("---\n")
    return yaml.safe_load(text.strip("-\n"))


def test_the_head_names_task_licence_and_tags():
    found = head(front_matter("unet", "train", "MIT", ["mr", "ct"], []))
    assert found == {
        "license": "mit",
        "library_name": "segmake",
        "pipeline_tag": "image-segmentation",
        "tags": ["medical-imaging", "monai", "pytorch", "snakemake", "mr", "ct"],
    }
    assert head(front_matter("res", "fit", "", [], []))["pipeline_tag"] == "image-classification"


def test_scores_in_the_head_are_means_where_there_are_any():
    found = head(front_matter("unet", "train", "", [], SCORES))["model-index"][0]
    assert found["name"] == "unet"
    assert [each["metrics"][0]["value"] for each in found["results"]] == [0.8, 0.6]
    assert found["results"][0]["dataset"]["name"] == "test cases of this run"
    alone = head(front_matter("unet", "train", "", [], SCORES[:1]))["model-index"][0]["results"]
    assert alone[0]["metrics"] == [{"type": "dice", "value": 0.7, "name": "Dice, core"}]


def test_a_name_cannot_break_the_head():
    name = "a: b\n---\n# 'x'"
    assert head(front_matter(name, "train", "", [], SCORES))["model-index"][0]["name"] == name


@pytest.mark.parametrize(
    ("sites", "told"), [(["", ""], "Sites are not known"), (["a", "b"], "All cases came from two sites")]
)
def test_what_to_watch(tmp_path, sites, told):
    table = tmp_path / "convert" / "shard-00.tsv"
    table.parent.mkdir()
    rows = [f"c{index}\tok\ttrain\tp\t{site}" for index, site in enumerate(sites)] + ["x\tfailed\ttrain\tp\t"]
    table.write_text("\n".join(["case\tstatus\tsplit\tgroup\tsite", *rows]) + "\n")
    manifest = {"stage": "convert", "output": table.name, "settings": {"channels": {"t1": "mr"}}}
    known = Known([Made(table.with_suffix(".manifest.json"), manifest)])
    job = Made(
        Path("/r/train/unet/fold-0/model.manifest.json"), {"stage": "train", "settings": {"network": "UNet"}}
    )
    text = Card("unet", "train", known, [job]).markdown()
    assert "One network (UNet) for image segmentation, one per fold, trained with segmake" in text
    assert "Two cases of one patient. Channels: t1 (mr)." in text
    assert "One case failed or could not take part; " in text
    assert told.lower() in text.lower()


def test_a_bar_in_a_label_stays_in_its_cell():
    score = {"split": "test", "of": "a|b", "metric": "dice", "value": 0.5, "interval": "", "patients": "3"}
    assert Card._table([score]).splitlines()[-1] == r"| test cases | a\|b | Dice | 0.5 | 3 |"
