import pytest

from segmake.figures.page import Facts, Note, Table
from segmake.figures.runs import confidence, how_to, what_was_run


def manifest(stage, output, seconds=10.0, **changes):
    made = {
        "stage": stage,
        "python": "3.11.7",
        "packages": {"numpy": "2.4.6"},
        "platform": "Linux",
        "processor": "Zen",
        "settings": {"output": output, "lr": 0.1, "shard": 0, "flip": ["x"]},
        "inputs": {"plan/plan.json": "ab12"},
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": seconds,
    }
    return made | changes


MANIFESTS = [
    manifest("convert", "convert/shard-00.tsv"),
    manifest("convert", "convert/shard-01.tsv", 5.5, started="2026-01-02T03:04:00+00:00"),
    manifest("train", "train/unet/fold-0/model.pt", 3700.0),
]


def tables(blocks):
    return {block.caption: block for block in blocks if isinstance(block, Table)}


def test_jobs_of_one_folder_are_one_line_with_their_time_summed():
    rows = tables(what_was_run(MANIFESTS))["Steps in the order of the data"].rows
    assert rows[0] == ["convert", "convert", "2", "15.5", "2026-01-02T03:04:00+00:00", "Zen, Linux"]
    assert rows[1][:4] == ["train", "train/unet/fold-0", "1", "3700.0"]


def test_computing_time_is_told_for_people():
    facts = next(block for block in what_was_run(MANIFESTS) if isinstance(block, Facts))
    assert facts.items == {"Jobs": "3", "Computing time": "1 h 1 min"}


def test_settings_are_listed_once_and_file_names_left_out():
    rows = tables(what_was_run(MANIFESTS))["Settings"].rows
    assert rows[:2] == [["convert", "lr", "0.1"], ["convert", "flip", '["x"]']]
    assert not {row[1] for row in rows} & {"output", "shard"}


def test_settings_that_differ_between_jobs_show_both_values():
    other = manifest("convert", "convert/shard-01.tsv", settings={"lr": 0.2})
    assert ["convert", "lr", "0.1 | 0.2"] in tables(what_was_run([MANIFESTS[0], other]))["Settings"].rows


def test_mixed_versions_are_a_warning():
    other = manifest("train", "x/model.pt", packages={"numpy": "2.0.0"})
    blocks = what_was_run([MANIFESTS[0], other])
    assert any(isinstance(b, Note) and b.kind == "warning" and "numpy" in b.text for b in blocks)
    assert ["numpy", "2.4.6, 2.0.0"] in tables(blocks)["Versions"].rows
    assert not any(isinstance(b, Note) for b in what_was_run(MANIFESTS))


def test_each_training_tells_how_far_it_can_be_repeated():
    stated = {"level": "recorded", "why": "on a GPU", "weights": {"1": "a" * 64, "20": "b" * 64}}
    first = manifest("train", "train/unet/fold-0/model.pt", reproducibility=stated)
    again = {**stated, "level": "verified", "repeated_steps": 10}
    second = manifest("train", "train/unet/fold-1/model.pt", reproducibility=again)
    assert tables(what_was_run([*MANIFESTS, first, second]))["Can it be trained again?"].rows == [
        ["train/unet/fold-0", "recorded", "on a GPU", "20", "b" * 12],
        ["train/unet/fold-1", "verified", "its first 10 steps were repeated", "20", "b" * 12],
    ]
    assert "Can it be trained again?" not in tables(what_was_run(MANIFESTS))


def test_inputs_are_listed_with_their_hashes():
    assert tables(what_was_run(MANIFESTS))["Files read, with SHA-256"].rows == [["plan/plan.json", "ab12"]]


def test_without_manifests_the_page_says_so():
    (note,) = what_was_run([])
    assert note.kind == "warning"


def test_a_manifest_may_be_nearly_empty():
    assert tables(what_was_run([{"stage": "plan"}]))["Steps in the order of the data"].rows[0][0] == "plan"


@pytest.mark.parametrize(
    ("settings", "text"), [({"confidence": 0.9}, "90%"), ({}, "95%"), ({"confidence": 0.999}, "99.9%")]
)
def test_the_coverage_is_that_of_the_summary(settings, text):
    assert confidence([{"settings": settings}]) == text


def test_the_commands_to_repeat_and_to_check_are_given():
    commands = [note.text for note in how_to() if note.kind == "code"]
    assert commands[:2] == ["snakemake --cores all --configfile CONFIG.yaml", "segmake verify FOLDER"]
    assert commands[2].splitlines() == ["segmake verify FOLDER --figures", "segmake verify FOLDER --train"]
