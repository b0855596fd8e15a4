"""divide: folds of the patches, and every planted leak caught."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from slice_cases import patch, write_slices

from segmake.errors import InputError
from segmake.jobs import DivideJob
from segmake.patches import read_folds
from segmake.plan import Normalisation, Plan
from segmake.prepare.likeness import dhash
from segmake.stages import divide
from segmake.tables import read_table
from segmake.volume.volume import Array


def picture(seed: int) -> Array:
    """A smooth random picture, uint8 [1, 1, 32, 32]."""
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8))
    return np.asarray(coarse.resize((32, 32), Image.Resampling.BICUBIC))[np.newaxis, np.newaxis]


def case(number: int, image: Array | None = None, **columns: Any) -> dict[str, Any]:
    """A case of class a or b with one patch, a picture of its own where none is given."""
    images = picture(number) if image is None else image
    class_ = columns.pop("class_", "ab"[number % 2])
    details = patch(class_, dhash=dhash(images[0]), pixels=str(hash(images.tobytes())))
    made = {"case": f"c{number:02d}", "images": images, "patches": [details], "class": class_}
    return made | {"group": f"p{number:02d}g"} | columns


def run(folder: Path, cases: list[dict[str, Any]], **settings: Any) -> dict[str, int | None]:
    tables = [
        write_slices(folder / "slice", cases[::2], "00"),
        write_slices(folder / "slice", cases[1::2], "01"),
    ]
    given = {"tables": tables, "output": folder / "divide" / "folds.tsv", "folds": 2}
    job = DivideJob.model_validate({**given, "guards": folder / "divide" / "guards.tsv", **settings})
    divide.run(job)
    return read_folds(job.output)


def guards(folder: Path) -> Mapping[str, str]:
    return {row["guard"]: row["status"] for row in read_table(folder / "divide" / "guards.tsv")}


def test_patients_are_dealt_by_class_and_test_cases_have_no_fold(tmp_path: Path) -> None:
    cases = [case(n, group=f"p{n // 2}") for n in range(16)] + [case(20, split="test"), case(21, split="new")]
    folds = run(tmp_path, cases)
    assert (folds["c20"], folds["c21"]) == (None, None)
    assert all(folds[f"c{2 * n:02d}"] == folds[f"c{2 * n + 1:02d}"] for n in range(8))
    assert sorted(fold for fold in folds.values() if fold is not None) == [0] * 8 + [1] * 8
    assert guards(tmp_path) == {"duplicates": "ok", "shortcut": "ok", "patients": "ok", "group": "ok"}
    table = read_table(tmp_path / "divide" / "folds.tsv")
    assert table[0] == {"case": "c00", "group": "p0", "split": "train", "fold": str(folds["c00"])}


def test_folds_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    cases = [case(n) for n in range(10)]
    assert run(tmp_path / "one", cases, seed=3) == run(tmp_path / "two", cases[::-1], seed=3)


def plan(folds: dict[str, int]) -> Plan:
    return Plan(
        channels={"ct": "ct"},
        labels={"nodule": 1},
        spacing_mm=(1, 1, 1),
        patch=(8, 8, 8),
        batch=2,
        features=[4],
        kernels=[(3, 3, 3)],
        strides=[(1, 1, 1)],
        normalisation={"ct": Normalisation(scheme="none")},
        crop="none",
        median_shape=(8, 8, 8),
        folds=folds,
    )


def test_folds_of_the_3d_branch_are_kept_and_others_go_with_their_patient(tmp_path: Path) -> None:
    given = {f"c{n:02d}": (n // 3) % 3 for n in range(9)}
    plan(given).save(tmp_path / "plan.json")
    cases = [case(n, group=f"p{n // 3}") for n in range(9)] + [case(12, group="p1"), case(13), case(14)]
    folds = run(tmp_path, cases, plan=tmp_path / "plan.json")
    assert {name: folds[name] for name in given} == given
    assert folds["c12"] == folds["c03"]
    assert {folds["c13"], folds["c14"]} <= {0, 1, 2}


def test_folds_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "own.tsv").write_text("case\tfold\nc00\t1\nc01\t1\nc02\t0\nc03\t0\n")
    cases = [case(n) for n in range(4)]
    assert run(tmp_path, cases, splits=tmp_path / "own.tsv") == {"c00": 1, "c01": 1, "c02": 0, "c03": 0}
    with pytest.raises(InputError, match="each labelled training case needs a fold"):
        run(tmp_path, [*cases, case(4)], splits=tmp_path / "own.tsv")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_copied_image_stops_and_is_named(tmp_path: Path, split: str) -> None:
    cases = [case(n) for n in range(12)]
    # wherever the folds fall, one of the copies is on the other side
    cases += [case(20 + n, picture(n), class_="b", split=split) for n in range(1, 12, 2)]
    with pytest.raises(InputError, match=r"show one image .* divide.allow: \[duplicates\]"):
        run(tmp_path, cases)
    assert guards(tmp_path)["duplicates"] == "stop"
    found = read_table(tmp_path / "divide" / "duplicates.tsv")
    assert {(row["case"], row["other"]) for row in found} <= {
        (f"c{n:02d}", f"c{20 + n}") for n in range(1, 12, 2)
    }
    assert {row["likeness"] for row in found} == {"same"}
    assert not (tmp_path / "divide" / "folds.tsv").exists()
    assert run(tmp_path, cases, allow=["duplicates"])
    assert guards(tmp_path)["duplicates"] == "warn"


def test_a_turned_and_noisy_copy_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    noise = np.random.default_rng(0).normal(0, 3, (1, 1, 32, 32))
    copy = np.clip(np.rot90(picture(3), 1, (2, 3)) + noise, 0, 255).astype(np.uint8)
    cases = [*(case(n) for n in range(10)), case(30, copy, split="test", class_="b")]
    with caplog.at_level(logging.WARNING):
        run(tmp_path, cases, allow=["duplicates"])
    assert "0 the very same" not in caplog.text
    assert "1 nearly; 1 between train and test" in caplog.text
    assert "c03 (fold" in caplog.text
    assert "c30 (test)" in caplog.text


def test_copies_can_share_a_fold(tmp_path: Path) -> None:
    cases = [case(n) for n in range(12)] + [case(20 + n, picture(n), class_="ab"[n % 2]) for n in range(6)]
    folds = run(tmp_path, cases, join=True)
    assert all(folds[f"c{n:02d}"] == folds[f"c{20 + n}"] for n in range(6))
    assert guards(tmp_path)["duplicates"] == "ok"


def test_a_patient_in_train_and_test_stops(tmp_path: Path) -> None:
    cases = [case(n) for n in range(8)] + [case(9, group="p03g", split="test")]
    with pytest.raises(InputError, match=r"'p03g' has c03 in fold . and c09 in test.*allow: \[patients\]"):
        run(tmp_path, cases)
    run(tmp_path, cases, allow=["patients"])
    assert guards(tmp_path)["patients"] == "warn"


def test_a_class_that_follows_from_the_size_stops(tmp_path: Path) -> None:
    cases = [case(n, width_px=512 if n % 2 else 480) for n in range(24)]
    with pytest.raises(InputError, match=r"the width of an image alone tells the class"):
        run(tmp_path, cases)
    run(tmp_path, cases, allow=["shortcut"])


def test_a_class_among_several_that_follows_from_the_format_stops(tmp_path: Path) -> None:
    kinds = ("mass|nodule", "nodule", "mass", "")
    cases = [
        case(n, class_=kinds[n % 4], metadata="JPEG, 8 bit" if "mass" in kinds[n % 4] else "PNG, 8 bit")
        for n in range(40)
    ]
    with pytest.raises(InputError, match=r"the format and metadata of an image alone tells the class mass"):
        run(tmp_path, cases)


def test_images_without_patients_are_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cases = [case(n, group="") for n in range(8)]
    with caplog.at_level(logging.WARNING):
        run(tmp_path, cases)
    assert "guard group: nobody says which of the 8 images are of one patient" in caplog.text
    assert guards(tmp_path)["group"] == "warn"


def test_patches_of_volumes_need_no_such_column(tmp_path: Path) -> None:
    cases = [case(n, group="") for n in range(8)]
    for made in cases:
        made["patches"][0] |= {"x_mm": 1.0, "y_mm": 2.0, "z_mm": 3.0}
    run(tmp_path, cases)
    assert guards(tmp_path)["group"] == "ok"


def test_black_patches_are_no_copies(tmp_path: Path) -> None:
    black = np.zeros((1, 1, 32, 32), np.uint8)
    run(tmp_path, [case(n, black if n > 5 else None) for n in range(12)])
    assert guards(tmp_path)["duplicates"] == "ok"


def test_what_no_network_can_learn_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs training patches of two classes, got 4 patches of a"):
        run(tmp_path, [case(n, class_="a") for n in range(4)])
    colour = case(9, np.repeat(picture(9), 3, axis=1))
    with pytest.raises(
        InputError, match=r"as many channels, but c00 has 1 and c09 has 3; set slice\.colours"
    ):
        run(tmp_path, [*(case(n) for n in range(4)), colour])
    with pytest.raises(InputError, match="need at least 5 groups"):
        run(tmp_path, [case(n) for n in range(4)], folds=5)


def test_patches_without_a_class_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run(tmp_path, [case(n, class_="" if n == 3 else "ab"[n % 2]) for n in range(8)])
    assert "1 of 8 training patches have no class" in caplog.text
