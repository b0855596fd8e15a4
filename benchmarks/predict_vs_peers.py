"""Prediction from disk to label map on disk: segmake against nnU-Net's predictor and MONAI's inferer.

    python benchmarks/predict_vs_peers.py --nnunet-env ENV [--repeats 3] [--peers monai nnunet] [--quick]
                                          [--trained MODEL]

ENV is a virtual environment with nnunetv2 2.8. All run the same weights (a DynUNet trained here on the
case, see predict_model.py; nnU-Net gets it as TorchScript), patch, 0.5 overlap, Gaussian weights and
threads, without mirroring, on the chest CT and a BraTS case as canonical NIfTI; each run is a process of
its own, the tools take turns. Each as it comes: segmake with its defaults (and once without OpenVINO), nnU-
Net by predict_from_files with one process before and one behind, MONAI as its bundles do (Spacing,
sliding_window_inference, Invert, arg-max). Labels are compared with segmake's in float32 by torch. Then 100
hippocampus cases in one call of segmake: what a case costs beyond its network. Writes
results/predict_vs_peers.{tsv,md} beside this file.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

import nnunet
import predict_model
from nnunet import bullets
from peak import Measured, run_measured
from segmake.inference.backends import Finest
from segmake.learning.checkpoint import load_model, save_model
from segmake.tables import Row, read_table, write_table, write_text
from segmake.volume.nifti import read_nifti

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
SEGMAKE = [sys.executable, "-m", "segmake.cli"]
FP32 = ("--backend", "torch", "--precision", "fp32", "--no-skip_empty")
OVERLAP = 0.5
TOOLS = {
    "segmake": "segmake",
    "torch": "segmake, backend torch",
    "monai": "MONAI",
    "nnunet": "nnU-Net",
}


@dataclass(frozen=True)
class Bench:
    """What is compared, and where the work lies."""

    env: Path | None
    work: Path
    threads: int


@dataclass(frozen=True)
class Case:
    """Files of a case, its model, and its labels by segmake in float32."""

    example: predict_model.Example
    model: Path
    script: Path
    reference: Path


class Turned(torch.nn.Module):
    """A network of x, y, z for images whose axes are z, y, x."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [B, H, Z, Y, X]."""
        return self.network(images.permute(0, 1, 4, 3, 2)).permute(0, 1, 4, 3, 2)


def ready(bench: Bench, example: predict_model.Example, steps: int) -> Case:
    """Train, trace, and predict the reference."""
    model = bench.work / f"{example.name}.pt"
    predict_model.train(example, steps, model)
    network = Turned(Finest(load_model(model, torch.device("cpu")).network)).eval()
    script = bench.work / f"{example.name}.torchscript"
    with torch.inference_mode():
        zeros = torch.zeros(1, len(example.images), *example.plan.patch[::-1])
        torch.jit.trace(network, zeros).save(script)
    case = Case(example, model, script, bench.work / f"{example.name}_fp32.nii.gz")
    segmake(bench, case, case.reference, *FP32)
    return case


def segmake(bench: Bench, case: Case, output: Path, *words: str) -> Measured:
    """One call of `segmake predict`."""
    files = ["--model", str(case.model), "--image", *map(str, case.example.images), "--output", str(output)]
    return run_measured([*SEGMAKE, "predict", *files, "--threads", str(bench.threads), *words])


def monai(bench: Bench, case: Case, output: Path) -> Measured:
    """MONAI in a process of its own."""
    orders = {"images": list(map(str, case.example.images)), "output": str(output), "model": str(case.model)}
    orders |= {"threads": bench.threads, "overlap": OVERLAP}
    return run_measured([sys.executable, str(HERE / "predict_monai.py"), json.dumps(orders)], _threads(bench))


