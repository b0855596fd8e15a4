"""slice: images and volumes to patches with class and patient."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from segmake.dataset.phantom import luna
from segmake.errors import CasesFailed
from segmake.jobs import ConvertJob, PhantomJob, SliceJob
from segmake.ledger import read_record
from segmake.patches import Patch, read_patches
from segmake.stages import convert, phantom
from segmake.stages import slice as slice_stage
from segmake.tables import read_table
from segmake.volume.nifti import write_nifti
from segmake.volume.store import load_array
from segmake.volume.volume import Volume

RNG = np.random.default_rng(0)
CELLS = (("a", "set.npz", 0), ("b", "set.npz", 1), ("c", "gone.npz", 0))


def images(folder: Path, **classes: str) -> Path:
    """A sheet with a random grey picture of 20 x 30 pixels per case, two for a patient."""
    lines = ["case\tgroup\tsplit\timage\tclass"]
    for number, (name, class_) in enumerate(classes.items()):
        Image.fromarray(RNG.integers(0, 255, (20, 30), dtype=np.uint8)).save(folder / f"{name}.png")
        split = "test" if name.startswith("t") else "train"
        lines.append(f"{name}\tp{number // 2}\t{split}\t{name}.png\t{class_}")
    (folder / "cases.tsv").write_text("\n".join(lines) + "\n")
    return folder / "cases.tsv"


def run(folder: Path, **settings: Any) -> list[Patch]:
    given = {"channels": {"image": "xray"}, "size": 16, "output": folder / "slice" / "shard-00.tsv"}
    job = SliceJob.model_validate(given | settings)
    slice_stage.run(job)
    return read_patches([job.output])


def rows(folder: Path) -> dict[str, dict[str, str]]:
    return {row["case"]: row for row in read_table(folder / "slice" / "shard-00.tsv")}


def test_an_image_is_one_patch(tmp_path: Path) -> None:
    patches = run(tmp_path, cases=images(tmp_path, a="x", b="y", t="x"))
    assert [(p.case, p.group, p.split, p.class_, p.index, p.x_mm) for p in patches] == [
        ("a", "p0", "train", "x", 0, None),
        ("b", "p0", "train", "y", 0, None),
        ("t", "p1", "test", "x", 0, None),
    ]
    array = load_array(patches[0].path)
    assert (array.shape, array.dtype) == ((1, 1, 16, 16), np.uint8)
    row = rows(tmp_path)["a"]
    told = {name: row[name] for name in ("width_px", "height_px", "metadata", "patches", "channels", "class")}
    assert told == {
        "width_px": "30",
        "height_px": "20",
        "metadata": "PNG, 8 bit, grey",
        "patches": "1",
        "channels": "1",
        "class": "x",
    }
    assert len(patches[0].dhash) == 128
    assert len(patches[0].pixels) == 32


def test_classes_are_mapped_and_checked(tmp_path: Path) -> None:
    sheet = images(tmp_path, a="0", b="1", c="2|0")
    settings = {"cases": sheet, "class_map": {"0": "normal", "1": "ill", "2": "ill"}}
    assert [p.class_ for p in run(tmp_path, **settings)] == ["normal", "ill", "ill|normal"]
    with pytest.raises(CasesFailed, match=r"b: the class '1' is none of slice.classes \(normal, 2\)"):
        run(tmp_path, cases=sheet, class_map={"0": "normal"}, classes=["normal", "2"])
    assert [row["status"] for row in rows(tmp_path).values()] == ["ok", "failed", "ok"]


def test_a_second_run_does_nothing_and_a_new_class_costs_its_case(tmp_path: Path, caplog: Any) -> None:
    sheet = images(tmp_path, a="x", b="y")
    run(tmp_path, cases=sheet)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "slice").glob("?.json")}
    sheet.write_text(sheet.read_text().replace("b.png\ty", "b.png\tz"))
    assert [p.class_ for p in run(tmp_path, cases=sheet)] == ["x", "z"]
    changed = [path.name for path, time in before.items() if path.stat().st_mtime_ns != time]
    assert changed == ["b.json"]


def test_one_image_of_an_archive_that_changed_costs_one_case(tmp_path: Path) -> None:
    stack = RNG.integers(0, 255, (5, 8, 8), dtype=np.uint8)
    labels = np.array([0, 1, 0, 1, 0])
    np.savez(tmp_path / "set.npz", train_images=stack, train_labels=labels)
    settings = {"layout": "npz", "root": tmp_path, "channels": {}}
    patches = run(tmp_path, **settings)
    assert [p.class_ for p in patches] == ["0", "1", "0", "1", "0"]
    assert load_array(patches[3].path).std() > 10
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "slice").glob("train*.json")}
    stack[3] += 1
    np.savez(tmp_path / "set.npz", train_images=stack, train_labels=labels)
    run(tmp_path, **settings)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "slice").glob("train*.json")}
    assert [name for name in before if before[name] != after[name]] == ["train_00003.json"]


def test_several_channels_are_several_pictures(tmp_path: Path) -> None:
    for name, value in (("cc", 50), ("mlo", 150)):
        Image.fromarray(np.full((16, 16), value, np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "cases.tsv").write_text("case\tcc\tmlo\tclass\na\tcc.png\tmlo.png\tx\n")
    (patch,) = run(tmp_path, cases=tmp_path / "cases.tsv", channels={"cc": "xray", "mlo": "xray"})
    assert load_array(patch.path)[0, :, 8, 8].tolist() == [50, 150]
    assert patch.dhash == patch.pixels == ""  # it shows nothing


def test_a_window_decides_what_is_seen(tmp_path: Path) -> None:
    sheet = images(tmp_path, a="x")
    whole, narrow = (
        load_array(run(tmp_path, cases=sheet, window=window)[0].path)
        for window in ({}, {"image": (100, 101)})
    )
    assert len(np.unique(whole)) > 10
    assert np.count_nonzero((narrow > 0) & (narrow < 255)) < np.count_nonzero((whole > 0) & (whole < 255))


def test_a_broken_image_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    sheet = images(tmp_path, a="x", b="y", c="y")
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:90])
    patches = run(tmp_path, cases=sheet, on_error="exclude")
    assert [p.case for p in patches] == ["a", "c"]
    assert rows(tmp_path)["b"]["status"] == "failed"
    assert "b.png is damaged" in rows(tmp_path)["b"]["reason"]


@pytest.fixture(scope="module")
def chests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three converted chest phantoms."""
    folder = tmp_path_factory.mktemp("chests")
    made, converted = folder / "phantom" / "shard-00.tsv", folder / "convert" / "shard-00.tsv"
    phantom.run(PhantomJob(kind="luna", count=3, size=40, test=1, output=made))
    convert.run(ConvertJob(cases=made, channels={"ct": "ct"}, labels={"nodule": 1}, output=converted))
    return folder


