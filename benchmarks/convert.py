"""Time DICOM to .nii.gz, reading .nii.gz and compressing, against the programs that people use for it.

    python benchmarks/convert.py [--folder DICOMDIR] [--repeats 7]

Every run is a process of its own; the tools take turns, and medians are told. Memory is the largest resident
set of that process. A tool that is not installed is left out and named. Writes
benchmarks/results/convert.{tsv,md}.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from segmake.provenance import processor_name
from segmake.tables import write_table, write_text
from segmake.volume.geometry import grid_distance_mm, to_canonical
from segmake.volume.nifti import read_nifti, write_nifti
from segmake.volume.read import read_scan
from segmake.volume.volume import Volume

HERE = Path(__file__).resolve().parents[1]
RESULTS = HERE / "benchmarks" / "results"
SLICES = 200
# A tool's imports, and the work that is timed within its process; ARGS are a source and a target.
CHILD = """
import json, sys, time
ARGS = sys.argv[1:]
{imports}
started = time.perf_counter()
{work}
print(json.dumps({{"inside_s": time.perf_counter() - started}}))
"""
LAUNCHER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True, check=True)
wall = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps({"wall_s": wall, "peak_MB": peak, "said": done.stdout}))
"""
SEGMAKE = """
from pathlib import Path
from segmake.volume.nifti import read_nifti, write_nifti
from segmake.volume.read import read_scan
"""
CONVERTERS = {
    "segmake": (SEGMAKE, "write_nifti(Path(ARGS[1]), read_scan(Path(ARGS[0])).volume)"),
    "dicom2nifti": (
        "import dicom2nifti",
        "dicom2nifti.dicom_series_to_nifti(ARGS[0], ARGS[1], reorient_nifti=False)",
    ),
}
READERS = {
    "segmake": (SEGMAKE, "read_nifti(Path(ARGS[0])).volume.data"),
    "MONAI": ("from monai.transforms import LoadImage", "LoadImage(image_only=True)(ARGS[0])"),
    "nibabel": ("import nibabel, numpy", "numpy.asanyarray(nibabel.load(ARGS[0]).dataobj)"),
    "SimpleITK": ("import SimpleITK as sitk", "sitk.GetArrayFromImage(sitk.ReadImage(ARGS[0]))"),
}
COMPRESSORS = {
    "zlib": ("import zlib", (1, 6)),
    "zlib_ng": ("from zlib_ng import zlib_ng as zlib", (1, 2, 6)),
    "isal": ("from isal import isal_zlib as zlib", (1, 2, 3)),
}
COMPRESS = """
content = open(ARGS[0], "rb").read()
squeeze = zlib.compressobj({level}, 8, 31)
with open(ARGS[1], "wb") as stream:
    for at in range(0, len(content), 1 << 22):
        stream.write(squeeze.compress(content[at : at + (1 << 22)]))
    stream.write(squeeze.flush())
"""
Command = Callable[[Path], list[str]]


def measured(command: list[str]) -> dict[str, float]:
    """Run a command to its end: wall seconds, largest memory, and what it says of its own time.

    A small process starts it: Linux counts the memory of who starts a process as the process's own.
    """
    done = subprocess.run([sys.executable, "-S", "-c", LAUNCHER, *command], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stderr.decode()[-2000:]}")
    found = json.loads(done.stdout)
    last = (found["said"].strip().splitlines() or [""])[-1]
    inside = json.loads(last)["inside_s"] if last.startswith("{") else found["wall_s"]
    return {"wall_s": found["wall_s"], "inside_s": inside, "peak_MB": found["peak_MB"]}


def child(tool: tuple[str, str], source: Path) -> Command:
    """A Python process that does the work of a tool on a source."""
    code = CHILD.format(imports=tool[0], work=tool[1])
    return lambda target: [sys.executable, "-c", code, str(source), str(target / "out.nii.gz")]