def nnu(bench: Bench, case: Case, output: Path) -> Measured:
    """nnU-Net in its environment."""
    plan = case.example.plan
    schemes = [plan.normalisation[name] for name in plan.channels]
    facts = [
        {"mean": s.mean, "std": s.std, "percentile_00_5": s.lower, "percentile_99_5": s.upper}
        for s in schemes
    ]
    orders = {
        "images": [list(map(str, case.example.images))],
        "output": str(output),
        "network": str(case.script),
        "patch": plan.patch,
        "spacing_mm": plan.spacing_mm,
        "schemes": ["CTNormalization" if s.scheme == "ct" else "ZScoreNormalization" for s in schemes],
        "intensities": {str(place): fact for place, fact in enumerate(facts)},
        "channels": {str(place): name for place, name in enumerate(plan.channels)},
        "labels": {"background": 0, **plan.labels},
        "threads": bench.threads,
        "overlap": OVERLAP,
    }
    command = [str(bench.env / "bin" / "python"), str(HERE / "predict_nnunet.py"), json.dumps(orders)]
    return run_measured(command, _threads(bench) | nnunet.folders(bench.work / "nnunet"))


def _threads(bench: Bench) -> dict[str, str]:
    return {"OMP_NUM_THREADS": str(bench.threads), "MKL_NUM_THREADS": str(bench.threads)}


def agreement(case: Case, output: Path) -> float:
    """Share of voxels with the label of the reference."""
    found, expected = (read_nifti(path).volume.data for path in (output, case.reference))
    return float((found == expected).mean())


def compare(bench: Bench, cases: list[Case], tools: list[str], repeat: int) -> list[Row]:
    """Every tool on every case, in turn, once."""
    runs = {
        "segmake": segmake,
        "torch": lambda bench, case, output: segmake(bench, case, output, "--backend", "torch"),
        "monai": monai,
        "nnunet": nnu,
    }
    rows = []
    for case in cases:
        for tool in tools:
            output = bench.work / f"{case.example.name}_{tool}.nii.gz"
            done = runs[tool](bench, case, output)
            row = {"case": case.example.name, "tool": TOOLS[tool], "repeat": str(repeat)}
            row |= {"wall_s": f"{done.wall_s:.1f}", "cpu_s": f"{done.cpu_s:.1f}"}
            row |= {"peak_mb": f"{done.peak_mb:.0f}", "agreement": f"{agreement(case, output):.6f}"}
            rows.append(row)
            print(row, flush=True)
    return rows


def hippocampus(bench: Bench, data: Path, count: int, trained: Path | None) -> dict[str, str]:
    """Many small cases in one call, and how many labels are those of float32."""
    model = trained or bench.work / "hippocampus.pt"
    if trained is None:
        save_model(model, predict_model.untrained((40, 56, 40), [16, 32, 64, 128]))
    plan = load_model(model, torch.device("cpu")).plan
    (channel,) = plan.channels
    header = json.loads((data / "hippocampus" / "dataset.json").read_text())
    lines = [f"case\tsplit\t{channel}"]
    for entry in header["training"][:count]:
        path = data / "hippocampus" / entry["image"]
        lines.append(f"{path.name.removesuffix('.nii.gz')}\tnew\t{path.resolve()}")
    sheet, converted = bench.work / "cases.tsv", bench.work / "convert" / "shard-00.tsv"
    write_text(sheet, "\n".join(lines) + "\n")
    words = ["--channels", json.dumps(plan.channels), "--labels", json.dumps(plan.labels)]
    convert = ["convert", "--cases", str(sheet), *words, "--output", str(converted)]
    subprocess.run([*SEGMAKE, *convert], check=True, capture_output=True)
    files = ["predict", "--table", str(converted), "--model", str(model), "--threads", str(bench.threads)]
    found, expected = (bench.work / name / "shard-00.tsv" for name in ("predict", "predict_fp32"))
    told = subprocess.run(
        [*SEGMAKE, *files, "--output", str(found)], check=True, capture_output=True, text=True
    )
    subprocess.run([*SEGMAKE, *files, "--output", str(expected), *FP32], check=True, capture_output=True)
    spent = re.search(r"(\d+) cases in ([\d.]+) s, of which networks ([\d.]+) s", told.stderr)
    if spent is None or any(row["status"] != "ok" for row in read_table(found)):
        raise RuntimeError(told.stderr[-2000:])
    cases, wall, networks = int(spent[1]), float(spent[2]), float(spent[3])
    maps = [
        [read_nifti(table.parent / row["path"]).volume.data for row in read_table(table)]
        for table in (found, expected)
    ]
    equal = sum(int((one == other).sum()) for one, other in zip(*maps, strict=True))
    return {
        "cases": str(cases),
        "seconds after the models were loaded": f"{wall:.1f}",
        "seconds in networks": f"{networks:.1f}",
        "seconds beyond the network, per case": f"{(wall - networks) / cases:.3f}",
        "network": "trained (--trained)" if trained else "random weights",
        "labels as in float32 by torch": f"{equal / sum(one.size for one in maps[0]):.4%} of all voxels",
    }


