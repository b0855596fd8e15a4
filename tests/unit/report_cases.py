"""Material of a report: two models or less, one classifier, few cases."""

from plan_cases import small_plan

from segmake.figures.catalogue import Entry
from segmake.figures.material import Branch, Classifier, Drawn, Material
from segmake.figures.passports import Passport
from segmake.figures.records import Score, Summary

EVIL = "<script>alert('x')</script>\"&"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><path id="p" d="M 0 0"/></svg>'
PNG = b"\x89PNG"
PLAN = small_plan(
    channels={"t1": "mr", "flair": "mr"},
    labels={"core": 1, "edge": 2},
    regions={"whole": [1, 2]},
    folds={"a": 0, "b": 0, "c": 1},
)


def case(name, label="x", **changes):
    return {"case": name, "split": "train", "group": name, "label": label, "path": ""} | changes


def score(name, value, label="core", model="unet", metric="dice", status="ok"):
    return Score(model, "train", "0", name, label, metric, value, "ratio", status)


def mean_dice(value, split="train", model="unet", patients=2, low=0.5, high=0.9):
    return Summary(
        model, split, "mean", "dice", "ratio", patients, patients, value, value, 0.1, low, high, 0, 0
    )


def drawn(name, kind, **changes):
    files = {f"{name}.{form}": "0" * 64 for form in ("svg", "pdf", "png")}
    told = {"title": name.title(), "caption": f"Of {name}", "alt": f"Alt {name}", "files": files}
    return Drawn(Entry(name=name, kind=kind, **told | changes), SVG, PNG, "../figures")


def measured(metric, value, low="", high="", level="patient", split="test", kind="bad", **changes):
    row = {"level": level, "split": split, "metric": metric, "class": kind, "value": value, "low": low}
    return row | {"high": high, "n": "9", "patients": "7", "positives": "3", "status": "ok"} | changes


def classifier(name="resnet", area="0.8"):
    return Classifier(
        name,
        summary=[
            measured("auroc", area, "0.7", "0.9"),
            measured("sensitivity", "0.75"),
            measured("auroc", "0.6", level="patch"),
            measured("auroc", "", split="train", status="no_positives"),
        ],
        predictions=[
            {"level": "patient", "group": "a", "case": "a", "lesion": "", "patch": "", "split": "test"}
            | {"fold": "", "class": "bad", "p_bad": "0.9", "p_good": "0.1", "decision": "bad"}
        ],
        confusion=[
            {
                "level": "patient",
                "split": "test",
                "class": "",
                "truth": "bad",
                "decision": "good",
                "count": "2",
            }
        ],
        decision={
            "positive": "bad",
            "aggregate": "mean",
            "temperature": [1.25],
            "levels": {"patient": {"threshold": [0.4, 0.4], "chosen": ["youden", "youden"]}},
        },
    )


def branch(**changes):
    sliced = [
        case("a", path="a.b2nd", **{"class": "bad", "patches": "3", "width_px": "64", "height_px": "48"}),
        case("b", path="b.b2nd", **{"class": "good", "patches": "2"}),
    ]
    guards = [{"guard": "patients", "status": "ok", "count": "0", "detail": "no patient is in two folds"}]
    return Branch(**{"classifiers": [classifier()], "sliced": sliced, "guards": guards} | changes)


def full():
    """Both branches: a worst case, a picture of it, a failure."""
    return Material(
        plan=PLAN,
        cases=[case("a"), case("b", site="Oslo"), case("c")],
        passports=[Passport("a", group="a", labels_ml={"core": 2.0}, repairs=("3 voxels filled",))],
        scores=[
            score("a", 0.9),
            score("b", 0.1, status="missed"),
            score("b", 0.3, "edge"),
            score("b", 4.0, metric="truth_ml"),
        ],
        summaries=[mean_dice(0.5), mean_dice(0.7, "test", patients=40)],
        histories={("unet", "fold-0"): [{"step": 1.0, "loss": 1.0, "minutes": 1.0}]},
        branch=branch(),
        drawn=[
            drawn("dice_train", "dice"),
            drawn("training_unet", "training"),
            drawn("example_unet_worst-1", "example", model="unet", case="b"),
            drawn("roc_resnet", "roc"),
        ],
        details={"a": "cases/001.html#case-1", "b": "cases/001.html#case-2"},
        looks={("unet", "b"): "viewer.html#model=unet&case=b"},
    )
