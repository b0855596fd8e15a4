import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from scan_cases import grid, sheet, world_mm, write

from segmake.dataset.sheet import shard_of
from segmake.errors import CasesFailed, ConfigError, InputError
from segmake.jobs import ConvertJob, PhantomJob
from segmake.ledger import read_record
from segmake.stages import convert, phantom
from segmake.tables import hash_path, is_training, read_cases, read_table
from segmake.volume import channels

SHAPE = (9, 11, 7)
RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(-1000, 2000, SHAPE).astype(np.int16)
LABEL = RANDOM.choice(np.array([0, 1, 2, 4], np.uint8), SHAPE)
HASHES = ("voxels_sha256", "label_sha256")
LABELS = {"core": 1, "rim": 2, "spot": 4}


def a_job(folder: Path, rows=None, **changes) -> ConvertJob:
    """One case `a` with image and label, unless rows are given."""
    if rows is None:
        write(folder / "a.nii.gz", IMAGE, grid("LPS", (1, 2, 3)))
        write(folder / "a_seg.nii.gz", LABEL, grid("LPS", (1, 2, 3)))
        rows = [{"case": "a", "group": "p1", "site": "here", "split": "test", "ct": "a.nii.gz"}]
        rows[0] |= {"label": "a_seg.nii.gz", "class": "ill"}
    fields = {"cases": sheet(folder, rows), "channels": {"ct": "ct"}, "labels": LABELS}
    return ConvertJob(**(fields | {"output": folder / "convert" / "shard-00.tsv"} | changes))


def reasons(job: ConvertJob) -> dict[str, str]:
    convert.run(job.model_copy(update={"on_error": "exclude"}))
    return {row["case"]: row["reason"] for row in read_table(job.output)}


def test_the_passport_row(tmp_path):
    job = a_job(tmp_path)
    convert.run(job)
    (row,) = read_table(job.output)
    expected = {"case": "a", "path": "a.nii.gz", "status": "ok", "reason": "", "label": "a_label.nii.gz"}
    expected |= {
        "group": "p1",
        "site": "here",
        "split": "test",
        "class": "ill",
        "repairs": "",
        "warnings": "",
    }
    expected |= {"shape": "9x11x7", "spacing_mm": "1x2x3", "orientation": "LPS"}
    voxels = {name: np.count_nonzero(np.isin(LABEL, value)) for name, value in LABELS.items()}
    expected |= {f"ml_{name}": f"{count * 0.006:.6g}" for name, count in voxels.items()}
    assert {name: row[name] for name in expected} == expected
    assert row["sha256"] == hash_path(tmp_path / "convert" / "a.nii.gz")
    assert set(row) == {*expected, "key", "sha256", "seconds", *HASHES}
    record = read_record(tmp_path / "convert", "a")
    assert set(record["files"]) == {"a.nii.gz", "a_label.nii.gz", "a_thumbnail.jpg"}
    passport = record["details"]["passport"]
    assert [passport[name] for name in HASHES] == [row[name] for name in HASHES]
    assert passport["labels"]["1"]["voxels"] == voxels["core"]
    with Image.open(tmp_path / "convert" / "a_thumbnail.jpg") as picture:
        assert picture.format == "JPEG"


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PSR", "IAL"])
@pytest.mark.parametrize("degrees", [0, 20])
def test_voxels_keep_their_world_position(tmp_path, codes, degrees):
    affine = grid(codes, (1, 2, 3), degrees)
    write(tmp_path / "a.nii.gz", IMAGE, affine)
    write(tmp_path / "s.nii.gz", LABEL, affine)
    job = a_job(tmp_path, [{"case": "a", "ct": "a.nii.gz", "label": "s.nii.gz"}])
    convert.run(job)
    for name, source in (("a.nii.gz", IMAGE), ("a_label.nii.gz", LABEL)):
        made = nib.load(tmp_path / "convert" / name)
        assert nib.aff2axcodes(made.affine) == ("R", "A", "S")
        assert made.get_data_dtype() == np.int16
        picked = tuple(RANDOM.integers(0, SHAPE, (40, 3)).T)
        there = np.linalg.solve(made.affine, np.c_[world_mm(SHAPE, affine)[picked], np.ones(40)].T)[:3]
        assert np.abs(there - there.round()).max() < 1e-3
        assert np.array_equal(np.asarray(made.dataobj)[tuple(there.round().astype(int))], source[picked])
    record = read_record(tmp_path / "convert", "a")["details"]
    assert record["source_shape"] == list(SHAPE)
    assert np.allclose(record["source_affine"], affine, atol=1e-5)
    assert read_table(job.output)[0]["orientation"] == codes


