"""Movements of stock per window, warehouse and product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import apache_beam as beam
import msgspec

from pipeline.anomalies.stock import Moves
from pipeline.elements import Event
from pipeline.transforms.order_metrics import SummarizeSettings
from pipeline.transforms.windowed_sums import AddUpDeltas, NameDeltas, Revise, WindowPartials
from pipeline.windows import window_start_us


class _Movement(msgspec.Struct, gc=False):
    """What is needed of a movement's row."""

    product_id: str
    warehouse_id: str
    quantity_change: int
    reason: str


_movement_in: Callable[[bytes], _Movement] = msgspec.json.Decoder(_Movement).decode


class SummarizeStock(beam.PTransform):
    """Add up the movements of stock per window, warehouse and product.

    Input: list[Event] of any type.
    Output: Revision of {product_id: Moves}, one group per warehouse; each adds to the ones before.
    None comes before the watermark has passed the window.
    Units: units of the product. Windows and lateness are those of the orders.
    """

    def __init__(self, settings: SummarizeSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, events: beam.PCollection) -> beam.PCollection:
        settings = self.settings
        seconds, lateness_seconds = settings.window_seconds, settings.lateness_seconds
        deltas = (
            events
            | "SummarizeChunk" >> beam.ParDo(_SummarizeChunk(seconds)).with_output_types(WindowPartials)
            | "AddUpDeltas" >> AddUpDeltas(seconds, settings.pane_seconds, lateness_seconds, early=False)
        )
        if settings.pane_seconds is None:
            return deltas | "Revise" >> Revise(seconds, seconds, lateness_seconds, in_panes=False)
        return deltas | "NameDeltas" >> NameDeltas()


def summarize_stock(events: Iterable[Event], window_seconds: int) -> list[WindowPartials]:
    """Movements per window and warehouse."""
    found: dict[tuple[int, str], dict[str, Moves]] = {}
    for event in events:
        if event.event_type != "inventory":
            continue
        movement = _movement_in(event.columns)
        place = (window_start_us(event.event_time_us, window_seconds), movement.warehouse_id)
        products = found.get(place)
        if products is None:
            products = found[place] = {}
        moves = products.get(movement.product_id)
        if moves is None:
            moves = products[movement.product_id] = Moves()
        moves.add_movement(movement.reason, movement.quantity_change)
    return [WindowPartials(start_us, warehouse, parts) for (start_us, warehouse), parts in found.items()]


class _SummarizeChunk(beam.DoFn):
    def __init__(self, window_seconds: int) -> None:
        self.window_seconds = window_seconds

    def process(self, events: list[Event]) -> Iterator[WindowPartials]:
        yield from summarize_stock(events, self.window_seconds)
