import json
import struct
import subprocess
import sys

import pytest

from segmake.learning.events import EventFile, crc32c, record


@pytest.mark.parametrize(
    ("data", "checksum"),
    [  # RFC 3720, B.4, and the customary check value
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_checksum(data, checksum):
    assert crc32c(data) == checksum


def test_a_record_is_length_checksum_data_checksum():
    data = b"123456789"
    masked = ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF
    made = record(data)
    assert made[:8] == struct.pack("<Q", 9)
    assert made[12:21] == data
    assert made[21:] == struct.pack("<I", masked)
    assert len(made) == 25


def test_the_names_of_later_files_sort_later(tmp_path):
    for step in range(3):
        EventFile(tmp_path / "events", step).close()
    names = [path.name for path in sorted((tmp_path / "events").iterdir())]
    assert [name.split(".")[-1] for name in names] == ["000000", "000001", "000002"]


READER = """
import json, sys, warnings
warnings.simplefilter("ignore")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
found = EventAccumulator(sys.argv[1]).Reload()
print(json.dumps({n: [(e.step, e.value) for e in found.Scalars(n)] for n in found.Tags()["scalars"]}))
"""


def test_tensorboard_reads_it_and_forgets_what_was_taken_back(tmp_path):
    pytest.importorskip("tensorboard")
    first = EventFile(tmp_path, 1)
    first.add(20, {"loss": 1.5, "lr": 0.25})
    first.add(400, {"loss": 99.0})
    first.close()
    second = EventFile(tmp_path, 21)
    second.add(40, {"loss": 0.75, "val_dice": 0.5})
    second.add(300_000, {"loss": 0.5})
    second.close()
    command = [sys.executable, "-c", READER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "loss": [[20, 1.5], [40, 0.75], [300_000, 0.5]],
        "lr": [[20, 0.25]],
        "val_dice": [[40, 0.5]],
    }
