"""Training and using a ResNet-18 on 2D patches: `fit` against the loop that a tutorial shows.

    python benchmarks/fit_vs_tutorial.py [--size 224] [--steps 20] [--rounds 3] [--accuracy-steps 200]

The peer is plain PyTorch as its tutorials have it: a Dataset that opens a picture, transforms written for one
picture at a time (resize, flip, rotation, normalise), a DataLoader with one worker, MONAI's ResNet-18 with
torchvision's shape, Adam 1e-4, cross entropy, fp32. Both see the same pictures (--root, PNG or JPEG files of
two folders; else synthetic discs), as often flipped and rotated; ours as `slice` stores them, cut to size and
compressed. Speed: both take turns within one process, so that the machine's mood hits both; images/s of whole
steps, loading and augmentation included, and of inference, loading included. Accuracy: both learn for
--accuracy-steps steps from the same numbers of patches and are tested on others.
Writes benchmarks/results/fit_vs_tutorial.{tsv,md}.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from monai.networks.nets import resnet18
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from segmake.classification import FitSettings
from segmake.device import autocast
from segmake.learning import loop
from segmake.learning.answers import mean_auc
from segmake.learning.checkpoint import versions
from segmake.learning.classifier import normalise
from segmake.learning.classifiers import AS_TORCHVISION
from segmake.learning.classifying import Classification
from segmake.learning.loading import Loader
from segmake.learning.patchwork import Patches
from segmake.learning.run import Run
from segmake.tables import write_table, write_text
from segmake.volume.store import open_array, save_patches

RESULTS = Path(__file__).resolve().parent / "results"
CPU = torch.device("cpu")
AUGMENT = {"preset": "none", "flip": 0.5, "rotate": 1.0, "degrees": 10.0}
"""What the tutorial's transforms do too."""


class Pictures(Dataset[tuple[Tensor, int]]):
    """The tutorial's data set: a file is opened, changed and normalised whenever it is asked for."""

    def __init__(self, files: list[Path], labels: list[int], size: int, training: bool) -> None:
        self.files, self.labels, self.size, self.training = files, labels, size, training

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.open(self.files[index]).convert("RGB").resize((self.size, self.size))
        if self.training:
            if torch.rand(1) < 0.5:
                picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            angle = float(torch.empty(1).uniform_(-10, 10))
            picture = picture.rotate(angle, Image.Resampling.BILINEAR)
        values = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1).float() / 255
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        return (values - mean[:, None, None]) / deviation[:, None, None], self.labels[index]


@dataclass
class Tutorial:
    """The peer: network, optimiser, loop."""

    pictures: Pictures
    batch: int

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        self.network = resnet18(spatial_dims=2, n_input_channels=3, num_classes=2, **AS_TORCHVISION)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4)
        self.stream = self._batches()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        loader = DataLoader(self.pictures, self.batch, shuffle=True, num_workers=1, drop_last=True)
        yield from itertools.chain.from_iterable(itertools.repeat(loader))

    def step(self) -> None:
        """Forward, backward, step."""
        images, labels = next(self.stream)
        self.network.train()
        self.optimizer.zero_grad()
        F.cross_entropy(self.network(images), labels).backward()
        self.optimizer.step()

    @torch.no_grad()
    def classify(self, pictures: Pictures) -> np.ndarray:
        """Probabilities of all pictures."""
        self.network.eval()
        loader = DataLoader(pictures, self.batch, num_workers=1)
        return torch.cat([torch.softmax(self.network(images), 1) for images, _ in loader]).numpy()


class Ours:
    """The step of our loop, with its loader; patches are bytes in memory, as slice stores them."""

    def __init__(self, lesson: Classification) -> None:
        self.task = loop.Task(lesson, {})
        with tempfile.TemporaryDirectory() as folder:
            self.run: Run = loop._start(self.task, Path(folder) / "none.pt")
        self.loss = lesson.loss(self.task.ranks)
        self.loader = Loader(lesson.source(range(lesson.batch)))

    def step(self) -> None:
        """As in `loop.train`."""
        lesson, number = self.task.lesson, self.run.step
        images, truth = lesson.view(self.loader.take(number), number, CPU, range(lesson.batch))
        loop._learn(self.run.network, images, truth, self.loss, self.task)
        loop._advance(self.run, 1e-4, lesson.settings.ema)

    @torch.no_grad()
    def classify(self, path: Path, batch: int) -> np.ndarray:
        """Probabilities of all patches of a file."""
        found, pictures = [], open_array(path)
        for start in range(0, len(pictures), batch):
            images = normalise(torch.from_numpy(pictures[start : start + batch]))
            with autocast(CPU, "auto"):
                logits = self.run.averaged(images.contiguous(memory_format=torch.channels_last))
            found.append(torch.softmax(logits.float(), 1))
        return torch.cat(found).numpy()


