"""Object storage (moto's S3): what a run with S3 as default storage keeps there, and what it does not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from experiment import Experiment
from moto.server import ThreadedMotoServer

pytestmark = pytest.mark.workflow
KEYS = {"aws_access_key_id": "someone", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
SMALL = {
    "shards": 1,
    "data": {"layout": "phantom"},
    "phantom": {"kind": "brats", "count": 4, "test": 0, "size": 24},
    "plan": {"folds": 2, "spacing_mm": [6, 6, 6], "patch": [16, 16, 16], "batch": 2},
}


@pytest.fixture
def bucket() -> Iterator[tuple[str, Any]]:
    """Address of an S3 server on this machine, and a client with an empty bucket `scans`."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client("s3", endpoint_url=address, **KEYS)
    client.create_bucket(Bucket="scans")
    yield address, client
    client.close()
    server.stop()


def test_declared_files_are_in_the_bucket_and_cases_are_not(bucket: tuple[str, Any], tmp_path: Path) -> None:
    address, client = bucket
    experiment = Experiment(tmp_path, SMALL)
    words = ["--default-storage-provider", "s3", "--default-storage-prefix", "s3://scans/my"]
    words += ["--storage-s3-endpoint-url", address, "--storage-s3-access-key", "someone"]
    words += ["--storage-s3-secret-key", "secret", "--keep-storage-local-copies", "--until", "resample"]
    experiment.run(*words)
    kept = {entry["Key"] for entry in client.list_objects_v2(Bucket="scans")["Contents"]}
    stages = ("phantom/shard-00.tsv", "convert/shard-00.tsv", "plan/plan.json", "resample/shard-00.tsv")
    assert {f"my/{name}" for name in stages} <= kept
    (copies,) = experiment.folder.glob("**/.snakemake/storage/s3/scans/my")
    for name in stages:
        stored = client.get_object(Bucket="scans", Key=f"my/{name}")["Body"].read()
        assert stored == (copies / name).read_bytes()
    assert len(list(copies.glob("resample/*.b2nd"))) == 3 * 4
    assert not [key for key in kept if key.endswith((".nii.gz", ".b2nd"))]
