"""A results folder with volumes and its report, and a browser that all tests share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import chromium
import nibabel as nib
import numpy as np
import pytest

from segmake.figures.catalogue import Entry, write_catalogue
from segmake.plan import Normalisation, Plan
from segmake.presenting import ReportJob
from segmake.serving import FolderServer
from segmake.stages import report
from segmake.tables import write_table

CASES = {"good <b>one": 0.9, "poor": 0.2, "middling": 0.5, "tenth": 0.1}
"""Case and mean Dice."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here drive a browser; where none is installed they are skipped."""
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)
            if not chromium.find():
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed"))


def plan() -> Plan:
    return Plan(
        channels={"t1": "mr", "flair": "mr"},
        labels={"core": 1, "edge": 2},
        spacing_mm=(1, 1, 1),
        patch=(16, 16, 16),
        batch=2,
        features=[4, 8],
        kernels=[(3, 3, 3)] * 2,
        strides=[(1, 1, 1), (2, 2, 2)],
        normalisation={name: Normalisation(scheme="zscore") for name in ("t1", "flair")},
        crop="none",
        median_shape=(40, 48, 32),
        folds=dict.fromkeys(CASES, 0),
    )


def write_volumes(root: Path, case: str) -> None:
    """Two channels of a ball with a lesion; the prediction is moved and lies on a flipped grid."""
    x, y, z = np.mgrid[:40, :48, :32]
    ball = (((x - 20) / 18) ** 2 + ((y - 24) / 22) ** 2 + ((z - 16) / 14) ** 2) < 1
    truth = np.zeros(ball.shape, np.int16)
    truth[24:32, 20:30, 12:20] = 2
    truth[26:30, 22:28, 14:18] = 1
    prediction = np.roll(truth, -4, axis=0).astype(np.uint8)
    image = np.stack([ball * (50.0 + z), ball * (100.0 - z)], axis=-1).astype(np.float32)
    affine, flipped = np.diag([2.0, 2.0, 3.0, 1.0]), np.diag([-2.0, -2.0, 3.0, 1.0])
    flipped[:2, 3] = 78, 94
    for path, data, grid in (
        (root / f"convert/{case}.nii.gz", image, affine),
        (root / f"convert/{case}_label.nii.gz", truth, affine),
        (root / f"predict/unet/{case}.nii.gz", prediction[::-1, ::-1], flipped),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(data, grid), path)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with its report."""
    root = tmp_path_factory.mktemp("results")
    files = {name: f"case{i}" for i, name in enumerate(CASES)}
    for file in files.values():
        write_volumes(root, file)
    base = {"status": "ok", "reason": "", "split": "train", "fold": "0"}
    rows = [base | {"case": name, "path": f"{file}.nii.gz"} for name, file in files.items()]
    labelled = [row | {"label": row["path"].replace(".nii", "_label.nii"), "group": "p"} for row in rows]
    write_table(root / "convert/shard-00.tsv", labelled)
    write_table(root / "predict/unet/shard-00.tsv", rows)
    key = {"split": "train", "fold": "0", "label": "core", "metric": "dice", "unit": "ratio", "status": "ok"}
    write_table(
        root / "evaluate/unet/metrics.tsv",
        [key | {"case": name, "value": value} for name, value in CASES.items()],
    )
    plan().save(root / "plan.json")
    (root / "figures").mkdir()
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 20"><text y="15">drawn</text></svg>'
    entries = []
    for kind, case in (("dice", ""), ("training", ""), ("example", "tenth")):
        files = {f"{kind}_unet.{form}": "0" * 64 for form in ("svg", "pdf", "png")}
        for name in files:
            (root / "figures" / name).write_text(svg if name.endswith("svg") else "")
        told = {"caption": "All cases.", "alt": f"A plot of {kind}", "model": "unet", "case": case}
        entries.append(Entry(f"{kind}_unet", kind, title=kind.title(), files=files, **told))
    write_catalogue(root / "figures/figures.tsv", entries)
    report.run(
        ReportJob(
            title="Trial <i>one</i>",
            plan=root / "plan.json",
            cases=[root / "convert/shard-00.tsv"],
            predictions=[root / "predict/unet/shard-00.tsv"],
            metrics=[root / "evaluate/unet/metrics.tsv"],
            figures=root / "figures/figures.tsv",
            output=root / "report/index.html",
        )
    )
    return root


@pytest.fixture(scope="session")
def server(results: Path) -> Iterator[FolderServer]:
    """What `segmake view` starts."""
    with FolderServer(results) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    running = chromium.Chromium(tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


@pytest.fixture
def browser(shared: chromium.Chromium) -> chromium.Chromium:
    """The browser in the size of a laptop's window."""
    shared.resize(1100, 800)
    return shared
