"""What two persons and a warehouse have left in tables, dead letters and lake; and the command."""

from __future__ import annotations

import gzip
import os
import re
from binascii import a2b_base64
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import orjson

from local.archive_batch import envelope_line
from pipeline.arrow_schema import arrow_schema
from pipeline.bigquery_rows import Row
from pipeline.elements import DeadLetter, Event, RawMessage
from pipeline.erase.__main__ import main
from pipeline.errors import ContractError
from pipeline.objects import write_object
from pipeline.tables import Tables
from pipeline.transforms.lake_parts import lake_part, parquet_bytes
from tests.archive.test_avro_files import WITH_METADATA, avro, record
from tests.contract.messages import CONTRACT
from tests.endtoend.events import TABLES
from tests.endtoend.in_process import Ended, run_in_process
from tests.endtoend.plant import Plant
from tests.replay.letters import FAILED_US, keep
from tests.transforms.builders import event

MINE, OTHERS = 'o\'Neil "C\\1" ß', "C2"
MY_USER, OTHER_USER = "U1", "U2"


def erase(plant: Plant, folder: Path, *flags: str) -> Ended:
    ids = [f"--customer_id={MINE}", f"--user_id={MY_USER}", f"--plan={folder}"]
    places = [f"--bq_dataset={plant.dataset}", f"--output_bucket={plant.lake}"]
    return run_in_process(main, plant, [*ids, *places, *flags])


def events(customer_id: str, user_id: str, count: int) -> list[Event]:
    name = re.sub(r"\W", "", customer_id)
    orders = [event(f"{name}{n}", customer_id=customer_id, order_id=f"o{n}") for n in range(count)]
    return [*orders, *(event(f"{name}{n}", "user_activity", user_id=user_id) for n in range(count))]


def letters(customer_id: str, prefix: str, filler: int) -> list[DeadLetter]:
    """Letters of every shape: in the row, too large for it, broken, with the id in an attribute alone."""
    good = orjson.dumps({"customer_id": customer_id, "status": "lost", "filler": "x"})
    payloads = [good, good[:-9], b'{"custmer_id":%b}' % orjson.dumps(customer_id), good + b" " * filler]
    raw = [RawMessage(payload, {}, f"{prefix}{n}", FAILED_US) for n, payload in enumerate(payloads)]
    for name, payload in (("a", b"{"), ("b", b"{" + b" " * filler)):
        raw.append(RawMessage(payload, {"customer_id": customer_id}, f"{prefix}{name}", FAILED_US))
    error = ContractError("/status", "enum", "status must be one of …")
    return [DeadLetter(each, "parse", "invalid_value", (error,), "order", FAILED_US) for each in raw]


class Envelope(NamedTuple):
    """What the archiver needs of a message."""

    data: bytes
    attributes: dict[str, str]
    message_id: str


def line(message: RawMessage) -> bytes:
    """The message as the archiver writes it."""
    return envelope_line(Envelope(message.payload, dict(message.attributes), message.message_id or ""), 0)


def fill(plant: Plant) -> None:
    """Put what two persons did where the pipeline and the archive put it."""
    mine, others = events(MINE, MY_USER, 2), events(OTHERS, OTHER_USER, 3)
    tables = Tables(plant.dataset, plant.lake)
    stock = [event("stock", "inventory", inventory_id=MY_USER)]
    with mock.patch.dict(os.environ, plant.stack.environment):
        for event_type, name in TABLES.items():
            group = [each for each in (*mine, *others, *stock) if each.event_type == event_type]
            tables.write(name, [Row(each.event_id, each.row) for each in group])
            schema = arrow_schema(CONTRACT.table_of(event_type))
            here = f"{plant.lake}/processed/event_type={event_type}/date=2024-05-01/hour=12"
            write_object(f"{here}/both.parquet", parquet_bytes(lake_part(group), schema))
            mine_alone = [each for each in group if each in mine]
            if mine_alone:
                write_object(f"{here}/mine.parquet", parquet_bytes(lake_part(mine_alone), schema))
            others_alone = [each for each in group if each not in mine]
            write_object(f"{here}/others.parquet", parquet_bytes(lake_part(others_alone), schema))
        sent = [each.message for each in (*mine, *others, *stock)]
        archived = gzip.compress(b"".join(map(line, sent)), mtime=0)
        write_object(f"{plant.lake}/raw/date=2024-05-01/both.jsonl.gz", archived)
        write_object(f"{plant.lake}/raw/both.avro", avro(WITH_METADATA, map(record, sent)))
        write_object(f"{plant.lake}/raw/mine.jsonl.gz", gzip.compress(line(mine[0].message)))
        loaded = {"file_path": "both", "bytes": len(archived), "rows": 11, "accepted": 11, "duplicates": 0}
        loaded |= {"rejected": 0, "run_id": "run", "loaded_at": "2026-03-02T10:04:11Z"}
        md5 = plant._bucket.get_blob(f"{plant.name}/raw/date=2024-05-01/both.jsonl.gz").md5_hash
        tables.write("_load_metadata", [Row("1", orjson.dumps(loaded | {"md5": hex_of(md5)}))])
    keep(plant, [*letters(MINE, "mine", 1_000_000), *letters(OTHERS, "others", 1_000_000)])


def hex_of(base64: str) -> str:
    """Cloud Storage's checksum as `_load_metadata` has it."""
    return a2b_base64(base64).hex()
