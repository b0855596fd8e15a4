import re
import shutil
from pathlib import Path

import pytest
from audit_cases import CASES, Recipe, inside, make_run

from segmake.errors import InputError
from segmake.jobs import CompareJob, ExternalJob, TuneJob
from segmake.learning.optimizers import DECAY, RATE
from segmake.provenance import write_manifest
from segmake.reporting.known import read_known
from segmake.reporting.methods import write_methods
from segmake.reporting.references import entries
from segmake.reporting.segmenting import RATES
from segmake.reporting.words import times
from segmake.tables import write_table, write_text

STRONG = {
    "network": "SegResNet",
    "steps": 5000,
    "optimizer": "sgd",
    "schedule": "poly",
    "ema": 0,
    "augment": "none",
    "freeze": "encoder",
    "seed": 3,
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "plain")


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    recipe = Recipe(
        cases=CASES | {"u": ("test", 0.5), "x": ("new", 0.4)},
        models={"big": STRONG, "big.seed-4": STRONG | {"seed": 4}},
        predict={"mirror": True, "overlap": 0.25},
        evaluate={"lesion": "brats2023", "nsd_tolerance_mm": {"core": 2.0, "rim": 1.0}, "resamples": 70},
        plan={"regions": {"whole": [1, 2]}, "crop": "nonzero", "patch": (32, 32, 8)},
        convert={"register": "rigid"},
    )
    return make_run(tmp_path_factory.mktemp("run") / "other", recipe)


def chapters(folder: Path) -> dict[str, str]:
    return write_methods(read_known(folder)).paragraphs


def test_every_number_is_that_of_the_tables(plain):
    text = chapters(plain)
    assert text["Data"].startswith("Four cases of four patients from one site took part. Three cases served")
    assert "and one case was held out for testing." in text["Data"]
    assert "Voxels measure 1 mm along their finest axis, and 2 mm along their coarsest." in text["Data"]
    assert (
        "In cross-validation (three cases of three patients), unet reached a mean Dice of 0.800"
        in text["Results"]
    )
    assert "core: Dice 0.800 (0." in text["Results"]
    assert "HD95 2.0 mm" in text["Results"]
    assert "(50 resamples of patients)" in text["Evaluation"]
    assert "Cross-validation: 3 cases dealt into 2 folds." in text["Preparation"]
    assert f"batches of two patches of {times((16, 16, 16))} voxels" in text["Segmentation models"]
    assert (
        "trained for 2,000 steps by AdamW (Loshchilov and Hutter 2019) with weight decay 0.01"
        in (text["Segmentation models"])
    )


def test_two_configurations_have_two_texts(plain, other):
    first, second = chapters(plain), chapters(other)
    assert set(first) == set(second)
    assert all(first[title] != second[title] for title in first if title != "Software and hardware")
    model = second["Segmentation models"]
    assert f"a SegResNet (Myronenko 2019), trained on batches of two patches of {times((32, 32, 8))}" in model
    assert (
        "5,000 steps by stochastic gradient descent with Nesterov momentum with weight decay 3e-05" in model
    )
    assert "rose to 0.01 over the first 2% of them and fell to zero along a polynomial of power 0.9" in model
    assert "running average" not in model
    assert "The encoder kept the weights it started with." in model
    assert "Patches were not augmented." in model
    assert "binary cross entropy of overlapping regions." in model  # SegResNet has no deep supervision
    assert "It was trained with the seeds 3 and 4" in model
    assert "Model big.seed-4" not in model
    assert "Adam" not in model
    assert "overlapped by 25%, weighted by a Gaussian, averaged over mirrored copies" in second["Prediction"]
    assert "at 2 mm for core and 1 mm for rim (NSD)" in second["Evaluation"]
    assert "BraTS 2023 challenge (Moawad et al. 2023)" in second["Evaluation"]
    assert "registered to the first one (rigid)" in second["Preparation"]
    assert "cropped to its non-zero box" in second["Preparation"]
    assert "joined to the regions whole" in second["Data"]
    assert "one case had no reference" in second["Data"].lower()


def test_references_are_those_that_the_text_cites(plain, other):
    first, second = (write_methods(read_known(folder)) for folder in (plain, other))
    assert {"isensee2021", "dice1945", "efron1987", "molder2021", "loshchilov2019"} <= set(first.cited)
    assert set(second.cited) - set(first.cited) == {"myronenko2019", "moawad2023", "bouthillier2021"}
    assert re.findall(r"@\w+\{(\w+),", first.bibtex) == sorted(first.cited)
    assert len(first.references) == len(first.cited)
    assert set(first.cited) <= set(entries())


