"""What the buckets keep between runs."""

from __future__ import annotations

from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from local.child import free_ports
from local.stack import Stack


def bucket(stack: Stack) -> storage.Bucket:
    return storage.Client(
        project="local-shop",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": stack.environment["STORAGE_EMULATOR_HOST"]},
    ).bucket("shop-events-output")


def test_an_object_of_an_earlier_stack_can_be_read_on_another_port(tmp_path: Path) -> None:
    first_port, second_port = free_ports(2)
    with Stack(tmp_path / "state", parts={"storage"}, ports={"storage": first_port}) as stack:
        bucket(stack).blob("raw/object").upload_from_string(b"kept")
    with Stack(tmp_path / "state", parts={"storage"}, ports={"storage": second_port}) as stack:
        blob = bucket(stack).get_blob("raw/object")
        assert blob is not None
        assert blob.download_as_bytes(timeout=5, retry=None) == b"kept"
