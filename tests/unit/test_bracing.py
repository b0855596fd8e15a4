import subprocess

import pytest

from segmake.bracing import brace


def read_by_bash(words):
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {words}"], capture_output=True, text=True, check=True
    )
    return done.stdout.split("\0")[:-1]


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["convert/shard-00.tsv", "convert/shard-01.tsv"], "convert/shard-{00..01}.tsv"),
        ([f"s-{n:02d}.tsv" for n in (7, 8, 9, 10, 12)], "s-{07..10}.tsv s-12.tsv"),
        (["a/s-00.tsv", "b/s-00.tsv", "b/s-01.tsv"], "a/s-00.tsv b/s-{00..01}.tsv"),
        (
            [f"m.seed-{k}/s-{n}.tsv" for k in (0, 1) for n in (0, 1)],
            "m.seed-0/s-{0..1}.tsv m.seed-1/s-{0..1}.tsv",
        ),
        (["s-1.tsv", "s-0.tsv"], "s-1.tsv s-0.tsv"),
        (["s-9.tsv", "s-10.tsv"], "s-{9..10}.tsv"),
        (["s-9.tsv", "s-010.tsv"], "s-9.tsv s-010.tsv"),
        (["1", "2"], "{1..2}"),
        (["plan.json", "plan.json"], "plan.json plan.json"),
        (["a b/s-0.tsv", "a b/s-1.tsv"], "'a b/s-'{0..1}.tsv"),
        (
            ["{x}/s-0 $HOME", "{x}/s-1 $HOME", "it's {1..2}", "*"],
            "'{x}/s-'{0..1}' $HOME' 'it'\"'\"'s {1..2}' '*'",
        ),
    ],
)
def test_bash_reads_the_same_words(paths, words):
    assert brace(paths) == words
    assert read_by_bash(words) == paths


def test_a_hundred_thousand_files_are_one_short_word():
    paths = [f"convert/shard-{number:05d}.tsv" for number in range(100_000)]
    assert brace(paths) == "convert/shard-{00000..99999}.tsv"
    assert read_by_bash(brace(paths[:20_000])) == paths[:20_000]


def test_no_files_are_no_words():
    assert brace([]) == ""
