import json
import shutil
from pathlib import Path

import pytest
from audit_cases import Recipe, make_run
from rocrate.rocrate import ROCrate

from segmake.audit.crate import UNLICENSED
from segmake.cli import main
from segmake.provenance import read_manifest
from segmake.tables import hash_path

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "my results", Recipe(models={"u net": {}}))


@pytest.fixture
def results(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "my results"))


def graph(folder: Path) -> dict[str, dict]:
    content = json.loads((folder / "ro-crate-metadata.json").read_text())
    return {entity["@id"]: entity for entity in content["@graph"]}


def ids(value) -> list[str]:
    return [entry["@id"] for entry in (value if isinstance(value, list) else [value])]


def test_the_library_reads_the_crate_and_finds_every_file(results):
    words = [
        "--workflow",
        str(CHECKOUT / "Snakefile"),
        "--authors",
        '["Ada Lovelace"]',
        "--license",
        "CC-BY-4.0",
    ]
    assert main(["crate", str(results), *words]) == 0
    crate = ROCrate(results)
    assert crate.name == "segmake run my results"
    assert crate.mainEntity.id == "crate/Snakefile"
    assert set(crate.mainEntity.type) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert crate.mainEntity["programmingLanguage"]["name"] == "Snakemake"
    assert crate.root_dataset["author"]["name"] == "Ada Lovelace"
    assert crate.root_dataset["license"].id == "https://spdx.org/licenses/CC-BY-4.0"
    files = [entity for entity in crate.data_entities if "sha256" in entity.properties()]
    assert len(files) == 14
    assert all(hash_path(results / entity["name"]) == entity["sha256"] for entity in files)


def test_every_job_is_an_action_with_what_it_read_and_made(results):
    assert main(["crate", str(results)]) == 0
    found = graph(results)
    manifest = read_manifest(results / "train/u net/fold-0/model.manifest.json")
    action = found["#train/u%20net/fold-0/model.manifest.json"]
    assert action["@type"] == "CreateAction"
    assert action["name"] == "train: train/u%20net/fold-0/model.pt"
    assert ids(action["object"]) == ["convert/shard-00.tsv", "plan/plan.json"]
    assert ids(action["result"]) == ["train/u%20net/fold-0/model.pt", "train/u%20net/fold-0/history.csv"]
    assert action["startTime"] == manifest["started"]
    assert action["endTime"] > action["startTime"]
    assert found["plan/plan.json"]["sha256"] == hash_path(results / "plan/plan.json")
    tool = found[action["instrument"]["@id"]]
    assert tool["softwareVersion"].startswith(manifest["packages"]["segmake"])
    assert f"pkg:pypi/numpy@{manifest['packages']['numpy']}" in ids(tool["softwareRequirements"])
    assert set(ids(found["./"]["mentions"])) == {
        key for key, e in found.items() if e["@type"] == "CreateAction"
    }
    assert len(ids(found["./"]["mentions"])) == 8


def test_profiles_with_and_without_the_workflow(results):
    assert main(["crate", str(results)]) == 0
    assert ids(graph(results)["./"]["conformsTo"]) == ["https://w3id.org/ro/wfrun/process/0.5"]
    assert "mainEntity" not in graph(results)["./"]
    assert not (results / "crate").exists()
    assert main(["crate", str(results), "--workflow", str(CHECKOUT / "Snakefile")]) == 0
    found = graph(results)
    assert ids(found["./"]["conformsTo"]) == [
        "https://w3id.org/ro/wfrun/process/0.5",
        "https://w3id.org/ro/wfrun/workflow/0.5",
        "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
    ]
    assert all(found[key]["@type"] == "CreativeWork" for key in ids(found["./"]["conformsTo"]))
    run = found["#run"]
    assert run["instrument"] == {"@id": "crate/Snakefile"}
    assert "figures/figures.tsv" in ids(run["result"])
    assert "plan/plan.json" not in ids(run["result"])  # others read it
    assert "cases.tsv" in ids(run["object"])
    copied = sorted(path.relative_to(results / "crate") for path in (results / "crate").rglob("*.smk"))
    assert copied == sorted(
        path.relative_to(CHECKOUT) for path in (CHECKOUT / "workflow/rules").glob("*.smk")
    )


def test_nothing_is_said_that_nobody_stated(results):
    assert main(["crate", str(results)]) == 0
    found = graph(results)
    assert found[found["./"]["license"]["@id"]]["name"] == UNLICENSED
    assert "author" not in found["./"]
    assert not [entity for entity in found.values() if "agent" in entity]


def test_every_reference_leads_somewhere_and_every_name_is_once(results):
    assert main(["crate", str(results), "--workflow", str(CHECKOUT / "Snakefile")]) == 0
    content = json.loads((results / "ro-crate-metadata.json").read_text())
    names = [entity["@id"] for entity in content["@graph"]]
    assert len(names) == len(set(names))
    outside = ("https://w3id.org/ro/crate", "https://doi.org", "https://snakemake", "pkg:")
    for entity in content["@graph"]:
        for value in entity.values():
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict):
                    assert part["@id"] in names or part["@id"].startswith(outside), part


def test_the_same_manifests_give_the_same_bytes(results):
    assert main(["crate", str(results)]) == 0
    first = (results / "ro-crate-metadata.json").read_bytes()
    assert main(["crate", str(results)]) == 0  # its own manifest is there now
    assert (results / "ro-crate-metadata.json").read_bytes() == first


def test_chosen_results_alone(results, capsys):
    words = ["--results", str(results / "plan/plan.json"), str(results / "convert/shard-00.tsv")]
    assert main(["crate", str(results), *words]) == 0
    assert len(ids(graph(results)["./"]["mentions"])) == 2
    assert graph(results)["./"]["description"] == "A run of segmake: convert, plan."


def test_an_input_from_elsewhere_is_told_by_name_and_hash(results, tmp_path):
    outside = tmp_path / "DOE" / "sheet.tsv"
    outside.parent.mkdir()
    outside.write_text("x")
    path = results / "convert/shard-00.manifest.json"
    from segmake.seal import sealed

    manifest = read_manifest(path)
    path.write_text(sealed(manifest | {"inputs": {str(outside): hash_path(outside), "<cases>": "1" * 64}}))
    assert main(["crate", str(results)]) == 0
    named = {e["name"]: e for key, e in graph(results).items() if key.startswith("#input-")}
    assert set(named) == {"sheet.tsv", "cases"}
    assert named["sheet.tsv"]["sha256"] == hash_path(outside)
    assert "DOE" not in (results / "ro-crate-metadata.json").read_text()


def test_a_folder_without_jobs_is_explained(tmp_path, capsys):
    assert main(["crate", str(tmp_path)]) == 2
    assert "holds no manifest of segmake; give the workdir" in capsys.readouterr().err
