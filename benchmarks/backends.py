"""What OpenVINO saves against torch on a CPU, and what its start costs: the rule of `backend: auto`.

    python benchmarks/backends.py [--threads 2] [--repeats 5]

DynUNets of three sizes with random weights, one window at a time. Agreement is the share of voxels whose
label is that of torch in float32; on random weights, whose logits are all close to each other, it is a
lower bound. Writes benchmarks/results/backends.{tsv,md}.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

import predict_model
from nnunet import bullets
from segmake.inference.backends import Forward, count_flop, openvino_forward, torch_forward
from segmake.provenance import package_versions, processor_name
from segmake.tables import Row, write_table, write_text

RESULTS = Path(__file__).resolve().parent / "results"
SIZES = {
    "small": ((64, 64, 64), [8, 16, 32, 64]),
    "middle": ((96, 96, 96), [16, 32, 64, 128]),
    "large": ((96, 96, 96), [32, 64, 128, 256]),
}
CPU = torch.device("cpu")


def timed(
    make: Callable[[], Forward], windows: torch.Tensor, repeats: int
) -> tuple[float, float, torch.Tensor]:
    """Seconds to the first output, median seconds of the later ones, labels."""
    started = time.perf_counter()
    forward = make()
    with torch.inference_mode():
        output = forward(windows)
        first = time.perf_counter() - started
        spent = []
        for _ in range(repeats):
            started = time.perf_counter()
            output = forward(windows)
            spent.append(time.perf_counter() - started)
    return first - min(spent), statistics.median(spent), output.argmax(1)


def measure(name: str, threads: int, repeats: int) -> list[Row]:
    """A network by every backend and precision."""
    patch, features = SIZES[name]
    model = predict_model.untrained(patch, features)
    tera = count_flop(model.network, 1, patch) / 1e12
    windows = torch.randn(1, 1, *patch, generator=torch.Generator().manual_seed(0))
    rows: list[Row] = []
    reference: torch.Tensor | None = None
    for backend in ("torch", "openvino"):
        for precision in ("fp32", "bf16"):

            def make(backend: str = backend, precision: str = precision) -> Forward:
                if backend == "torch":
                    return torch_forward(model.network, CPU, precision)
                return openvino_forward(model.network, (1, *patch), precision, threads)

            start, window, labels = timed(make, windows, repeats)
            reference = labels if reference is None else reference
            rows.append(
                {
                    "network": f"{name} {features}",
                    "patch": "x".join(map(str, patch)),
                    "tflop": f"{tera:.3f}",
                    "backend": backend,
                    "precision": precision,
                    "start_s": f"{start:.2f}",
                    "window_s": f"{window:.3f}",
                    "agreement": f"{(labels == reference).float().mean():.5f}",
                }
            )
            print(rows[-1], flush=True)
    return rows


def constants(rows: list[Row]) -> dict[str, str]:
    """Seconds saved for each TFLOP, by precision, and seconds to start."""
    found = {}
    for precision in ("bf16", "fp32"):
        saved = []
        for network in dict.fromkeys(row["network"] for row in rows):
            window = {
                row["backend"]: float(row["window_s"])
                for row in rows
                if (row["network"], row["precision"]) == (network, precision)
            }
            tera = next(float(row["tflop"]) for row in rows if row["network"] == network)
            saved.append((window["torch"] - window["openvino"]) / tera)
        found[f"SAVED_S_PER_TFLOP {precision}"] = f"{statistics.median(saved):.2f} (median of the networks)"
    starts = [float(row["start_s"]) for row in rows if row["backend"] == "openvino"]
    return found | {"CONVERSION_S": f"{max(starts):.1f} (the longest)"}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [row for name in SIZES for row in measure(name, options.threads, options.repeats)]
    facts = {
        "date": time.strftime("%Y-%m-%d"),
        "processor": f"{processor_name()}, {options.threads} threads",
        "torch": package_versions()["torch"],
    }
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
    text = "\n".join(["# Backends on a CPU", "", *lines, "", bullets(constants(rows) | facts), ""])
    print(text)
    write_table(RESULTS / "backends.tsv", rows)
    write_text(RESULTS / "backends.md", text)


if __name__ == "__main__":
    main()
