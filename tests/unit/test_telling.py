from pathlib import Path

import pytest

from segmake.audit.lineage import Source, Story
from segmake.audit.manifests import Made
from segmake.audit.telling import coloured, format_story

ROOT = Path("/run")
DIGEST = "a" * 64


def made(place: str, stage: str, **stated) -> Made:
    """A job whose result is at a place in the run."""
    path = ROOT / place
    manifest = {"stage": stage, "output": path.name, "sha256": DIGEST, "settings": {"output": place}}
    return Made(path.with_suffix(".manifest.json"), manifest | stated)


def source(place: str, stage: str, state="same", *sources: Source, again: bool = False) -> Source:
    return Source(ROOT / place, state, made(place, stage) if stage else None, ROOT, list(sources), again)


def story(first: Source, reasons=(), versions=None) -> str:
    return format_story(Story(first, None, list(reasons), versions or {}), width=90)


def test_facts_stand_beside_their_names():
    job = made(
        "plan/plan.json",
        "plan",
        command="segmake plan --folds 3 " + "--tables a " * 12,
        started="2026-11-22T10:00:00+00:00",
        seconds=1.5,
        processor="CPU",
        packages={"segmake": "0.1.0", "numpy": "2.0"},
        settings={"output": "plan/plan.json", "folds": 3, "crop": "nonzero", "threads": 4, "tables": ["a"]},
    )
    text = story(Source(ROOT / "plan/plan.json", "same", job, ROOT))
    lines = text.splitlines()
    assert lines[:3] == ["plan/plan.json", "", "made by     plan, 2026-11-22 10:00:00 UTC, 1.5 s, on CPU"]
    assert f"file        as it was made (SHA-256 {DIGEST[:12]})" in lines
    assert "settings    folds 3, 1 other at the default" in lines
    assert "versions    segmake 0.1.0; all 2 that are recorded are the same now" in lines
    command = next(index for index, line in enumerate(lines) if line.startswith("command"))
    assert lines[command + 1].startswith("            --tables")
    assert all(len(line) <= 90 for line in lines)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("same", "as it was made"),
        ("changed", "NOT what its job made"),
        ("missing", "MISSING"),
        ("unrecorded", "there, its content was not recorded"),
    ],
)
def test_the_state_of_the_file_itself(state, told):
    assert f"file        {told} (SHA-256 " in story(source("plan/plan.json", "plan", state))


def test_shards_are_one_line_and_the_bad_one_is_named():
    shards = [
        source("convert/shard-00.tsv", "convert"),
        source("convert/shard-01.tsv", "convert", "changed"),
        source("convert/shard-02.tsv", "convert"),
    ]
    text = story(source("plan/plan.json", "plan", "same", *shards))
    assert "  └─ convert/shard-00.tsv … shard-02.tsv (3)  CHANGED (shard-01.tsv)  convert\n" in text


def test_the_tree_branches_and_what_stands_above_is_not_told_again():
    plan = source("plan/plan.json", "plan", "same", source("cases.tsv", ""))
    again = source("plan/plan.json", "plan", "missing", again=True)
    tree = source("a.tsv", "evaluate", "same", plan, source("b.tsv", "predict", "same", again))
    lines = story(tree).splitlines()
    start = lines.index("made from")
    assert [line.split("  ")[1] for line in lines[start + 1 : start + 5]] == [
        "├─ plan/plan.json",
        "│",
        "└─ b.tsv",
        "",
    ]
    assert lines[start + 2] == "  │  └─ cases.tsv       as then  from outside"
    assert lines[start + 4] == "     └─ plan/plan.json  MISSING  plan, see above"


def test_reasons_end_the_story():
    assert story(source("a.tsv", "evaluate"), ["x is missing", "y has changed"]).endswith(
        "\nIt would be made again:\n  - x is missing\n  - y has changed\n"
    )


def test_commits_are_shortened_and_versions_told_as_then_and_now():
    job = made("a.tsv", "evaluate", packages={"segmake": "0.1.0"}, commit="c" * 40 + "-dirty")
    versions = {"commit": ("c" * 40 + "-dirty", "d" * 40), "segmake": ("0.1.0", "")}
    text = " ".join(story(Source(ROOT / "a.tsv", "same", job, ROOT), versions=versions).split())
    assert f"since then commit {'c' * 12}-dirty -> {'d' * 12}, segmake 0.1.0 -> none; 0 as then" in text


def test_on_a_terminal_what_changed_stands_out():
    text = story(source("plan/plan.json", "plan", "same", source("cases.tsv", "", "changed")))
    assert coloured(text).count("\x1b[1;31mCHANGED\x1b[0m") == 1
    assert coloured(story(source("plan/plan.json", "plan"))) == story(source("plan/plan.json", "plan"))
