from pathlib import Path

from segmake.figures.class_drawings import KINDS, class_drawings
from segmake.figures.drawings import Style, Tables


def curves(level="patient", split="test", name="malignant"):
    def row(curve, x, y):
        return {
            "level": level,
            "split": split,
            "class": name,
            "curve": curve,
            "x": str(x),
            "y": str(y),
            "low": str(max(0, y - 0.1)),
            "high": str(y + 0.1),
            "extra": "3",
        }

    ends = {"roc": ((0, 0), (1, 1)), "pr": ((0.5, 1), (1, 0.5)), "reliability": ((0.2, 0.1), (0.8, 0.9))}
    ends |= {"decision": ((0.1, 0.2), (0.9, 0)), "decision_all": ((0.1, 0.2), (0.9, -1))}
    return [row(curve, *point) for curve, points in ends.items() for point in points]


def confusion(level="patient", split="test"):
    pairs = [
        ("benign", "benign"),
        ("benign", "malignant"),
        ("malignant", "benign"),
        ("malignant", "malignant"),
    ]
    head = {"level": level, "split": split, "class": ""}
    return [head | {"truth": t, "decision": d, "count": str(i)} for i, (t, d) in enumerate(pairs)]


def drawn(**tables):
    return {drawing.entry.name: drawing for drawing in class_drawings(Tables(**tables), Style(7.0))}


def path(classifier, table="curves"):
    return Path(f"score/{classifier}/{table}.tsv")


def legend(drawing):
    return [text.get_text() for text in drawing.draw().axes[0].get_legend().get_texts()]


def test_every_kind_is_drawn_for_each_split_from_its_own_table():
    rows = [*curves(), *curves(split="train")]
    found = drawn(curves={path("vit"): rows}, confusion={path("vit", "confusion"): confusion()})
    names = {f"{kind}_vit_{split}" for kind in KINDS for split in ("test", "train")}
    assert set(found) == names - {"confusion_vit_train"}
    assert found["roc_vit_test"].inputs == [path("vit")]
    assert found["confusion_vit_test"].inputs == [path("vit", "confusion")]
    assert all(drawing.entry.model == "vit" for drawing in found.values())


def test_levels_are_series_and_patients_come_first():
    rows = [*curves("patch"), *curves("patient")]
    found = drawn(curves={path("vit"): rows})
    assert legend(found["reliability_vit_test"]) == ["patient", "patch"]
    assert "by patient, patch" in found["reliability_vit_test"].entry.caption


def test_of_many_classes_the_first_level_is_drawn_alone():
    rows = [
        row for name in ("a", "b", "c") for level in ("patch", "lesion") for row in curves(level, name=name)
    ]
    found = drawn(curves={path("vit"): rows})
    assert legend(found["reliability_vit_test"]) == ["a", "b", "c"]
    assert "by lesion." in found["reliability_vit_test"].entry.caption


def test_a_level_without_a_curve_is_left_out():
    only = [row for row in curves("patch") if row["curve"] != "roc"]
    found = drawn(curves={path("vit"): [*only, *curves()]})
    assert "by patient." in found["roc_vit_test"].entry.caption
    assert "roc_vit_test" not in drawn(curves={path("vit"): only})


def test_several_classifiers_stand_in_one_more_roc_figure():
    found = drawn(curves={path(name): curves() for name in ("vit", "resnet")})
    both = found["roc_classifiers_test"]
    assert both.inputs == [path("vit"), path("resnet")]
    assert legend(both) == ["vit", "resnet"]
    assert both.entry.model == ""
    assert "roc_classifiers_test" not in drawn(curves={path("vit"): curves()})
