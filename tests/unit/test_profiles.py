"""Profiles: they name rules that there are, hold nothing of a site, and do not disagree."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
PROFILES = CHECKOUT / "workflow/profiles"
CLUSTERS = ("kubernetes", "lsf", "slurm")
SITE = ("slurm_partition", "slurm_account", "qos", "constraint", "default-resources")


def profile(name: str) -> dict[str, Any]:
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text(encoding="utf-8"))


def rules() -> dict[str, str]:
    """Text of each rule by its name."""
    found = {}
    for path in sorted(CHECKOUT.glob("workflow/rules/*.smk")):
        pieces = re.split(r"^rule (\w+):$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        found |= dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return found


def test_every_profile_is_looked_at() -> None:
    assert sorted(path.name for path in PROFILES.iterdir()) == sorted([*CLUSTERS, "local"])


@pytest.mark.parametrize("name", CLUSTERS)
def test_rules_that_are_named_are_there(name: str) -> None:
    content = profile(name)
    named = {*content["set-resources"], *content["groups"]}
    assert len(named) > 5
    assert named - rules().keys() == set()


@pytest.mark.parametrize("name", CLUSTERS)
def test_gpus_go_to_the_rules_that_compute_on_them(name: str) -> None:
    content = profile(name)
    wanting = {rule for rule, text in rules().items() if "gpu=" in text} - {"external"}
    assert content["set-resources"] == {rule: {"gpu": 1} for rule in wanting}
    assert not wanting & content["groups"].keys()


@pytest.mark.parametrize("name", CLUSTERS)
def test_nothing_of_a_site_is_set(name: str) -> None:
    text = (PROFILES / name / "config.yaml").read_text(encoding="utf-8")
    lines = [line.split("#")[0] for line in text.splitlines()]
    assert not [line for line in lines if any(word in line for word in SITE)]


def test_clusters_differ_in_how_they_submit_alone() -> None:
    first, *others = [
        {
            key: value
            for key, value in profile(name).items()
            if not key.startswith(("executor", "cluster", "slurm"))
        }
        for name in CLUSTERS
    ]
    assert others == [first, first]
    assert first["retries"] >= 1
    assert first["latency-wait"] >= 30


@pytest.mark.parametrize("name", ["kubernetes", "lsf"])
def test_scripts_are_there_and_may_be_run(name: str) -> None:
    content = profile(name)
    for key in ("submit", "status", "cancel"):
        script = PROFILES / name / content[f"cluster-generic-{key}-cmd"]
        assert os.access(script, os.X_OK), script


def test_the_kubernetes_template_runs_as_no_root_and_mounts_what_it_names() -> None:
    template = yaml.safe_load((PROFILES / "kubernetes/job.json").read_text(encoding="utf-8"))
    pod = template["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert template["spec"]["backoffLimit"] == 0, "Snakemake tries again, with more memory"
    mounts = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}