def test_the_bytes_depend_on_the_content_alone(tmp_path):
    jobs = [a_job(tmp_path, output=tmp_path / name / "t.tsv") for name in ("one", "two")]
    for job in jobs:
        convert.run(job)
    first, second = ((tmp_path / name / "a.nii.gz").read_bytes() for name in ("one", "two"))
    assert first == second
    assert first[4:8] == bytes(4)  # no time in the gzip header


def test_reals_stay_reals_and_large_integers_stay_whole(tmp_path):
    write(tmp_path / "f.nii.gz", RANDOM.normal(size=SHAPE), grid())
    write(tmp_path / "i.nii.gz", IMAGE.astype(np.int32) * 100, grid())
    job = a_job(tmp_path, [{"case": name, "ct": f"{name}.nii.gz"} for name in "fi"])
    convert.run(job)
    types = [nib.load(tmp_path / "convert" / f"{name}.nii.gz").get_data_dtype() for name in "fi"]
    assert types == [np.float32, np.int32]
    assert [row["label"] for row in read_table(job.output)] == ["", ""]
    assert "ml_core" not in read_table(job.output)[0]


FOUR = {"t1": "mr", "t2": "mr", "flair": "mr", "t1ce": "mr"}


def test_four_channels_stack_in_the_configured_order(tmp_path):
    volumes = [(IMAGE % 7 + 10 * number).astype(np.int16) for number in range(4)]
    for number, name in enumerate(FOUR):
        write(tmp_path / f"{name}.nii.gz", volumes[number], grid("LPS"))
    stacked = np.stack(volumes, axis=-1)
    write(tmp_path / "all.nii.gz", stacked, grid("LPS"))
    rows = [{"case": "files", **{name: f"{name}.nii.gz" for name in reversed(FOUR)}}]
    rows += [{"case": "one", **dict.fromkeys(FOUR, "all.nii.gz")}]
    convert.run(a_job(tmp_path, rows, channels=FOUR))
    files, one = (nib.load(tmp_path / "convert" / f"{name}.nii.gz") for name in ("files", "one"))
    assert files.shape == one.shape == (*SHAPE, 4)
    assert (np.asarray(files.dataobj)[0, 0, 0] // 10).tolist() == [0, 1, 2, 3]
    assert np.array_equal(files.dataobj, one.dataobj)


def test_a_file_with_too_few_channels_is_named(tmp_path):
    write(tmp_path / "a.nii.gz", np.stack([IMAGE] * 3, axis=-1), grid())
    job = a_job(tmp_path, [{"case": "a", **dict.fromkeys(FOUR, "a.nii.gz")}], channels=FOUR)
    assert "holds 3 channels, expected 4 (t1, t2, flair, t1ce)" in reasons(job)["a"]


def test_grids_that_differ_are_named(tmp_path):
    write(tmp_path / "t1.nii.gz", IMAGE, grid("LPS"))
    write(tmp_path / "same.nii.gz", IMAGE, grid("LPS") + np.eye(4) * [[1], [1], [1], [0]] * 1e-5)
    shifted = grid("LPS")
    shifted[:3, 3] += 0.5
    write(tmp_path / "shift.nii.gz", IMAGE, shifted)
    write(tmp_path / "short.nii.gz", IMAGE[:-1], grid("LPS"))
    rows = [{"case": name, "t1": "t1.nii.gz", "t2": f"{name}.nii.gz"} for name in ("same", "shift", "short")]
    found = reasons(a_job(tmp_path, rows, channels={"t1": "mr", "t2": "mr"}))
    assert found["same"] == ""
    assert (
        "first channel's shape and spacing and lies elsewhere (0.866 mm apart); its header" in found["shift"]
    )
    assert found["short"] == ""
    never = reasons(a_job(tmp_path, rows, channels={"t1": "mr", "t2": "mr"}, regrid="never"))
    assert "short.nii.gz does not ((8, 11, 7) against (9, 11, 7))" in never["short"]


def test_a_label_on_another_grid_or_of_fractions_is_named(tmp_path):
    write(tmp_path / "a.nii.gz", IMAGE, grid())
    write(tmp_path / "short.nii.gz", LABEL[:-1], grid())
    write(tmp_path / "half.nii.gz", LABEL * 0.5, grid())
    write(tmp_path / "nearly.nii.gz", LABEL * np.float32(0.99999997), grid())
    names = ("short", "half", "nearly")
    rows = [{"case": name, "ct": "a.nii.gz", "label": f"{name}.nii.gz"} for name in names]
    found = reasons(a_job(tmp_path, rows))
    assert "short.nii.gz does not" in found["short"]
    assert "half.nii.gz has others; give the label map" in found["half"]
    assert found["nearly"] == ""
    assert np.array_equal(nib.load(tmp_path / "convert" / "nearly_label.nii.gz").dataobj, LABEL)


def test_unknown_label_values_are_named(tmp_path):
    found = reasons(a_job(tmp_path, labels={"core": 1}))
    assert "a_seg.nii.gz holds label values 2 (" in found["a"]
    assert "voxels) that data.labels {'core': 1} does not list; add them there" in found["a"]


def test_label_map_exchanges_values_all_at_once(tmp_path):
    convert.run(a_job(tmp_path, labels={"one": 1, "two": 2}, label_map={1: 2, 2: 1, 4: 0}))
    made = np.asarray(nib.load(tmp_path / "convert" / "a_label.nii.gz").dataobj)
    source = LABEL[::-1, ::-1]  # LPS to RAS
    assert np.array_equal(made, np.choose(source, [0, 2, 1, 0, 0]))


def test_repairs_and_warnings_stand_in_the_row(tmp_path):
    data = IMAGE.astype(np.float32) + 1024
    data[3, 3, 3] = np.nan
    write(tmp_path / "a.nii.gz", data, grid())
    job = a_job(tmp_path, [{"case": "a", "ct": "a.nii.gz"}])
    convert.run(job)
    (row,) = read_table(job.output)
    assert row["repairs"] == "1 voxels that were NaN or infinite filled with the least finite value"
    assert "1024 had been added" in row["warnings"]
    assert row["label_sha256"] == ""


def test_the_same_voxels_have_the_same_hash(tmp_path):
    write(tmp_path / "a.nii.gz", IMAGE, grid("RAS"))
    write(tmp_path / "b.nii", IMAGE[::-1, ::-1], grid("LPS"))
    write(tmp_path / "c.nii.gz", IMAGE + np.int16(1), grid("RAS"))
    job = a_job(tmp_path, [{"case": n, "ct": f"{n}.nii{'' if n == 'b' else '.gz'}"} for n in "abc"])
    convert.run(job)
    a, b, c = (row["voxels_sha256"] for row in read_table(job.output))
    assert (a == b, a == c) == (True, False)


def test_a_case_with_a_problem_is_left_out(tmp_path):
    rows = [{"case": name, "ct": "a.nii.gz", "problem": ""} for name in "ab"]
    rows[1] |= {"ct": "gone.nii.gz", "problem": "label b.nii.gz has no image; add it"}
    write(tmp_path / "a.nii.gz", IMAGE, grid())
    job = a_job(tmp_path, rows)
    convert.run(job)
    assert [(row["status"], row["reason"]) for row in read_table(job.output)] == [
        ("ok", ""),
        ("excluded", "label b.nii.gz has no image; add it"),
    ]
    assert [row["case"] for row in read_cases([job.output])] == ["a"]


@pytest.fixture
def tagged(monkeypatch):
    """A reader that finds DICOM attributes in every file."""
    real = channels.read_scan
    tags = {"Modality": "CT", "StudyDate": "20200229", "StudyTime": "101112", "KVP": "120"}
    monkeypatch.setattr(channels, "read_scan", lambda *words: replace(real(*words), tags=tags))


@pytest.mark.parametrize("dates", ["drop", "shift"])
def test_attributes_go_into_a_file_beside_the_scan(tmp_path, tagged, dates):
    write(tmp_path / "a.nii.gz", IMAGE, grid())
    key = {"dates": dates, "pseudonymise": tmp_path / "key"} if dates == "shift" else {}
    job = a_job(tmp_path, [{"case": "a", "ct": "a.nii.gz"}], **key)
    convert.run(job)
    (row,) = read_table(job.output)
    content = json.loads((tmp_path / "convert" / f"{row['case']}_dicom.json").read_text())
    assert {name: content.pop(name) for name in ("KVP", "Modality")} == {"KVP": "120", "Modality": "CT"}
    assert set(content) == (set() if dates == "drop" else {"StudyDate", "StudyTime"})
    assert content.get("StudyDate") != "20200229"
    assert f"{row['case']}_dicom.json" in read_record(tmp_path / "convert", row["case"])["files"]


def test_no_attributes_make_no_file(tmp_path):
    convert.run(a_job(tmp_path))
    assert not list((tmp_path / "convert").glob("*_dicom.json"))


@pytest.mark.parametrize("change", [{"regrid": "always"}, {"register": "rigid"}, {"tolerance_mm": 0.1}])
def test_what_decides_the_grid_decides_the_key(tmp_path, change):
    keys = []
    for settings in ({}, {"threads": 2}, change):
        job = a_job(tmp_path, **settings)
        convert.run(job)
        keys.append(read_table(job.output)[0]["key"])
    assert (keys[0] == keys[1], keys[0] == keys[2]) == (True, False)


@pytest.mark.data
def test_a_folder_as_people_hand_it_over(tmp_path, shared_data, caplog):
    """118: no label; 010: no image, a copy of 011's label; 281: a label map of CT size without an image."""
    good, doctored = shared_data / "hippocampus", shared_data / "hippocampus_doctored"
    names = [path.name for path in sorted((good / "imagesTr").glob("*.nii.gz"))]
    names = [name for name in names if not (doctored / "labels" / name).exists()][:19]
    for there, here in (("imagesTr", "images"), ("labelsTr", "labels")):
        (tmp_path / here).mkdir()
        sources = [good / there / name for name in names] + sorted((doctored / here).glob("*.nii.gz"))
        for source in sources:
            (tmp_path / here / source.name).symlink_to(source)
    fields = {"channels": {"image": "mr"}, "labels": {"anterior": 1, "posterior": 2}, "on_error": "exclude"}
    job = ConvertJob(layout="pairs", root=tmp_path, output=tmp_path / "convert" / "shard-00.tsv", **fields)
    convert.run(job)
    rows = {row["case"]: row for row in read_table(job.output)}
    kept = [row for row in rows.values() if is_training(row) and row["status"] == "ok"]
    assert len(kept) == 20
    assert rows["hippocampus_011"] in kept
    lost = {name: row["reason"] for name, row in rows.items() if row["status"] == "excluded"}
    assert set(lost) == {"hippocampus_010", "hippocampus_281"}
    assert "label hippocampus_010.nii.gz has no image" in lost["hippocampus_010"]
    assert "copy of another case's label, hippocampus_011.nii.gz" in lost["hippocampus_010"]
    assert "label hippocampus_281.nii.gz has no image" in lost["hippocampus_281"]
    assert (rows["hippocampus_118"]["split"], rows["hippocampus_118"]["label"]) == ("new", "")
    assert rows["hippocampus_118"]["warnings"].endswith(
        "it has no label map, so it is predicted and not learnt from"
    )
    assert any("no label" in line and "hippocampus_118" in line for line in caplog.messages)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_broken_case_stops_or_is_excluded_and_others_are_kept(tmp_path, threads):
    for name in "ac":
        write(tmp_path / f"{name}.nii.gz", IMAGE, grid())
    (tmp_path / "b.nii.gz").write_bytes(b"no image")
    rows = [{"case": name, "ct": f"{name}.nii.gz"} for name in "abcd"]
    job = a_job(tmp_path, rows, threads=threads)
    with pytest.raises(
        CasesFailed, match=r"convert: 2 of 4 cases failed \(b: .*d: .*d.nii.gz does not exist"
    ):
        convert.run(job)
    assert [row["case"] for row in read_cases([job.output])] == ["a", "c"]
    found = reasons(job)
    assert "b.nii.gz is not a readable NIfTI file" in found["b"]
    assert [name for name, reason in found.items() if reason] == ["b", "d"]


def test_only_what_changed_is_done_again(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.nii.gz", IMAGE, grid())
    rows = [{"case": name, "ct": f"{name}.nii.gz", "group": "p"} for name in "ab"]
    job = a_job(tmp_path, rows)

    def stamps() -> list[int]:
        convert.run(job)
        return [(tmp_path / "convert" / f"{name}.json").stat().st_mtime_ns for name in "ab"]

    first = stamps()
    assert stamps() == first
    write(tmp_path / "b.nii.gz", IMAGE + np.int16(1), grid())
    second = stamps()
    assert (second[0], second[1] > first[1]) == (first[0], True)
    rows[0]["group"] = "other"
    sheet(tmp_path, rows)
    third = stamps()
    assert (third[0] > second[0], third[1]) == (True, second[1])
    assert [row["group"] for row in read_table(job.output)] == ["other", "p"]


def test_a_label_that_is_taken_away_leaves_no_file(tmp_path):
    job = a_job(tmp_path)
    convert.run(job)
    sheet(tmp_path, [{"case": "a", "ct": "a.nii.gz"}])
    convert.run(job)
    assert not (tmp_path / "convert" / "a_label.nii.gz").exists()
    assert read_table(job.output)[0]["label"] == ""


def test_the_first_shard_tells_what_the_folder_lacks(tmp_path, caplog):
    (tmp_path / "images").mkdir()
    write(tmp_path / "images" / "a.nii.gz", IMAGE, grid())
    fields = {"layout": "pairs", "root": tmp_path, "channels": {"ct": "ct"}, "labels": {"liver": 1}}
    for shard in (0, 1):
        caplog.clear()
        output = tmp_path / "convert" / f"shard-0{shard}.tsv"
        convert.run(ConvertJob(**fields, output=output, shard=shard, shards=2))
        assert ("1 cases have no label and are taken as new" in caplog.text) == (shard == 0)


def test_shards_divide_the_cases(tmp_path):
    write(tmp_path / "x.nii.gz", IMAGE, grid())
    names = [f"case{number}" for number in range(5)]
    found = []
    for shard in (0, 1):
        output = tmp_path / "convert" / f"shard-0{shard}.tsv"
        job = a_job(
            tmp_path, [{"case": n, "ct": "x.nii.gz"} for n in names], shard=shard, shards=2, output=output
        )
        convert.run(job)
        found.append([row["case"] for row in read_table(output)])
    assert found == [[name for name in names if shard_of(name, 2) == shard] for shard in (0, 1)]
    assert sorted(found[0] + found[1]) == names


def test_the_sheet_of_phantoms(tmp_path):
    made = PhantomJob(count=2, size=24, test=1, output=tmp_path / "phantom" / "shard-00.tsv")
    phantom.run(made)
    channels = {"t1": "mr", "t1ce": "mr", "t2": "mr", "flair": "mr"}
    labels = {"necrosis": 1, "edema": 2, "enhancing": 4}
    output = tmp_path / "convert" / "shard-00.tsv"
    convert.run(ConvertJob(cases=made.output, channels=channels, labels=labels, output=output))
    rows = read_table(output)
    assert [(row["case"], row["split"]) for row in rows] == [("brats-000", "test"), ("brats-001", "train")]
    assert all(sum(float(row[f"ml_{name}"]) for name in labels) > 0 for row in rows)
    fingerprint = read_record(tmp_path / "convert", "brats-001")["details"]["fingerprint"]
    assert list(fingerprint["channels"]) == list(channels)
    truth = nib.load(tmp_path / "phantom" / "brats-001_seg.nii.gz")
    assert fingerprint["labels"]["2"] == np.count_nonzero(np.asarray(truth.dataobj) == 2)


@pytest.mark.parametrize(
    "names",
    [("a", "a_label"), ("b", "a", "b_foreground"), ("a", "a_thumbnail"), ("a_dicom", "a"), ("a", "shard-00")],
)
def test_names_whose_files_would_collide_are_refused(tmp_path, names):
    rows = [{"case": name, "ct": "x.nii.gz"} for name in names]
    with pytest.raises(InputError, match="rename"):
        convert.run(a_job(tmp_path, rows))


def test_settings_that_say_too_little_are_explained(tmp_path):
    with pytest.raises(ConfigError, match="data names no cases"):
        convert.run(ConvertJob(output=tmp_path / "t.tsv"))
    with pytest.raises(ConfigError, match=r"data\.labels is empty"):
        convert.run(a_job(tmp_path, labels={}))
