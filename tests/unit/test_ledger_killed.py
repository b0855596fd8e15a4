"""The ledger under fire: killed workers, killed runs, what they leave behind."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ledger_cases import Bench

from segmake.ledger import KILLED


@pytest.mark.parametrize("way", ["exit", "kill"])
def test_a_killed_worker_is_a_row_and_the_others_are_done(tmp_path, way):
    bench = Bench(tmp_path, "a b c d e")
    bench.payload |= {"b": way}
    rows = bench.run(threads=2, on_error="exclude")
    assert [row["status"] for row in rows] == ["ok", "failed", "ok", "ok", "ok"]
    assert rows[1]["reason"] == KILLED
    assert sorted(bench.files()) == ["a.txt", "c.txt", "d.txt", "e.txt"]
    assert bench.left_over() == []
    assert max(bench.called().count(name) for name in "acde") <= 2


def test_left_over_scratch_goes_and_is_not_published(tmp_path):
    bench = Bench(tmp_path)
    scratch = bench.folder / "out" / ".a.work"
    scratch.mkdir(parents=True)
    (scratch / "half").write_text("half")
    bench.run()
    assert sorted(bench.files()) == ["a.txt", "b.txt", "c.txt"]
    scratch.mkdir()
    bench.run()
    assert bench.called() == []
    assert bench.left_over() == []


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from functools import partial
from segmake.ledger import Item, Shard
from ledger_cases import work
folder, threads = Path(sys.argv[1]), int(sys.argv[2])
items = [Item(name, ("key", folder / f"{{name}}.in")) for name in "abcdef"]
shard = Shard("copy", 1, folder / "out" / "shard-00.tsv", {{"x": 1}}, threads)
shard.run(items, partial(work, calls=folder / "calls", seconds=0.3))
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_killed_and_run_again_ends_as_if_never_killed(tmp_path, threads):
    bench = Bench(tmp_path, "a b c d e f")
    bench.calls.write_text("")
    command = [
        sys.executable,
        "-c",
        SCRIPT.format(here=str(Path(__file__).parent)),
        str(tmp_path),
        str(threads),
    ]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 30
    while len(bench.called()) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    time.sleep(0.5)  # workers that outlived it would go on
    begun = bench.called()
    assert 3 <= len(begun) < 6
    done = [path.stem for path in (tmp_path / "out").glob("*.json")]
    rows = bench.run()
    assert len(done) >= 1
    assert bench.called() == sorted(set("abcdef") - set(done))
    assert bench.left_over() == []
    assert [row["status"] for row in rows] == ["ok"] * 6
    assert json.loads((tmp_path / "out" / "f.json").read_text())["details"] == {"text": "CONTENT OF F"}
    (tmp_path / "never").mkdir()
    clean = Bench(tmp_path / "never", "a b c d e f")
    assert [row | {"seconds": ""} for row in clean.run()] == [row | {"seconds": ""} for row in rows]
    assert clean.files() == bench.files()