def dcm2niix(folder: Path, squeeze: str, level: int) -> Command:
    """The converter with its own gzip (i) or with pigz (y) at this level, without a sidecar."""
    flags = ["-z", squeeze, f"-{level}", "-b", "n", "-f", "out"]
    return lambda target: ["dcm2niix", *flags, "-o", str(target), str(folder)]


def compare(task: str, commands: dict[str, Command], repeats: int, base: Path) -> list[dict[str, Any]]:
    """Rows of medians; one untimed round first, so that every file is in the cache."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    rows = []
    for repeat in range(repeats + 1):
        for name, command in commands.items():
            target = base / task.split()[0] / name.replace(" ", "_")
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            entry = measured(command(target))
            if repeat:
                found[name].append(entry)
            print(f"{task}, {name}: {entry['wall_s']:.2f} s", flush=True)
    for name, entries in found.items():
        written = list((base / task.split()[0] / name.replace(" ", "_")).glob("out*.nii.gz"))
        row = {key: statistics.median(entry[key] for entry in entries) for key in entries[0]}
        size = written[0].stat().st_size / 1e6 if written else 0
        rows.append({"task": task, "tool": name, **row, "file_MB": size})
    ours = next(row for row in rows if row["tool"].startswith(("segmake", "isal level 2")))
    for row in rows:
        row["wall_ratio"] = row["wall_s"] / ours["wall_s"]
        row["inside_ratio"] = row["inside_s"] / ours["inside_s"]
    return rows


def converters(folder: Path) -> dict[str, Command]:
    """What turns a DICOM folder into .nii.gz, as far as installed."""
    found = {
        name: child(tool, folder)
        for name, tool in CONVERTERS.items()
        if name == "segmake" or find_spec(name) is not None
    }
    if shutil.which("dcm2niix"):
        found |= {f"dcm2niix -z i -{level}": dcm2niix(folder, "i", level) for level in (1, 6)}
        if shutil.which("pigz"):
            found["dcm2niix -z y -6"] = dcm2niix(folder, "y", 6)
    return found


def same_voxels(folder: Path, base: Path) -> dict[str, str]:
    """How each converter's file differs from what segmake reads, voxel for voxel on the canonical grid."""
    truth = to_canonical(read_scan(folder).volume)
    said = {}
    for target in sorted((base / "DICOM").iterdir()):
        volume = to_canonical(read_nifti(next(target.glob("out*.nii.gz"))).volume)
        apart = grid_distance_mm(volume, truth)
        count = int((volume.data != truth.data).sum()) if np.isfinite(apart) else truth.data.size
        said[target.name.replace("_", " ")] = f"{count} voxels differ, corners {apart:.2g} mm apart"
    return said


def large_file(folder: Path, base: Path) -> tuple[Path, dict[str, Path]]:
    """The scan repeated to 200 slices, as .nii.gz of zlib's level 6; and plain, with a mask, to compress."""
    volume = read_scan(folder).volume
    planes = np.arange(SLICES) % volume.data.shape[-1]
    data = np.asfortranarray(volume.data[0][..., planes])[np.newaxis]
    plain = {"CT": base / "ct.nii", "mask": base / "mask.nii"}
    write_nifti(plain["CT"], Volume(data, volume.affine))
    write_nifti(plain["mask"], Volume((data > 300).astype(np.uint8), volume.affine))
    path = base / "squeezed" / "ct.nii.gz"  # alone: ITK takes a ct.nii that lies beside it instead
    path.parent.mkdir()
    path.write_bytes(gzip.compress(plain["CT"].read_bytes(), 6, mtime=0))
    assert np.array_equal(np.asanyarray(nib.load(path).dataobj), read_nifti(path).volume.data[0])
    return path, plain


