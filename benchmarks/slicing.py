"""How fast images become patches, and which planted copies and shortcuts `divide` finds.

    python benchmarks/slicing.py [--images 2000]

Pictures are smooth noise with a grain: JPEG of 50 pixels (as the LUNA16 patches), PNG of 1024 pixels (as
radiographs) and an archive of 28 pixels (as MedMNIST). One process; processor seconds are told beside those
of the clock, for disks and neighbours differ. Copies are re-encoded, brightened, noisy, halved, turned,
shifted or cropped versions of one picture in ten. Writes benchmarks/results/slicing.{tsv,md}.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from segmake.jobs import SliceJob
from segmake.prepare.likeness import alike, close_pairs, dhash, look, unpack
from segmake.provenance import processor_name
from segmake.stages import slice as slice_stage
from segmake.tables import write_table, write_text
from segmake.volume.volume import Array

RESULTS = Path(__file__).resolve().parent / "results"
COLUMNS = ("what", "kind", "count", "value", "unit")
HEAD = f"""# Patches of images, and copies among them

Written by `benchmarks/slicing.py` on {processor_name()}, one process.

"""


def picture(seed: int, size: int) -> Array:
    """Smooth structures with a grain, uint8 [size, size]."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (10, 10), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)
    return np.clip(smooth + rng.normal(0, 6, (size, size)), 0, 255).astype(np.uint8)


def jpeg(image: Array, quality: int) -> Array:
    """Compressed and read again."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def resized(image: Array, side: int) -> Array:
    """Another number of pixels."""
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))


def noisy(image: Array) -> Array:
    """Another grain."""
    grain = np.random.default_rng(image.sum()).normal(0, 4, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


COPIES: dict[str, Callable[[Array], Array]] = {
    "as it is": np.array,
    "JPEG, quality 50": lambda image: jpeg(image, 50),
    "brighter by a tenth": lambda image: np.clip(image * 1.1, 0, 255).astype(np.uint8),
    "another grain": noisy,
    "half the pixels": lambda image: resized(resized(image, len(image) // 2), len(image)),
    "turned by 90 degrees": lambda image: np.ascontiguousarray(np.rot90(image)),
    "mirrored and JPEG": lambda image: jpeg(np.ascontiguousarray(image[:, ::-1]), 70),
    "shifted by 2 %": lambda image: np.roll(image, len(image) // 50, axis=1),
    "cropped by 10 %": lambda image: resized(image[len(image) // 20 : -(len(image) // 20)], len(image)),
}


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    count = parser.parse_args().images
    rows = [*speed(count), *found(count), *lookups(count)]
    write_table(RESULTS / "slicing.tsv", rows, COLUMNS)
    body = "\n".join("| " + " | ".join(str(row[name]) for name in COLUMNS) + " |" for row in rows)
    head = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    write_text(RESULTS / "slicing.md", f"{HEAD}{head}{body}\n")


def speed(count: int) -> Iterator[dict[str, object]]:
    """Images in a minute of the processor and of the clock."""
    sets = {
        "JPEG of 50 pixels to 112": (count, 50, 112, "jpg"),
        "PNG of 1024 pixels to 224": (count // 10, 1024, 224, "png"),
    }
    for kind, (number, side, size, ending) in sets.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            lines = ["case\timage\tclass"]
            for index in range(number):
                Image.fromarray(picture(index % 50, side)).save(folder / f"{index}.{ending}")
                lines.append(f"c{index}\t{index}.{ending}\t{index % 2}")
            (folder / "cases.tsv").write_text("\n".join(lines) + "\n")
            job = {"cases": folder / "cases.tsv", "channels": {"image": "xray"}}
            yield from timed(kind, number, job | {"size": size, "output": folder / "slice" / "shard-00.tsv"})
    with tempfile.TemporaryDirectory() as name:
        images = np.stack([picture(index % 50, 28) for index in range(count)])
        np.savez_compressed(Path(name) / "set.npz", train_images=images, train_labels=np.arange(count) % 2)
        job = {"layout": "npz", "root": Path(name), "size": 64}
        yield from timed(
            "archive of 28 pixels to 64", count, job | {"output": Path(name) / "s" / "shard-00.tsv"}
        )


def timed(kind: str, count: int, job: dict[str, object]) -> Iterator[dict[str, object]]:
    """Run slice once and say how fast it was."""
    wall, processor = time.perf_counter(), time.process_time()
    slice_stage.run(SliceJob.model_validate(job))
    for unit, seconds in (
        ("images per processor minute", time.process_time() - processor),
        ("images per minute", time.perf_counter() - wall),
    ):
        value = round(60 * count / seconds)
        yield {"what": "slice", "kind": kind, "count": count, "value": value, "unit": unit}


def found(count: int) -> Iterator[dict[str, object]]:
    """Share of the planted copies that are found, and of other pairs that are called copies."""
    originals = [picture(index, 64) for index in range(count)]
    for kind, copy in COPIES.items():
        planted = [copy(image) for image in originals[: count // 10]]
        patches = [image[np.newaxis] for image in [*originals, *planted]]
        sides = np.repeat([0, 1], [count, len(planted)])
        pairs = close_pairs(unpack([dhash(patch) for patch in patches]), sides)
        looks = np.array([look(patch) for patch in patches])
        hits = {(int(i), int(j)) for i, j, _ in alike(looks, pairs)}
        right = sum((index, count + index) in hits for index in range(len(planted)))
        share = round(100 * right / len(planted), 1)
        yield {"what": "copies found", "kind": kind, "count": len(planted), "value": share, "unit": "%"}
        wrong = len(hits) - right
        yield {"what": "others called copies", "kind": kind, "count": count, "value": wrong, "unit": "pairs"}


def lookups(count: int) -> Iterator[dict[str, object]]:
    """Seconds of the processor for the search among more and more pictures."""
    hashes = unpack([dhash(picture(index, 32)[np.newaxis]) for index in range(min(count, 2000))])
    rng = np.random.default_rng(0)
    for number in (5_000, 20_000, 80_000):
        many = hashes[rng.integers(0, len(hashes), number)] ^ rng.integers(
            0, 2**63, (number, 8), dtype=np.uint64
        )
        started = time.process_time()
        close_pairs(many, np.arange(number) % 5)
        seconds = round(time.process_time() - started, 2)
        yield {
            "what": "search",
            "kind": "pictures in 5 folds",
            "count": number,
            "value": seconds,
            "unit": "s",
        }


if __name__ == "__main__":
    main()
