import shutil
from pathlib import Path

import pytest
from audit_cases import Recipe, make_run
from huggingface_hub import ModelCard

from segmake.cli import main
from segmake.provenance import read_manifest
from segmake.reporting.known import read_known
from segmake.reporting.methods import write_methods
from segmake.reporting.stated import state_facts
from segmake.tables import read_table, write_table


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    recipe = Recipe(models={"unet": {}, "unet.seed-1": {"seed": 1}})
    return make_run(tmp_path_factory.mktemp("run") / "results", recipe)


@pytest.fixture
def results(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "results"))


def facts(folder: Path) -> dict[str, str]:
    known = read_known(folder)
    return state_facts(known, write_methods(known))


def test_all_texts_are_written_into_the_results(results, capsys):
    assert main(["describe", str(results), "--answers", '{"claim-44": "None."}']) == 0
    folder = results / "describe"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        *("methods.md", "methods.tex", "methods.bib", "methods.manifest.json"),
        *("claim.md", "tripod.md", "checklists.tsv", "unet/README.md", "unet.seed-1/README.md"),
    }
    assert "CLAIM 2024 update: " in capsys.readouterr().err
    rows = {row["key"]: row for row in read_table(folder / "checklists.tsv")}
    assert (rows["claim-44"]["status"], rows["claim-44"]["text"]) == ("filled", "None.")
    assert len(rows) == 44 + 52
    made = read_manifest(folder / "methods.manifest.json")
    assert set(made["outputs"]) | {"methods.md", "methods.manifest.json"} == names


def test_the_same_tables_give_the_same_texts(results):
    assert main(["describe", str(results)]) == 0
    first = {path: path.read_bytes() for path in (results / "describe").rglob("*.[mbt]*")}
    assert main(["describe", str(results)]) == 0
    again = {path: path.read_bytes() for path in first if "manifest" not in path.name}
    assert again == {path: content for path, content in first.items() if "manifest" not in path.name}


def test_the_card_is_what_hugging_face_reads(results):
    assert main(["describe", str(results), "--license", "CC-BY-4.0", "--authors", '["Ada", "Bob"]']) == 0
    text = (results / "describe/unet/README.md").read_text()
    card = ModelCard(text)
    assert card.data.license == "cc-by-4.0"
    assert card.data.pipeline_tag == "image-segmentation"
    assert card.data.tags[-1] == "mr"
    found = {(each.dataset_split, each.metric_type): each.metric_value for each in card.data.eval_results}
    assert found == {("train", "dice"): pytest.approx(0.8), ("test", "dice"): pytest.approx(0.6)}
    assert card.data.model_name == "unet"
    assert (
        "Two networks (DynUNet) for image segmentation, one per fold, trained by Ada and Bob with"
        in card.text
    )
    assert "| cross-validation | core | HD95 (mm) | 2" in card.text
    assert "Channels: t1 (mr). Labels: core and rim." in card.text
    assert "no medical device" in card.text


def test_a_card_without_scores_or_licence_says_so(results):
    shutil.rmtree(results / "evaluate")
    assert main(["describe", str(results)]) == 0
    card = ModelCard((results / "describe/unet/README.md").read_text())
    assert card.data.license == "unknown"
    assert card.data.eval_results is None
    assert "It has not been scored." in card.text


def test_facts_are_those_of_the_run(finished):
    found = facts(finished)
    assert found["technology"] == "Deep learning with neural networks for segmentation (DynUNet)."
    assert found["flow"].startswith("Four cases taken in and four cases scored; ")
    assert found["partitions"] == "Cases: 1 test and 3 train. 3 cases dealt into 2 folds."
    assert found["initialisation"] == "Random weights; seeds 0 and 1."
    assert "training was repeated with two seeds" in found["robustness"]
    assert found["sites"] == "Cases came from one site."
    assert found["failures"].startswith("No labels missed and no false alarms")
    assert found["characteristics"].startswith(
        "Train: three cases of three patients; test: one case of one patient"
    )
    assert found["numbers"].startswith("Unet, test: one case of one patient; unet, train: three cases")
    assert found["preparation"] == "See the methods text: Preparation."
    assert found["results"] == "See the methods text: Results."
    assert found["disjoint"].startswith("Patients (column group)")
    assert found["differences"] == "Sites: 1 in training, 1 in test, 1 in both."
    assert found["imbalance"] == "50% of the patches were centred on a foreground voxel."
    assert "sources" not in found  # nobody said where the data came from