def main() -> None:
    """Make the data, take turns, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="folder with a folder of pictures for each of two classes")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--steps", type=int, default=10, help="steps in a row before the other's turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--accuracy-steps", type=int, default=150)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        files, labels = (
            gather(options.root, options.pictures)
            if options.root
            else discs(Path(scratch), options.pictures, options.size)
        )
        rows = compare(files, labels, Path(scratch), options)
    write(rows, options)


def gather(root: Path, count: int) -> tuple[list[Path], list[int]]:
    """The first files of each of two folders, mixed."""
    first, second = sorted(path for path in root.iterdir() if path.is_dir())[:2]
    pairs = zip(sorted(first.iterdir())[: count // 2], sorted(second.iterdir())[: count // 2], strict=False)
    files = [file for pair in pairs for file in pair]
    return files, [n % 2 for n in range(len(files))]


def discs(folder: Path, count: int, size: int) -> tuple[list[Path], list[int]]:
    """Pictures of noise, every second one with a faint disc."""
    random = np.random.default_rng(0)
    rows, columns = np.indices((size, size)) / size
    files = []
    for number in range(count):
        x, y, radius = *random.uniform(0.3, 0.7, 2), random.uniform(0.05, 0.12)
        disc = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
        grey = random.normal(110, 40, (size, size)) + (number % 2) * 30 * disc
        files.append(folder / f"{number}.png")
        Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(files[-1])
    return files, [n % 2 for n in range(count)]


def compare(
    files: list[Path], labels: list[int], scratch: Path, options: argparse.Namespace
) -> list[dict[str, object]]:
    """Rows of the table: images/s of both at training and inference, and what both have learned."""
    cut = 2 * len(files) // 3
    learn, test = (
        Pictures(files[part], labels[part], options.size, training)
        for part, training in ((slice(cut), True), (slice(cut, None), False))
    )
    stored = [bytes_of(part, options.size) for part in (learn, test)]
    save_patches(scratch / "test.b2nd", stored[1])
    settings = FitSettings(batch=options.batch, augment=AUGMENT, compile="never")
    truth = np.eye(2, dtype=np.float32)
    patches = [
        Patches(array, truth[part.labels], [path.stem for path in part.files])
        for array, part in zip(stored, (learn, test), strict=True)
    ]
    lesson = Classification(settings, ["0", "1"], (3, options.size), *patches)
    peer, ours = Tutorial(learn, options.batch), Ours(lesson)
    training = turns([peer.step, ours.step], options)
    for _ in range(max(0, options.accuracy_steps - options.steps * options.rounds)):
        peer.step()
        ours.step()
    answers: list[np.ndarray] = [np.empty(0), np.empty(0)]
    inference: list[list[float]] = [[], []]
    for _ in range(options.rounds):
        for side, classify in enumerate(
            (lambda: peer.classify(test), lambda: ours.classify(scratch / "test.b2nd", options.batch))
        ):
            begun = time.perf_counter()
            answers[side] = classify()
            inference[side].append(len(test) / (time.perf_counter() - begun))
    ours.loader.close()
    names = ("PyTorch tutorial", "segmake fit")
    return [
        {
            "program": names[side],
            "training_images_s": round(statistics.median(training[side]), 1),
            "inference_images_s": round(statistics.median(inference[side]), 1),
            "accuracy": round(float((answers[side].argmax(1) == np.array(test.labels)).mean()), 4),
            "auc": round(mean_auc(answers[side], truth[test.labels]), 4),
        }
        for side in range(2)
    ]


def bytes_of(pictures: Pictures, size: int) -> np.ndarray:
    """Pictures as slice stores them."""
    opened = (Image.open(file).convert("RGB").resize((size, size)) for file in pictures.files)
    return np.stack([np.asarray(picture).transpose(2, 0, 1) for picture in opened])


def turns(steps: list[Callable[[], None]], options: argparse.Namespace) -> list[list[float]]:
    """Images/s of several rounds, in which each takes so many steps."""
    found: list[list[float]] = [[] for _ in steps]
    for step in steps:
        step()  # warm up
    for _ in range(options.rounds):
        for side, step in enumerate(steps):
            begun = time.perf_counter()
            for _ in range(options.steps):
                step()
            found[side].append(options.batch * options.steps / (time.perf_counter() - begun))
    return found


def write(rows: list[dict[str, object]], options: argparse.Namespace) -> None:
    """Table, and the same in words."""
    write_table(RESULTS / "fit_vs_tutorial.tsv", rows)
    (peer, ours) = rows
    training, inference = (
        float(str(ours[name])) / float(str(peer[name]))
        for name in ("training_images_s", "inference_images_s")
    )
    what = f"pictures of {options.root.name}" if options.root else "synthetic discs in noise"
    made = ", ".join(f"{name} {version}" for name, version in versions().items())
    lines = [
        "# ResNet-18 on 2D patches: `fit` against a tutorial's loop",
        "",
        f"`python benchmarks/fit_vs_tutorial.py --size {options.size} --batch {options.batch}`, {what}; "
        f"{options.threads} threads, {platform.processor() or platform.machine()}; {made}. Medians of "
        f"{options.rounds} rounds of {options.steps} steps; accuracy after "
        f"{max(options.accuracy_steps, options.steps * options.rounds)} steps.",
        "",
        "| program | training, images/s | inference, images/s | accuracy | AUC |",
        "|---|---|---|---|---|",
        *(
            f"| {row['program']} | {row['training_images_s']} | {row['inference_images_s']} | "
            f"{row['accuracy']} | {row['auc']} |"
            for row in rows
        ),
        "",
        f"Training {training:.2f}x, inference {inference:.2f}x as fast.",
        "",
    ]
    write_text(RESULTS / "fit_vs_tutorial.md", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