def page(rows: list[Row], small: dict[str, str], facts: dict[str, str]) -> str:
    """The Markdown page."""
    lines = ["| case | tool | wall s | CPU s | peak MB | labels as in float32 | wall, times segmake |"]
    lines += ["|---" * 7 + "|"]
    for case in dict.fromkeys(row["case"] for row in rows):
        tools = dict.fromkeys(row["tool"] for row in rows if row["case"] == case)
        walls = {tool: _median(rows, case, tool, "wall_s") for tool in tools}
        for tool in tools:
            cells = [f"{_median(rows, case, tool, name):.0f}" for name in ("wall_s", "cpu_s", "peak_mb")]
            same = _median(rows, case, tool, "agreement")
            times = walls[tool] / walls[next(iter(tools))]
            lines.append(f"| {case} | {tool} | {' | '.join(cells)} | {same:.4%} | {times:.2f} |")
    return "\n".join(
        [
            *("# Prediction: segmake against its peers", ""),
            "From NIfTI on disk to a label map on disk, whole processes, medians over repeats. Memory is the",
            "peak over all processes of a tool, shared pages counted once. The same weights, patch, overlap;",
            "MONAI interpolates images linearly (the others by cubic splines), so its labels differ by that.",
            *("", *lines, "", "## Many small cases in one call", "", bullets(small)),
            *("", "## Where", "", bullets(facts), ""),
        ]
    )


def _median(rows: list[Row], case: str, tool: str, name: str) -> float:
    return statistics.median(float(r[name]) for r in rows if (r["case"], r["tool"]) == (case, tool))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--nnunet-env", type=Path, help="virtual environment with nnunetv2")
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared/data", help="real data sets")
    parser.add_argument("--peers", nargs="*", default=["monai", "nnunet"], choices=["monai", "nnunet"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=100, help="training steps of the networks")
    parser.add_argument("--cases", nargs="*", default=["chest", "brats"], choices=["chest", "brats"])
    parser.add_argument("--quick", action="store_true", help="a small network on coarse grids, once")
    parser.add_argument("--trained", type=Path, help="a model of train_vs_nnunet.py for the small cases")
    job = parser.parse_args()
    if "nnunet" in job.peers and job.nnunet_env is None:
        parser.error("nnU-Net needs --nnunet-env, or leave it out by --peers monai")
    torch.set_num_threads(job.threads)
    features, coarse = ([8, 16, 32], 2.0) if job.quick else ([16, 32, 64, 128, 128], 1.0)
    steps, repeats = (20, 1) if job.quick else (job.steps, job.repeats)
    name = "predict_vs_peers_quick" if job.quick else "predict_vs_peers"
    target = Path(tempfile.gettempdir()) if job.quick else RESULTS
    facts = nnunet.machine(job.nnunet_env) if job.nnunet_env else {}
    facts |= {"threads": str(job.threads), "network": f"DynUNet {features}, {steps} training steps"}
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(job.nnunet_env, Path(scratch), job.threads)
        makers = {"chest": predict_model.chest, "brats": predict_model.brats}
        small = hippocampus(bench, job.data, 20 if job.quick else 100, job.trained)
        print(small, flush=True)
        examples = [makers[name](job.data, bench.work, features, coarse) for name in job.cases]
        cases = [ready(bench, example, steps) for example in examples]
        rows: list[Row] = []
        for repeat in range(repeats):
            rows += compare(bench, cases, ["segmake", "torch", *job.peers], repeat)
            write_table(target / f"{name}.tsv", rows)
            write_text(target / f"{name}.md", page(rows, small, facts | {"repeats": str(repeat + 1)}))


if __name__ == "__main__":
    main()
