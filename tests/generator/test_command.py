from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from base64 import b64decode
from collections import Counter
from pathlib import Path

import pytest

GENERATOR = [sys.executable, "-m", "generator"]


def run(*flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {key: value for key, value in os.environ.items() if key != "INPUT_TOPIC"}
    return subprocess.run(
        [*GENERATOR, *flags], capture_output=True, text=True, check=False, env={**settings, **environment}
    )


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--rate=0", "argument --rate: must be a number above 0, not '0'"),
        ("--rate=fast", "argument --rate: must be a number above 0, not 'fast'"),
        ("--rate=inf", "argument --rate: must be a number above 0, not 'inf'"),
        ("--seconds=nan", "argument --seconds: must be a number above 0, not 'nan'"),
        ("--events=1.5", "argument --events: must be a whole number from 1 to"),
        ("--malformed_share=2", "argument --malformed_share: must be a share from 0 to 1, not '2'"),
        (
            "--malformed_share=0.6 --duplicate_share=0.3",
            "--malformed_share=0.6 plus twice --duplicate_share=0.3",
        ),
        ("--late_share=0.9", "--late_share is too large"),
        ("--malformed_share=1 --duplicate_share=0 --late_share=0.1", "--late_share is too large"),
        ("--start=2025-01-06", "argument --start: must be RFC 3339 with an offset, not '2025-01-06'"),
        ("--incident=earthquake@1s+1s", "argument --incident: names the unknown kind 'earthquake'"),
        ("--incident=order_spike@61s+1s", "--incident=order_spike starts after the run's 60 s are over"),
        ("--incident=silence@1s+1sx5", "argument --incident: needs 0 (or nothing) as the factor of silence"),
        (
            "--incident=stock_out@1s+1s --event_types=order",
            "--incident=stock_out shows only in events of type inventory, which --event_types leaves out.",
        ),
        (
            "--incident=order_drop@1s+1s --incident=order_drop@1s+1sx0.2",
            "--incident=order_drop is given twice with the same times and factor.",
        ),
        (
            "--event_types=order,payment",
            "argument --event_types: must be some of order,inventory,user_activity with commas between, "
            "not 'payment'",
        ),
        ("--event_types=", "argument --event_types: must be some of order,inventory,user_activity"),
        ("--event_types=inventory --late_share=0.1", "--late_share is too large: only new orders and user"),
        ("--weekly_amplitude=1.5", "argument --weekly_amplitude: must be a share from 0 to 1, not '1.5'"),
        ("--old_version_share=2", "argument --old_version_share: must be a share from 0 to 1, not '2'"),
        (
            "--old_version_share=0.1 --event_types=order",
            "--old_version_share is of user activity, which --event_types leaves out.",
        ),
        ("--noise=0.6", "argument --noise: must be a number from 0 to 0.5, not '0.6'"),
        ("--to=kafka", "argument --to: invalid choice: 'kafka'"),
        ("--to=jsonl", "--to=jsonl needs --path"),
        ("--path=events.jsonl", "--path belongs to --to=jsonl, but --to is stdout"),
        ("--to=jsonl --path=no/such/folder/events.jsonl", "is not a file in a folder that exists"),
        ("--manifest=.", "--manifest=. is not a file in a folder that exists"),
        ("--to=pubsub", "--to=pubsub needs --topic=projects/PROJECT/topics/TOPIC, not ''"),
        (
            "--to=pubsub --topic=events",
            "--to=pubsub needs --topic=projects/PROJECT/topics/TOPIC, not 'events'",
        ),
        (
            "--to=pubsub --topic=projects/p/topics/t --start=2999-01-01T00:00:00Z",
            "--start lies in the future",
        ),
        ("--rat=5", "unrecognized arguments: --rat=5"),
    ],
)
def test_wrong_flags_end_with_one_sentence_and_exit_code_2(flags: str, complaint: str) -> None:
    done = run(*flags.split())
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stderr.startswith("generator: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_emulator_that_does_not_answer_is_named_before_anything_starts() -> None:
    done = run("--to=pubsub", "--topic=projects/p/topics/t", PUBSUB_EMULATOR_HOST="localhost:1")
    assert done.returncode == 2
    assert "PUBSUB_EMULATOR_HOST=localhost:1 does not answer" in done.stderr
    assert done.stderr.count("\n") == 1


def test_file_holds_what_the_manifest_says(tmp_path: Path) -> None:
    path, manifest_path, labels = (
        tmp_path / name for name in ("events.jsonl.gz", "manifest.json", "labels.jsonl")
    )
    done = run(
        "--to=jsonl", f"--path={path}", "--seconds=30", "--malformed_share=0.1", "--duplicate_share=0.05",
        f"--manifest={manifest_path}", f"--labels={labels}", "--incident=order_spike@10s+5s",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    manifest = json.loads(manifest_path.read_bytes())
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert len(lines) == manifest["published"] > 10_000
    assert [line["message_id"] for line in lines] == [str(number + 1) for number in range(len(lines))]
    assert list(lines[0]) == ["data", "attributes", "message_id", "publish_time"]
    copies = Counter((line["data"], json.dumps(line["attributes"])) for line in lines)
    payloads = [b64decode(line["data"], validate=True) for line in lines]
    assert sum(payload == b"" for payload in payloads) == manifest["malformed_by_fault"]["empty_payload"]
    assert manifest["published"] == manifest["valid"] + manifest["malformed"] + manifest["duplicates"]
    repeated = sum(count - 1 for count in copies.values())
    assert repeated >= manifest["duplicates"] > 300  # faults such as HTML can be alike too
    assert sum(manifest["malformed_by_fault"].values()) == manifest["malformed"]
    assert sum(manifest["malformed_by_reason"].values()) == manifest["malformed"]
    for word in ("published", "valid", "malformed", "duplicates", "late"):
        assert sum(counts[word] for counts in manifest["by_event_type"].values()) == manifest[word]
    assert [json.loads(line) for line in labels.read_bytes().splitlines()] == [
        {
            "kind": "order_spike",
            "start": "2025-01-06T09:00:10.000000Z",
            "end": "2025-01-06T09:00:15.000000Z",
            "factor": 5.0,
            "is_anomaly": True,
            "affects": {"event_types": ["order"], "metrics": ["order_count", "revenue"], "direction": "up"},
        }
    ]


def test_everything_may_be_broken(tmp_path: Path) -> None:
    flags = ("--malformed_share=1", "--duplicate_share=0", "--late_share=0", "--events=500")
    done = run("--to=jsonl", f"--path={tmp_path / 'events.jsonl'}", *flags)
    assert done.returncode == 0
    assert "0 valid (0 of them late), 500 malformed, 0 duplicates." in done.stderr


def test_compressed_and_plain_file_and_standard_output_hold_the_same_lines(tmp_path: Path) -> None:
    zipped, plain = tmp_path / "events.jsonl.gz", tmp_path / "events.jsonl"
    for path in (zipped, plain):
        assert run("--to=jsonl", f"--path={path}", "--events=500").returncode == 0
    assert gzip.decompress(zipped.read_bytes()) == plain.read_bytes()
    again = tmp_path / "again.jsonl.gz"
    assert run("--to=jsonl", f"--path={again}", "--events=500").returncode == 0
    assert again.read_bytes() == zipped.read_bytes()
    assert run("--events=500").stdout.encode() == plain.read_bytes()


def test_a_reader_that_has_seen_enough_ends_it_cleanly() -> None:
    generator = subprocess.Popen(
        [*GENERATOR, "--seconds=600"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert generator.stdout is not None
    generator.stdout.readline()
    generator.stdout.close()
    assert generator.wait(timeout=30) == 0
    assert generator.stderr is not None
    with generator.stderr:
        assert b"Traceback" not in generator.stderr.read()


def test_full_disk_ends_with_one_sentence_and_exit_code_1() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*GENERATOR, "--seconds=60"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"standard output takes no more: No space left on device." in done.stderr
    assert b"Traceback" not in done.stderr
