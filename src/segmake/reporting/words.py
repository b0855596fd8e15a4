"""Numbers and lists as sentences have them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

TIMES = "\N{MULTIPLICATION SIGN}"
SMALL = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def count(number: int, thing: str, many: str = "") -> str:
    """A number of things: one case, three cases, 120 cases."""
    word = SMALL[number] if number < len(SMALL) else f"{number:,}"
    return f"{word} {thing if number == 1 else many or thing + 's'}"


def listed(words: Sequence[str]) -> str:
    """Words in a row: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def sentence(text: str) -> str:
    """A text that begins with a capital and ends with a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def times(values: Sequence[float], unit: str = "") -> str:
    """Sizes along three axes, with a sign between them."""
    return f" {TIMES} ".join(f"{value:g}" for value in values) + (f" {unit}" if unit else "")


def spread(values: Sequence[float], unit: str) -> str:
    """Median and range of numbers."""
    if min(values) == max(values):
        return f"{values[0]:.3g} {unit}"
    return f"{median(values):.3g} {unit} (median; {min(values):.3g} to {max(values):.3g} {unit})"


def duration(seconds: float) -> str:
    """A time for readers: 40 seconds, 12 minutes, 3.5 hours."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{100 * share:g}%"