def compressors(plain: Path) -> dict[str, Command]:
    """Gzip libraries and levels, as far as installed; ours first."""
    names = [name for name in COMPRESSORS if find_spec(name) is not None]
    return {
        f"{name} level {level}": child((COMPRESSORS[name][0], COMPRESS.format(level=level)), plain)
        for name in names
        for level in COMPRESSORS[name][1]
    }


def facts(repeats: int) -> dict[str, str]:
    """Where and with what it was measured, and what was missing."""
    versions = {}
    for name in ("segmake", "isal", "zlib-ng", "nibabel", "SimpleITK", "monai", "dicom2nifti", "pydicom"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed, left out"
    for name, flag in (("dcm2niix", "--version"), ("pigz", "--version")):
        where = shutil.which(name)
        text = subprocess.run([name, flag], capture_output=True, text=True, check=False) if where else None
        number = re.search(r"v?\d+(\.\d+)+", text.stdout + text.stderr) if text else None
        versions[name] = number.group() if number else "not installed, left out"
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": f"{processor_name()}, {os.cpu_count()} cores",
        "load before the start": f"{os.getloadavg()[0]:.1f}",
        "repeats": f"{repeats}, after one that is not counted",
        "Python": sys.version.split()[0],
        **versions,
    }


def page(tables: dict[str, list[dict[str, Any]]], voxels: dict[str, str], where: dict[str, str]) -> str:
    """The Markdown page."""
    lines = ["# Converting and reading scans", ""]
    for title, rows in tables.items():
        lines += [f"## {title}", "", "| tool | wall s | x | without start-up s | x | peak MB | written MB |"]
        lines += ["|---|---|---|---|---|---|---|"]
        lines += [
            f"| {row['tool']} | {row['wall_s']:.2f} | {row['wall_ratio']:.2f} | {row['inside_s']:.2f} "
            f"| {row['inside_ratio']:.2f} | {row['peak_MB']:.0f} | {row['file_MB']:.1f} |"
            for row in rows
        ]
        lines += [""]
    bullets = [f"- {name}: {text}" for name, text in voxels.items()]
    lines += [
        "x: times what segmake takes (or what it compresses with, ISA-L at level 2). `-z i` is the gzip"
    ]
    lines += [
        "inside dcm2niix, `-z y` hands over to pigz, which uses all cores. dcm2niix is one program, its"
    ]
    lines += ["wall time stands in both columns.", ""]
    lines += ["## The same voxels?", "", *bullets, "", "## Where", ""]
    lines += [f"- {name}: {text}" for name, text in where.items()]
    return "\n".join([*lines, "", "Written by `benchmarks/convert.py`.", ""])


def main() -> None:
    """Measure, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--folder", type=Path, help="a folder with one DICOM series")
    parser.add_argument("--repeats", type=int, default=7, help="timed runs of each tool")
    job = parser.parse_args()
    root = HERE.parent / "shared" / "data" / "chest_ct_dicom"
    folder = job.folder or next(path for path in sorted(root.iterdir()) if path.is_dir())
    where = facts(job.repeats)
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        tables = {"DICOM series to .nii.gz": compare("DICOM", converters(folder), job.repeats, base)}
        voxels = same_voxels(folder, base)
        path, plain = large_file(folder, base)
        readers = {
            name: child(tool, path)
            for name, tool in READERS.items()
            if find_spec(name.lower()) or find_spec(name)
        }
        title = f"Reading a .nii.gz of 512 x 512 x {SLICES}"
        tables[title] = compare("read", readers, job.repeats, base)
        for what, file in plain.items():
            few = max(1, job.repeats // 2)
            tables[f"Compressing the {what}"] = compare(f"gzip {what}", compressors(file), few, base)
    rows = [
        {key: f"{v:.3f}" if isinstance(v, float) else v for key, v in row.items()}
        for t in tables.values()
        for row in t
    ]
    write_table(RESULTS / "convert.tsv", rows)
    text = page(tables, voxels, where)
    write_text(RESULTS / "convert.md", text)
    print(text)


if __name__ == "__main__":
    main()