def cut(chests: Path, tmp_path: Path, **settings: Any) -> list[Patch]:
    given = {"table": chests / "convert" / "shard-00.tsv", "channels": {"ct": "ct"}, "labels": {"nodule": 1}}
    return run(tmp_path, **(given | settings))


def truth(chests: Path, case: str) -> list[dict[str, Any]]:
    lesions: list[dict[str, Any]] = read_record(chests / "phantom", case)["details"]["lesions"]
    return lesions


def test_parts_of_the_label_have_the_class_of_the_phantoms_truth(chests: Path, tmp_path: Path) -> None:
    table = chests / "phantom" / "shard-00.tsv"
    patches = cut(chests, tmp_path, source="label", phantoms=table, planes="orthogonal", size=24)
    for case in ("luna-000", "luna-001", "luna-002"):
        own = [patch for patch in patches if patch.case == case]
        for patch in own:
            near = min(
                truth(chests, case),
                key=lambda lesion: np.linalg.norm(
                    np.subtract(lesion["centre_mm"], (patch.x_mm, patch.y_mm, patch.z_mm))
                ),
            )
            away = np.linalg.norm(np.subtract(near["centre_mm"], (patch.x_mm, patch.y_mm, patch.z_mm)))
            assert away < 1.5
            assert patch.class_ == near["class"]
        assert [patch.lesion for patch in own] == [str(n + 1) for n in range(len(own))]
    assert {patch.split for patch in patches if patch.case == "luna-000"} == {"test"}
    array = load_array(patches[0].path)
    assert array.shape[1:] == (3, 24, 24)
    assert (array[0, :, 11:13, 11:13] > 150).all()  # the nodule is in the middle of all three planes


