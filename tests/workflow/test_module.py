"""The workflow as others deploy it: imported as a module from another folder, with its own configuration."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from experiment import CHECKOUT

from segmake.tables import read_table

pytestmark = pytest.mark.workflow

MODULE = """
configfile: "settings.yaml"

module segmake:
    snakefile: {snakefile!r}
    config: config["tumours"]
    {prefix}

use rule * from segmake as segmake_*

rule count:
    default_target: True
    input: "results/tumours/plan/plan.json"
    output: "count.txt"
    shell: "wc -c < {{input}} > {{output}}"
"""
CONFIG = {
    "tumours": {
        "shards": 1,
        "workdir": "elsewhere",
        "data": {"layout": "phantom"},
        "phantom": {"count": 3, "size": 24, "test": 1},
        "plan": {"folds": 2},
    }
}


def importer(folder: Path, prefix: str) -> Path:
    """A workflow that imports ours."""
    text = MODULE.format(snakefile=str(CHECKOUT / "workflow/Snakefile"), prefix=prefix)
    (folder / "Snakefile").write_text(text, encoding="utf-8")
    (folder / "settings.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    return folder


def snakemake(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_module_runs_under_its_prefix_with_its_own_configuration(tmp_path: Path) -> None:
    folder = importer(tmp_path, 'prefix: "results/tumours"')
    snakemake(folder)
    assert int((folder / "count.txt").read_text()) > 1000
    rows = read_table(folder / "results/tumours/convert/shard-00.tsv")
    assert [row["status"] for row in rows] == ["ok"] * 3
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {
        *("Snakefile", "settings.yaml", "count.txt", "results")
    }
    assert {path.name for path in (folder / "results").iterdir()} == {"tumours"}
    assert (folder / "results/tumours/logs/convert/shard-00.log").exists()
    assert (folder / "results/tumours/benchmarks/plan/plan.tsv").exists()
    planned = snakemake(folder, "-n", "results/tumours/report/index.html")
    assert re.search(r"^segmake_train +2$", planned, re.MULTILINE)
    assert not re.search(r"^segmake_(phantom|convert|plan) ", planned, re.MULTILINE)


def test_a_module_without_a_prefix_keeps_to_its_workdir_and_target(tmp_path: Path) -> None:
    """As snakedeploy writes it: a Snakefile of nothing but the module."""
    text = (importer(tmp_path, "") / "Snakefile").read_text(encoding="utf-8")
    head = text.partition("rule count:")[0].replace(" as segmake_*", "")
    (tmp_path / "Snakefile").write_text(head, encoding="utf-8")
    deployed = jobs(snakemake(tmp_path, "-n"))
    assert (tmp_path / "elsewhere").is_dir()
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(CONFIG["tumours"]), encoding="utf-8")
    command = ("-n", "--configfile", "own.yaml", "-s", str(CHECKOUT / "Snakefile"))
    cloned = jobs(snakemake(tmp_path, *command))
    assert deployed == cloned
    assert cloned["train"] == "2"


def jobs(printed: str) -> dict[str, str]:
    """Jobs by rule, without the ones that only gather."""
    found = dict(re.findall(r"^(\w+) +(\d+)$", printed, re.MULTILINE))
    return {name: count for name, count in found.items() if name not in ("all", "default", "total")}


def test_the_catalog_finds_what_it_shows() -> None:
    usage = yaml.safe_load((CHECKOUT / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))[
        "usage"
    ]
    assert usage == {"software-stack-deployment": {"conda": True}, "report": True}
    for name in ("README.md", "LICENSE", "config/README.md", "config/config.yaml", "workflow/Snakefile"):
        assert (CHECKOUT / name).is_file(), name
    rules = "".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "workflow/rules").glob("*.smk"))
    assert rules.count("\nrule ") == rules.count('    conda:\n        "../envs/segmake.yaml"')