def test_markdown_and_latex_hold_the_same_chapters(plain):
    methods = write_methods(read_known(plain))
    text = methods.markdown()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [*methods.chapters, "References"]
    assert "@" not in text
    latex = methods.latex()
    assert re.findall(r"subsection\*\{(.*)\}", latex) == list(methods.chapters)
    assert set(re.findall(r"[{,](\w+)(?=[,}])", " ".join(re.findall(r"\\citep\{.*?\}", latex)))) == set(
        methods.cited
    )


def test_a_run_without_scores_says_what_it_did(plain, tmp_path):
    partial = shutil.copytree(plain, tmp_path / "partial")
    for name in ("evaluate", "figures", "predict"):
        shutil.rmtree(partial / name)
    text = chapters(partial)
    assert list(text) == ["Data", "Preparation", "Segmentation models", "Software and hardware"]


def test_failed_and_excluded_cases_are_counted(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "run")
    table = folder / "convert/shard-00.tsv"
    lines = table.read_text().splitlines()
    row = lines[1].split("\t")
    status = lines[0].split("\t").index("status")
    lost = []
    for case, word in (("y", "failed"), ("z", "excluded"), ("w", "failed")):
        cells = [case if index == 0 else word if index == status else cell for index, cell in enumerate(row)]
        lost.append("\t".join(cells))
    table.write_text("\n".join([*lines, *lost]) + "\n")
    text = chapters(folder)["Data"]
    assert "A further two cases could not be processed" in text
    assert "A further one case could not take part" in text
    assert "Four cases of four patients" in text


def test_comparison_postprocessing_and_models_of_others_are_told(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "run")
    row = {
        "split": "train",
        "label": "mean",
        "metric": "dice",
        "unit": "ratio",
        "model": "unet",
        "other": "big",
    }
    row |= {
        "difference": "0.02",
        "ci_low": "0.01",
        "ci_high": "0.03",
        "p_holm": "0.04",
        "verdict": "unet is better",
    }
    with inside(folder):
        write_table(Path("evaluate/comparison.tsv"), [row, row | {"label": "core"}])
        metrics = [Path("evaluate/unet/metrics.tsv")] * 2
        job = CompareJob(
            metrics=metrics, output=Path("evaluate/comparison.tsv"), ranking=Path("evaluate/ranking.tsv")
        )
        write_manifest("compare", job, 1)
        write_text(Path("postprocess/unet/recipe.json"), '{"steps": [{"label": "core", "kind": "largest"}]}')
        recipe = Path("postprocess/unet/recipe.json")
        write_manifest("tune", TuneJob(tables=[], predictions=[], plan=Path("p"), output=recipe), 1)
        write_table(Path("predict/other/shard-00.tsv"), [{"case": "a", "status": "ok"}])
        output = Path("predict/other/shard-00.tsv")
        given = {"external": Path("/elsewhere"), "table": Path("t"), "plan": Path("p")}
        write_manifest("external", ExternalJob(output=output, **given), 1)
    text = chapters(folder)
    assert (
        "In cross-validation, the difference in mean Dice between unet and big was +0.020 (0.010 to 0.030), "
        "adjusted p = 0.04: unet is better."
    ) in text["Results"]
    assert text["Results"].count("the difference") == 1
    assert "Holm's method (Holm 1979)" in text["Evaluation"]
    assert (
        "Post-processing of unet was chosen on out-of-fold label maps and cross-fitted; kept: largest (core)."
        in (text["Prediction"])
    )
    assert "Model other was made by another program" in text["Prediction"]


def test_rates_that_nobody_set_are_those_of_the_optimisers():
    assert {name: rate for name, (rate, _) in RATES.items()} == RATE
    assert {name: decay for name, (_, decay) in RATES.items()} == DECAY


def test_a_folder_without_manifests_is_explained(tmp_path):
    with pytest.raises(InputError, match="holds no manifest of segmake"):
        read_known(tmp_path)


def test_chosen_results_are_read_alone(plain):
    known = read_known(plain, [plain / "convert/shard-00.tsv", plain / "train/unet/fold-0/history.csv"])
    assert [made.stage for made in known.made] == ["convert", "train"]
    assert known.plan is None
    assert known.settings("train")["network"] == "DynUNet"
    assert known.settings("nothing") == {}