@pytest.mark.parametrize(
    ("recipe", "fact", "told"),
    [
        (Recipe(models={"unet": {"init_from": "/w.pt"}}), "initialisation", "Pretrained weights; seeds 0."),
        (Recipe(models={"unet": {"init_from": "/w.pt"}}), "updating", None),
        (Recipe(predict={"uncertainty": True}), "explainability", "Maps of the networks' uncertainty"),
        (
            Recipe(convert={"layout": "brats", "cases": None, "root": "/data"}),
            "sources",
            "A data set in the layout brats.",
        ),
        (Recipe(models={}, figures=False), "technology", None),
        (Recipe(models={}, figures=False), "metrics", None),
        (
            Recipe(convert={"pseudonymise": "/k"}),
            "deidentification",
            "Names of cases and patients were replaced",
        ),
    ],
)
def test_facts_follow_what_was_done(tmp_path, recipe, fact, told):
    found = facts(make_run(tmp_path / "run", recipe))
    assert (told is None) == (fact not in found)
    assert (told or "") in found.get(fact, "")


def test_a_guard_that_only_warned_keeps_the_claim_of_disjoint_patients_back(results):
    from segmake.seal import sealed

    path = results / "plan/plan.manifest.json"
    manifest = read_manifest(path)
    manifest["settings"]["allow_duplicates"] = True
    path.write_text(sealed(manifest))
    assert "disjoint" not in facts(results)


def test_a_run_of_the_2d_branch_alone(tmp_path):
    from audit_cases import inside

    from segmake.jobs import DivideJob, FitJob, ScoreJob, SliceJob
    from segmake.provenance import write_manifest

    folder = tmp_path / "run"
    with inside(folder):
        rows = [
            {"case": name, "status": "ok", "group": name, "split": split, "class": kind, "patches": "2"}
            for name, split, kind in (("a", "train", "bad"), ("b", "train", "good"), ("c", "test", "bad"))
        ]
        write_table(Path("slice/shard-00.tsv"), rows)
        job = SliceJob(cases=Path("sheet.tsv"), output=Path("slice/shard-00.tsv"), size=64)
        write_manifest("slice", job, 1)
        write_table(Path("divide/folds.tsv"), [{"case": "a", "fold": "0"}, {"case": "b", "fold": "1"}])
        write_table(
            Path("divide/guards.tsv"),
            [{"guard": "shortcut", "status": "warning", "detail": "size tells the class"}],
        )
        job = DivideJob(tables=[], output=Path("divide/folds.tsv"), guards=Path("divide/guards.tsv"))
        write_manifest("divide", job, 1)
        output = Path("fit/res/fold-0/model.pt")
        output.parent.mkdir(parents=True)
        output.write_text("weights")
        job = FitJob(
            tables=[], division=Path("d"), output=output, loss="focal", balance="sampling", patience=3
        )
        write_manifest("fit", job, 1)
        row = {"level": "patient", "split": "test", "metric": "auroc", "class": "bad", "value": "0.8"}
        write_table(Path("score/res/summary.tsv"), [row | {"low": "0.7", "high": "0.9", "patients": "1"}])
        write_manifest("score", ScoreJob(tables=[], output=Path("score/res/summary.tsv")), 1)
    text = write_methods(read_known(folder)).paragraphs
    assert list(text) == [
        *("Data", "Patches", "Classifiers", "Probabilities and decisions", "Software and hardware", "Results")
    ]
    assert "six patches of 64" in text["Patches"]
    assert "2 bad and 1 good" in text["Patches"]
    assert "divided into two folds by patient" in text["Patches"]
    assert "a check of the division warned: shortcut, size tells the class." in text["Patches"].lower()
    assert "Classifier res is a resnet18 (He et al. 2016)" in text["Classifiers"]
    assert (
        "focal loss (Lin et al. 2017), on patches of all classes drawn equally often" in text["Classifiers"]
    )
    assert "Youden's index (Youden 1950)" in text["Probabilities and decisions"]
    assert text["Results"] == (
        "On the test cases, res reached per patient for bad: AUC 0.800 (95% CI 0.700 to 0.900)."
    )
    found = facts(folder)
    assert found["outcome"] == "Class: bad and good."
    assert found["selection"].startswith("The weights with the best AUC")
    assert found["imbalance"] == "Fit.balance: sampling."
    assert main(["describe", str(folder)]) == 0
    card = ModelCard((folder / "describe/res/README.md").read_text())
    assert card.data.pipeline_tag == "image-classification"
    assert [(each.metric_value, each.metric_name) for each in card.data.eval_results] == [
        (0.8, "AUC, bad per patient")
    ]
