"""Targets that read files: those of a backfill, contracts, repair rules."""

from __future__ import annotations

import tempfile
from pathlib import Path

import orjson

from benchmarks.fuzz.messages import CONTRACT, NOW_US, judged
from benchmarks.fuzz.mutation import SEPARATOR
from pipeline.arrow_schema import arrow_schema
from pipeline.avro_files import AvroFileError
from pipeline.contract import load_contract
from pipeline.elements import RawMessage
from pipeline.errors import ContractFileError, UsageError
from pipeline.files import FileDamaged, cut_into_ranges, find_files, read_chunks
from pipeline.parse import Parser
from pipeline.projections import bigquery_fields, json_schema
from pipeline.replay.repair import RepairFailed, repair
from pipeline.replay.rules import load_rules

_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-")
_PARSER = Parser(CONTRACT)
_LABELS = {"reason": "wrong_type", "event_type": "order", "fingerprint": "0123456789abcdef"}
_SUFFIXES = (b".jsonl", b".jsonl.gz", b".avro")


def backfill_file(data: bytes) -> str:
    """A file of a backfill, by its ending: looked at, read whole, and every message of it parsed."""
    suffix, _, content = data.partition(SEPARATOR)
    path = _written(suffix.decode() if suffix in _SUFFIXES else ".jsonl", content)
    count = 0
    try:
        for byte_range in cut_into_ranges(find_files(str(path))):
            for chunk in read_chunks(byte_range):
                for message in chunk.messages:
                    judged(_PARSER, message)
                count += len(chunk.messages)
    except (UsageError, FileDamaged, AvroFileError) as error:
        return type(error).__name__
    return f"{min(count, 3)} messages"


def contract_file(data: bytes) -> str:
    """A contract: what is loaded can be compiled, projected and parsed with."""
    path = _written(".json", data)
    try:
        contract = load_contract(path)
        parser = Parser(contract)
    except ContractFileError as error:
        return type(error).__name__
    for table in contract.tables.values():
        orjson.dumps(json_schema(table))
        orjson.dumps(bigquery_fields(table))
        arrow_schema(table)
    for event_type in contract.event_types:
        judged(
            parser, RawMessage(b'{"at":"2024-05-01T12:00:00Z","n":1}', {"event_type": event_type}, None, None)
        )
    return "loaded"


def repair_rules(data: bytes) -> str:
    """Rules, SEPARATOR, payload: the file read, and the message repaired by it."""
    rules_text, _, payload = data.partition(SEPARATOR)
    path = _written(".json", rules_text)
    try:
        rules = load_rules(str(path))
    except UsageError as error:
        return type(error).__name__
    try:
        result = repair(payload, {"event_type": "order"}, _LABELS, rules)
    except RepairFailed as error:
        return type(error).__name__
    if result.payload != payload:
        assert isinstance(orjson.loads(result.payload), dict)
        assert result.changed
    judged(_PARSER, RawMessage(result.payload, result.attributes, "m1", NOW_US))
    return "repaired" if result.changed else "untouched"


def _written(suffix: str, content: bytes) -> Path:
    path = Path(_FOLDER.name) / f"input{suffix}"
    path.write_bytes(content)
    return path
