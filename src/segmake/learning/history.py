"""The course of a training run: rows for history.csv, and what people see meanwhile."""

from __future__ import annotations

import csv
import io
import logging
import math
import sys
from collections import deque
from dataclasses import dataclass, field

from tqdm import tqdm

log = logging.getLogger("segmake")
COLUMNS = ("step", "minutes", "lr", "loss")
SAID = {"val_dice": "val Dice", "val_auc": "val AUC"}
"""What the figures of validation are called on a screen."""
Figures = dict[str, float]


@dataclass
class History:
    """Rows so far, and the losses since the last row. figure: the column of validation."""

    rows: list[Figures] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    figure: str = "val_dice"

    def close_row(self, step: int, seconds: float, lr: float, measured: float = math.nan) -> None:
        """Add a row with the mean loss since the last one; `measured` is NaN where validation was not.

        Without a new loss the last row is closed again.
        """
        loss = math.fsum(self.recent) / len(self.recent) if self.recent else self.rows.pop()["loss"]
        row = {"step": step, "minutes": round(seconds / 60, 4), "lr": lr, "loss": loss}
        self.rows.append(row if math.isnan(measured) else {**row, self.figure: measured})
        self.recent = []

    def last(self, name: str) -> float:
        """Latest figure of a column, NaN when there is none."""
        return next((row[name] for row in reversed(self.rows) if name in row), math.nan)

    def summary(self) -> Figures:
        """Last figures that depend on the data alone, not on the clock."""
        found = {name: self.last(name) for name in ("step", "loss", self.figure)}
        return {name: value for name, value in found.items() if not math.isnan(value)}

    def to_csv(self) -> str:
        """Comma-separated text, one row per entry, empty where a figure was not measured."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        columns = (*COLUMNS, self.figure)
        writer.writerow(columns)
        for row in self.rows:
            writer.writerow([f"{row[name]:.6g}" if name in row else "" for name in columns])
        return stream.getvalue()


class Display:
    """A bar with the time left on a terminal, a log line for every twentieth of the run elsewhere."""

    LINES = 20

    def __init__(self, title: str) -> None:
        self.title = title
        self.bar = tqdm(
            total=100.0,
            desc=title,
            disable=not (title and sys.stderr.isatty()),
            bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}",
        )
        self._shown = 0
        self._pace: deque[tuple[int, float]] = deque(maxlen=21)

    def start(self, progress: float) -> None:
        """Begin, go on or go back to this fraction of the run."""
        self.bar.reset()
        self.bar.initial = self.bar.n = 100 * progress
        self._shown = math.floor(progress * self.LINES)
        self._pace.clear()

    def show(self, progress: float, step: int, seconds: float, batch: int, history: History) -> None:
        """Show how far the run is, what was measured last, and patches a second over the last steps."""
        self._pace.append((step, seconds))
        first = self._pace[0] if len(self._pace) > 1 else (0, 0.0)
        pace = batch * (step - first[0]) / max(seconds - first[1], 1e-9)
        figure = history.figure
        figures = {"loss": history.last("loss"), SAID.get(figure, figure): history.last(figure)}
        known = [f"{name} {value:.3f}" for name, value in figures.items() if not math.isnan(value)]
        course = ", ".join([f"step {step}", *known, f"{pace:.3g} patches/s"])
        self.bar.update(max(0.0, 100 * progress - self.bar.n))
        self.bar.set_postfix_str(course, refresh=False)
        due = math.floor(progress * self.LINES)
        if due > self._shown:
            self._shown = due
            left = seconds * (1 - progress) / max(progress, 1e-9) / 60
            level = logging.INFO if self.bar.disable else logging.DEBUG
            log.log(level, "%s: %s, %.1f minutes left", self.title, course, left)

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.close()
