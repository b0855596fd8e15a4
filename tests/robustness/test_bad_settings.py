"""Settings, plans and splits that cannot be meant: exit code 2 and one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from robustness.cases import (
    assert_stopped,
    convert,
    write_good,
    write_sheet,
)

FLAGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "two labels of one value": (("--labels", '{"a": 1, "b": 1}'), ("{'a': 1, 'b': 1}; merge equal ones",)),
    "label of no value": (("--labels", '{"core": 0}'), ("labels.core is 0", "greater than 0; correct it")),
    "label of half a value": (("--labels", '{"core": 1.5}'), ("labels.core", "integer", "; correct it")),
    "labels are a list": (
        ("--labels", "[1, 2]"),
        ("--labels is no mapping that can be read", "; write mappings as JSON"),
    ),
    "labels are no JSON": (
        ("--labels", "core: 1"),
        ("--labels is no mapping that can be read", "; write mappings as JSON"),
    ),
    "label of no name": (
        ("--labels", '{"": 1}'),
        ("the name of a channel, label or region", "''; rename it"),
    ),
    "label of two lines": (("--labels", '{"a\\nb": 1}'), ("text on one line, got 'a\\nb'; rename it",)),
    "label called mean": (
        ("--labels", '{"mean": 1}'),
        ("'mean' is what the mean", "; give that label another"),
    ),
    "no labels": (("--labels", "{}"), ("data.labels is empty; name each label",)),
    "no channels": (
        ("--channels", "{}", "--layout", "pairs", "--root", "."),
        ("data.channels is empty; name",),
    ),
    "unknown modality": (
        ("--channels", '{"ct": "xrays"}'),
        ("channels.ct is 'xrays'", "'xray'", "; correct it"),
    ),
    "region of an unknown value": (
        ("--regions", '{"all": [1, 9]}'),
        ("region 'all'", "[1], got [1, 9]; correct it"),
    ),
    "region of nothing": (
        ("--regions", '{"all": []}'),
        ("region 'all' must list values", "got []; correct it"),
    ),
    "region called like a label": (
        ("--regions", '{"core": [1]}'),
        ("'core' names a label and a region; give",),
    ),
    "label map to an unknown value": (
        ("--label_map", '{"1": 7}'),
        ("data.label_map leads to 7", "; add it there"),
    ),
    "ignored label": (("--ignore", "1"), ("data.ignore 1 is a value of data.labels", "; remove one")),
    "tolerance of nothing": (("--tolerance_mm", "0"), ("tolerance_mm is '0'", "greater than 0; correct it")),
    "tolerance of NaN": (("--tolerance_mm", "nan"), ("tolerance_mm is 'nan'", "; correct it")),
    "unknown policy": (("--tilt", "fix"), ("tilt is 'fix'", "'correct' or 'stop'", "; correct it")),
    "negative shard": (("--shard", "-1"), ("shard is '-1'", "; correct it")),
    "shard beyond the last": (
        ("--shard", "4", "--shards", "2"),
        ("2 shards are numbered from 0, and as many after them hold new cases, got shard 4; lower it",),
    ),
    "no threads": (("--threads", "0"), ("threads is '0'", "; correct it")),
    "dates without a key": (("--dates", "shift"), ("dates: shift needs the key file", "; give one")),
}


@pytest.mark.parametrize("name", FLAGS)
def test_bad_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    flags, says = FLAGS[name]
    sheet = write_sheet(tmp_path, [write_good(tmp_path)])
    ended = convert(capsys, tmp_path, "--cases", sheet, flags=flags)
    assert_stopped(ended, says, tmp_path / "out")


def test_an_unknown_flag_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = convert(capsys, tmp_path, "--lables", "{}")
    assert ended.code == 2
    assert ended.sentence == "segmake: error: unrecognized arguments: --lables {}"
    assert not (tmp_path / "out").exists()
