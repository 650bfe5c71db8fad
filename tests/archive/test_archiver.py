"""The archiver as a process, against the embedded Pub/Sub server and the Cloud Storage emulator."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local import archiver
from local.child import free_ports
from tests.archive.archiver_process import ArchiverProcess
from tests.archive.shop import ACK_DEADLINE_SECONDS, Shop
from tests.pubsub import servers

StartArchiver = Callable[..., ArchiverProcess]

ODD_MESSAGES: list[tuple[bytes, dict[str, str]]] = [
    (b'{"event_type": "order"}', {"event_type": "order", "event_id": "e1", "schema_version": "1"}),
    (b"\xff\xfe\x00 not UTF-8 \x80\n\r\n", {}),
    (b"", {"only": "attributes"}),
    (b"a" * 9_000_000, {"size": "large"}),
    (bytes(range(256)) * 4_000, {"more than 4 MiB": "in one response"}),
    (b"many", {f"key-{n}": "v" * 1_024 for n in range(100)}),
    (b"text", {"schlüssel": "wört \U0001f600 \x00 \u2028", "empty value": ""}),
    (b"twice", {}),
    (b"twice", {}),
    (b'{"data": "", "attributes": {}, "message_id": "1", "publish_time": "2026-01-01T00:00:00Z"}', {}),
]


def test_everything_published_is_in_the_archive_as_it_was_delivered(
    shop: Shop, start_archiver: StartArchiver
) -> None:
    shop.create()
    running = start_archiver(shop)
    shop.publish(ODD_MESSAGES[:3])
    running.wait_until(lambda: len(shop.blobs()) == 1)
    shop.publish(ODD_MESSAGES[3:])
    running.wait_until(lambda: len(shop.archived()) == len(ODD_MESSAGES))

    archived, delivered = shop.archived(), shop.delivered()

    assert archived == delivered
    assert [(message.payload, message.attributes) for message in archived] == ODD_MESSAGES
    running.end()
    time.sleep(ACK_DEADLINE_SECONDS + 0.5)
    assert shop.not_archived() == []  # everything was acknowledged


def test_sigterm_archives_what_still_waits(shop: Shop, start_archiver: StartArchiver) -> None:
    shop.create()
    running = start_archiver(shop, every_seconds=3_600)
    running.wait_until_ready()
    shop.publish((b"%d" % n, {}) for n in range(30_000))
    said = running.end()
    assert [message.payload for message in shop.archived()] == [b"%d" % n for n in range(30_000)]
    assert said.splitlines()[-1].endswith("Ended: 30,000 messages in 2 objects.")
    assert shop.not_archived() == []


def test_kill_9_and_a_restart_lose_nothing(shop: Shop, start_archiver: StartArchiver) -> None:
    shop.create()
    first = start_archiver(shop)
    for burst in range(4):
        shop.publish((b"%d" % n, {"burst": str(burst)}) for n in range(500))
        first.wait_until(lambda: bool(shop.blobs()))
    # Long enough for it to have pulled the last burst, too short to have written it all.
    shop.publish((b"%d" % n, {"burst": "last"}) for n in range(500))
    first.kill()
    delivered = shop.delivered()
    assert len(delivered) == 2_500

    second = start_archiver(shop)
    second.wait_until(
        lambda: len({m.message_id for m in shop.archived()}) == 2_500, 2 * ACK_DEADLINE_SECONDS + 10
    )

    second.end()
    assert {m.message_id: m for m in shop.archived()} == {m.message_id: m for m in delivered}


def test_what_was_pulled_before_kill_9_is_not_lost(shop: Shop, start_archiver: StartArchiver) -> None:
    shop.create()
    first = start_archiver(shop, every_seconds=3_600)
    first.wait_until_ready()
    shop.publish((b"%d" % n, {}) for n in range(100))
    time.sleep(2.5)
    assert shop.not_archived() == []  # it holds them all, …
    assert shop.blobs() == []  # … and has written none
    first.kill()

    second = start_archiver(shop)

    second.wait_until(lambda: len(shop.archived()) == 100, ACK_DEADLINE_SECONDS + 10)
    assert shop.archived() == shop.delivered()


def test_a_missing_bucket_is_said_once_and_its_messages_are_written_once_it_is_there(
    shop: Shop, start_archiver: StartArchiver
) -> None:
    shop.create_subscriptions()
    running = start_archiver(shop)
    shop.publish([(b"kept", {})])
    running.wait_until(lambda: "Cannot write, and will go on trying: 404" in running.said)
    time.sleep(ACK_DEADLINE_SECONDS + 3)  # meanwhile the message is delivered again
    assert running.said.count("Cannot write") == 1
    shop.create_bucket()
    running.wait_until(lambda: "Can write again." in running.said)
    running.end()
    assert [message.payload for message in shop.archived()] == [b"kept"]
    assert shop.not_archived() == []


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--to gs://bucket", "argument --to: 'gs://bucket' is not gs://BUCKET/FOLDER"),
        ("--to gs://b/raw --every-seconds 0", "'0' is not a number of seconds from 1 to 3600"),
        (
            "--to gs://b/raw",
            "PUBSUB_EMULATOR_HOST is not set: source the file that `python -m local up` writes",
        ),
    ],
)
def test_wrong_flags_end_it_with_code_2(
    flags: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    with pytest.raises(SystemExit) as ended:
        archiver.main(["--subscription", "projects/p/subscriptions/s", *flags.split()])
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_pubsub_server_that_is_gone_for_a_while_is_waited_for(
    shop: Shop, start_archiver: StartArchiver, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    away = Shop(f"127.0.0.1:{port}", shop.environment["STORAGE_EMULATOR_HOST"])
    away.create_bucket()
    running = start_archiver(away)
    running.wait_until(lambda: "Cannot pull, and will go on trying: UNAVAILABLE" in running.said)
    for number in range(2):  # its messages and subscriptions go with it
        (tmp_path / str(number)).mkdir()
        with servers.embedded(tmp_path / str(number), f"--port={port}"):
            away.create_subscriptions()
            away.publish([(b"%d" % number, {})])
            running.wait_until(lambda count=number + 1: len(away.blobs()) == count)  # type: ignore[misc]
    assert sorted(message.payload for message in away.archived()) == [b"0", b"1"]
    away.close()


def test_objects_are_compressed_lines(shop: Shop, start_archiver: StartArchiver) -> None:
    shop.create()
    running = start_archiver(shop)
    shop.publish([(b"payload", {"key": "value"})])
    running.wait_until(lambda: len(shop.blobs()) == 1)
    (blob,) = shop.blobs()
    assert blob.name.startswith("raw/date=")
    line = gzip.decompress(blob.download_as_bytes())
    assert line.startswith(b'{"data":"cGF5bG9hZA==","attributes":{"key":"value"},"message_id":"')
