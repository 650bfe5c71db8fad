"""The generator's manifest: what it published, by event type, compared with the ledger's totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson

from pipeline.errors import UsageError
from pipeline.reconcile.books import Counted, Key
from pipeline.reconcile.findings import MANIFEST_DIFFERS, Finding
from pipeline.rfc3339 import parse_rfc3339_us


class Sent(NamedTuple):
    """Messages of one event type."""

    valid: int
    duplicates: int


class Manifest(NamedTuple):
    """What a run of the generator has published."""

    start_us: int
    published: int
    malformed: int
    by_event_type: Mapping[str, Sent]
    """A malformed message may not say what the shop meant, so malformed ones are counted together."""


def read_manifest(path: str) -> Manifest:
    """Read the file of `python -m generator --manifest`; raises UsageError with one sentence."""
    try:
        found = orjson.loads(Path(path).read_bytes())
        return Manifest(
            parse_rfc3339_us(found["start"]),
            int(found["published"]),
            int(found["malformed"]),
            {
                str(event_type): Sent(int(words["valid"]), int(words["duplicates"]))
                for event_type, words in found["by_event_type"].items()
            },
        )
    except OSError as error:
        raise UsageError(f"--manifest={path} cannot be read: {error.strerror}.") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"--manifest={path} is not a manifest: name the file that python -m generator --manifest wrote."
        ) from error


def compare(
    manifest: Manifest, ledger: Mapping[Key, Counted], replayed: Mapping[str, int]
) -> Iterator[Finding]:
    """Where the ledger's totals are not the manifest's.

    `replayed` are messages of `replays`, by event type: they were published as well, and may have been
    accepted, duplicates or rejected.
    """
    totals: Counter[tuple[str, str]] = Counter()
    for (_, event_type), counted in ledger.items():
        for word in ("received", "accepted", "duplicates", "rejected"):
            totals[event_type, word] += getattr(counted, word)
            totals["", word] += getattr(counted, word)
    again = sum(replayed.values())
    published = manifest.published + again
    yield from _differs(None, "received", totals["", "received"], "published", published, published)
    for event_type in sorted({*manifest.by_event_type, *(key.event_type for key in ledger)}):
        sent = manifest.by_event_type.get(event_type, Sent(0, 0))
        more = replayed.get(event_type, 0)
        accepted, duplicates = totals[event_type, "accepted"], totals[event_type, "duplicates"]
        yield from _differs(event_type, "accepted", accepted, "valid", sent.valid, sent.valid + more)
        yield from _differs(
            event_type, "duplicates", duplicates, "duplicates", sent.duplicates, sent.duplicates + more
        )
    lowest = manifest.malformed
    yield from _differs(None, "rejected", totals["", "rejected"], "malformed", lowest, lowest + again)


def _differs(
    event_type: str | None, word: str, found: int, said: str, lowest: int, highest: int
) -> Iterator[Finding]:
    if not lowest <= found <= highest:
        count = lowest - found if found < lowest else found - highest
        expected = f"{lowest:,}" if lowest == highest else f"{lowest:,} to {highest:,} with what was replayed"
        sentence = f"The manifest says {expected} {said}, the ledger {found:,} {word}."
        yield Finding(MANIFEST_DIFFERS, event_type, None, count, sentence)
