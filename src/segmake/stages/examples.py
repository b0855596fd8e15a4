"""examples: takes a model's scores and volumes, makes the slices that show its worst, median and best cases.

After this no figure and no page reads a volume again.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segmake.errors import GeometryError, InputError
from segmake.figures.records import rank_cases, read_scores
from segmake.figures.slices import clearest_channel, cut_slices, save_slices
from segmake.jobs import ExamplesJob
from segmake.ledger import Item, Outcome, Shard
from segmake.plan import Plan
from segmake.tables import Row, read_cases, read_table
from segmake.volume.geometry import grid_distance_mm, to_canonical
from segmake.volume.read import read_volume
from segmake.volume.volume import Volume

VERSION = 1
GRID_TOLERANCE_MM = 1e-2


@dataclass(frozen=True)
class Chosen:
    """A case and why it is shown."""

    case: str
    rank: str
    place: int
    mean_dice: float
    split: str
    fold: str


def run(job: ExamplesJob) -> None:
    """Cut the chosen cases; one that cannot be read is a row that says why."""
    plan = Plan.load(job.plan)
    scores = read_scores(read_table(job.metrics), job.metrics.parent.name)
    filed = {score.case: (score.split, score.fold) for score in scores}
    ranked = rank_cases(scores, plan.labels)
    chosen = [Chosen(*told, *filed[told[0]]) for told in choose(ranked, job.worst, job.median, job.best)]
    cases = {row["case"]: row for row in read_cases(job.cases)}
    predictions = {row["case"]: row for row in read_cases(job.predictions)}
    items = [_item(one, cases.get(one.case), predictions.get(one.case)) for one in chosen]
    shard = Shard(
        stage="examples",
        version=VERSION,
        table=job.output,
        settings={"labels": plan.labels, "channels": list(plan.channels)},
        on_error="exclude",
    )
    shard.run(items, functools.partial(cut_case, plan=plan))
    _forget(job.output.parent, {one.case for one in chosen})


def choose(
    ranked: Sequence[tuple[str, float]], worst: int, median: int, best: int
) -> list[tuple[str, str, int, float]]:
    """(case, rank, place, mean Dice) of the cases to show, each once: first the worst, then the best.

    ranked: cases and mean Dice, the worst first. Of few cases the worst are shown before the best, and these
    before the median ones.
    """
    low = list(ranked[:worst])
    high = list(ranked[len(low) :][::-1][:best])
    rest = ranked[len(low) : len(ranked) - len(high)]
    start = max(0, (len(ranked) - median) // 2 - len(low))
    middle = list(rest[min(start, max(0, len(rest) - median)) :][:median])
    groups = {"worst": low, "median": middle, "best": high}
    return [
        (case, rank, place, mean)
        for rank, found in groups.items()
        for place, (case, mean) in enumerate(found, start=1)
    ]


def cut_case(item: Item, scratch: Path, plan: Plan) -> Outcome:
    """Write the slices of one case; the work the ledger does."""
    chosen, volumes = item.payload
    if not volumes:
        raise InputError("its image, truth or prediction is not in the given tables")
    image, truth, prediction = (to_canonical(read_volume(path)) for path in volumes)
    _check_grids(image, truth, prediction)
    spacing = image.spacing_mm
    channel = clearest_channel(image.data, truth.data[0] > 0, spacing)
    slices = cut_slices(image.data[channel], truth.data[0], prediction.data[0], spacing, plan.labels)
    name = f"{item.case}.npz"
    save_slices(scratch / name, slices)
    shown = dict(enumerate(plan.channels)).get(channel, str(channel + 1))
    columns = {
        "rank": chosen.rank,
        "place": chosen.place,
        "mean_dice": f"{chosen.mean_dice:.6g}",
        "split": chosen.split,
        "fold": chosen.fold,
        "channel": shown,
    }
    return Outcome(name, columns)


def _item(chosen: Chosen, row: Row | None, prediction: Row | None) -> Item:
    """What a case's slices depend on."""
    told = (chosen.rank, str(chosen.place), f"{chosen.mean_dice:.6g}", chosen.split, chosen.fold)
    if row is None or prediction is None or not row["label"]:
        return Item(chosen.case, told, (chosen, ()))
    volumes = (Path(row["path"]), Path(row["label"]), Path(prediction["path"]))
    return Item(chosen.case, (*told, *volumes), (chosen, volumes))


def _check_grids(image: Volume, truth: Volume, prediction: Volume) -> None:
    if max(grid_distance_mm(image, truth), grid_distance_mm(image, prediction)) > GRID_TOLERANCE_MM:
        raise GeometryError("image, truth and prediction do not lie on one grid; predict the case again")


def _forget(folder: Path, chosen: set[str]) -> None:
    """Remove the slices and records of cases that are not shown any more."""
    for path in folder.glob("*.npz"):
        case = path.name.removesuffix(".npz")
        if case not in chosen:
            path.unlink()
            (folder / f"{case}.json").unlink(missing_ok=True)