def test_places_of_a_table_are_cut_where_it_says(
    chests: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ["case,coordX,coordY,coordZ,diameter_mm,class"]
    for lesion in truth(chests, "luna-001"):
        x, y, z = lesion["centre_mm"]
        lines.append(f"luna-001,{-x},{-y},{z},9,{lesion['class']}")
    (tmp_path / "places.csv").write_text("\n".join(lines) + "\n")
    patches = cut(chests, tmp_path, source="lesions", lesions=tmp_path / "places.csv", extent_mm=30)
    assert {patch.case for patch in patches} == {"luna-001"}
    assert [patch.class_ for patch in patches] == [lesion["class"] for lesion in truth(chests, "luna-001")]
    assert [patch.diameter_mm for patch in patches] == [9.0] * len(patches)
    assert rows(tmp_path)["luna-000"]["patches"] == "0"
    assert load_array(tmp_path / "slice" / "luna-000.b2nd").shape == (0, 1, 16, 16)
    undecided = "\n".join([*lines, lines[1].rpartition(",")[0] + ","])
    (tmp_path / "places.csv").write_text(undecided + "\n")
    with caplog.at_level(logging.WARNING):
        again = cut(chests, tmp_path, source="lesions", lesions=tmp_path / "places.csv", extent_mm=30)
    assert len(again) == len(patches)
    assert f"1 of {len(lines)} places have no class and are left out" in caplog.text
    mirrored = lines[1].split(",")
    mirrored[1] = "900"
    (tmp_path / "places.csv").write_text(f"{lines[0]}\n{','.join(mirrored)}\n")
    with pytest.raises(CasesFailed, match="outside of the scan"):
        cut(chests, tmp_path, source="lesions", lesions=tmp_path / "places.csv")


def test_predicted_parts_get_the_class_of_their_place_or_none(chests: Path, tmp_path: Path) -> None:
    found = luna.make(0, 1, 40).label
    label = np.array(found.data)
    label[0, :3, :3, :3] = 1  # a false positive in the corner
    write_nifti(tmp_path / "luna-001.nii.gz", Volume(label, found.affine))
    table = tmp_path / "predict.tsv"
    table.write_text("case\tpath\tkey\tstatus\nluna-001\tluna-001.nii.gz\tk\tok\n")
    given = {"source": "prediction", "predictions": table, "phantoms": chests / "phantom" / "shard-00.tsv"}
    patches = cut(chests, tmp_path, **given)
    kinds = [lesion["class"] for lesion in truth(chests, "luna-001")]
    assert sorted(patch.class_ for patch in patches) == sorted([*kinds, "none"])
    assert list(rows(tmp_path)) == ["luna-001"]  # nobody predicted the others
    assert "none" not in {p.class_ for p in cut(chests, tmp_path, **given, unmatched="benign")}
    assert sorted(p.class_ for p in cut(chests, tmp_path, **given, unmatched="")) == sorted(kinds)
    assert len(cut(chests, tmp_path, **given, most=1)) == 1
    large = cut(chests, tmp_path, **given, smallest_ml=0.5)
    assert 0 < len(large) < len(patches)


def test_axial_slices_have_the_case_class_or_the_labels_in_them(chests: Path, tmp_path: Path) -> None:
    patches = cut(chests, tmp_path, source="axial", every=4, planes="neighbours")
    classes = {patch.case: patch.class_ for patch in patches}
    assert classes == {"luna-000": "benign", "luna-001": "malignant", "luna-002": "benign"}
    table = read_table(chests / "convert" / "shard-00.tsv")
    bare = chests / "convert" / "bare.tsv"
    lines = ["\t".join(table[0])]
    lines += ["\t".join((row | {"class": ""}).values()) for row in table]
    bare.write_text("\n".join(lines) + "\n")
    patches = cut(chests, tmp_path, table=bare, source="axial")
    assert {patch.class_ for patch in patches} == {"nodule", "none"}
    record = read_record(tmp_path / "slice", "luna-000")["details"]["patches"]
    assert [patch["slice"] for patch in record] == list(range(len(record)))
    assert rows(tmp_path)["luna-000"]["class"] == "nodule|none"


def test_a_volume_tells_its_channels(chests: Path, tmp_path: Path) -> None:
    with pytest.raises(CasesFailed, match=r"has 1 channels, data\.channels names t1, t2"):
        cut(chests, tmp_path, source="axial", channels={"t1": "mr", "t2": "mr"})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"source": "axial"}, "needs --table"),
        ({"source": "prediction", "table": "t"}, "needs --predictions"),
        ({"source": "lesions", "table": "t"}, "needs slice.lesions"),
        ({"source": "axial", "table": "t", "planes": "orthogonal"}, "three slices through a place"),
        ({"classes": ["a", "a"]}, "name a class twice"),
        ({"classes": ["a"], "class_map": {"0": "b"}}, "lack b"),
        ({"classes": ["a"], "source": "prediction", "table": "t", "predictions": "p"}, "lack none"),
        ({"window": {"ct": (5, 5)}}, "must rise from black to white"),
        ({"size": 8}, "greater than or equal to 16"),
    ],
)
def test_settings_that_cannot_be_meant(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        SliceJob.model_validate({"output": "o.tsv"} | settings)


def test_a_case_without_an_image_is_left_out(tmp_path: Path) -> None:
    sheet = images(tmp_path, a="x", b="y")
    text = (
        sheet.read_text()
        .replace("class\n", "class\tproblem\n")
        .replace("b.png\ty", "b.png\ty\tit is blurred")
    )
    sheet.write_text(text)
    assert [p.case for p in run(tmp_path, cases=sheet)] == ["a"]
    assert (rows(tmp_path)["b"]["status"], rows(tmp_path)["b"]["reason"]) == ("excluded", "it is blurred")


def test_an_image_that_an_archive_lacks_is_a_row(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", x=np.arange(64, dtype=np.uint8).reshape(1, 8, 8))
    rows_ = [f"{name}\t{file}#x[{number}]\tx" for name, file, number in CELLS]
    (tmp_path / "cases.tsv").write_text("case\timage\tclass\n" + "\n".join(rows_) + "\n")
    assert [p.case for p in run(tmp_path, cases=tmp_path / "cases.tsv", on_error="exclude")] == ["a"]
    reasons = {name: row["reason"] for name, row in rows(tmp_path).items()}
    assert "x has 1 images, so there is no 1" in reasons["b"]
    assert "gone.npz" in reasons["c"]
    assert "does not exist" in reasons["c"]
