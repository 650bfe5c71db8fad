"""Dead letters from the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pipeline.replay.filters import Filters
from pipeline.replay.letters import Letter, letter_of_row
from pipeline.replay.warehouse import Warehouse

BATCH_LETTERS = 500
BATCH_BYTES = 4_000_000
_OPEN = "dead_letters_open"


class TableSource:
    """The dead letters of the table that are not replayed, as they are when it is first asked."""

    tables = ("replays", _OPEN)
    """What must be there."""

    def __init__(self, warehouse: Warehouse, filters: Filters, stopped: Callable[[], bool]) -> None:
        """Read letters that `filters` match, until there are none or `stopped()`."""
        self._warehouse = warehouse
        self._filters = filters
        self._stopped = stopped

    def batches(self) -> Iterator[list[Letter]]:
        """Yield the letters; of their payloads only a page and a batch are in memory.

        Raises as Warehouse.ask.
        """
        condition, parameters = self._filters.sql()
        question = f"SELECT * FROM {self._warehouse.name(_OPEN)} WHERE {condition}"
        batch: list[Letter] = []
        batch_bytes = 0
        for row in self._warehouse.ask(question, parameters):
            if self._stopped():
                return
            letter = letter_of_row(row)
            batch.append(letter)
            batch_bytes += len(letter.payload or b"")
            if len(batch) == BATCH_LETTERS or batch_bytes >= BATCH_BYTES:
                yield batch
                batch, batch_bytes = [], 0
        if batch:
            yield batch

    def settle(self, letter_ids: Sequence[str]) -> None:
        """Do nothing: their rows in `replays` settle them."""

    def close(self) -> None:
        """Do nothing: reading has changed nothing."""
