"""The TestStream service: hands the subscription to Beam's direct runner, one turn at a time."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from apache_beam.coders import VarIntCoder
from apache_beam.portability.api import beam_interactive_api_pb2_grpc, beam_runner_api_pb2

from pipeline.clock import now_us
from pipeline.elements import RawMessage
from pipeline.live.subscription import SubscriptionReader

TestStreamPayload = beam_runner_api_pb2.TestStreamPayload
TURN_CODER = VarIntCoder()
PROBE = 0
TURN_MESSAGES = 500
TURN_BYTES = 16_000_000
HEARTBEAT_SECONDS = 0.2
"""Length of a turn without messages: how soon timers and the watermark move on a quiet subscription."""


class StreamService(beam_interactive_api_pb2_grpc.TestStreamServiceServicer):
    """Answers the runner's one call with turns: processing time, a chunk, the watermark, a probe.

    What travels is the number of a turn, with which `collect` gives out its chunk: the runner's client
    takes no response over 4 MiB, and a message alone can have 10 MB.

    The runner's queue has no bound, and a chunk taken too early would go stale in it. So each turn ends
    with a probe, the number 0; the runner looks at it only when everything before has run through the
    graph, and `note_idle` then lets the next turn begin. Times in these messages are µs, whatever
    their comments say.
    """

    def __init__(self, reader: SubscriptionReader, longest_timer_seconds: int) -> None:
        """Serve `reader` to a graph in which no timer of processing time runs for longer."""
        self._reader = reader
        self._longest_timer_us = (longest_timer_seconds + 1) * 1_000_000
        self._idle = threading.Semaphore(1)
        self._chunks: dict[int, list[RawMessage]] = {}
        self._turns = itertools.count(PROBE + 1)
        self._server = grpc.server(ThreadPoolExecutor(max_workers=2, thread_name_prefix="stream"))
        beam_interactive_api_pb2_grpc.add_TestStreamServiceServicer_to_server(self, self._server)
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def start(self) -> None:
        """Serve until `stop`."""
        self._server.start()

    def stop(self) -> None:
        """End the service and wait for it."""
        self._server.stop(grace=1).wait()

    def note_idle(self) -> None:
        """The probe has come through: the graph has nothing more to do."""
        self._idle.release()

    def collect(self, turn: int) -> list[RawMessage]:
        """The chunk of a turn, once."""
        return self._chunks.pop(turn)

    def Events(self, request: Any, context: Any) -> Iterator[Any]:
        """The runner's call: yields the stream until the reader is drained."""
        clock_us = 0
        watermark_us: int | None = None
        while self._graph_is_idle(context) and not self._reader.drained():
            messages = self._reader.take(TURN_MESSAGES, TURN_BYTES, HEARTBEAT_SECONDS)
            # The runner's clock starts at 0. It must tell the time: a pane that a timer gives out is called
            # early or late by comparing that clock with the window's end.
            elapsed_us = max(1, now_us() - clock_us)
            clock_us += elapsed_us
            yield _advance_processing_time(elapsed_us)
            if messages:
                earliest_us = min(m.publish_time_us or now_us() for m in messages)
                turn = next(self._turns)
                self._chunks[turn] = messages
                yield _add_element(turn, earliest_us)
            reached_us = self._reader.watermark_us()
            if reached_us is not None and (watermark_us is None or reached_us > watermark_us):
                watermark_us = reached_us
                yield _advance_watermark(watermark_us)
            yield _add_element(PROBE, now_us())
        # At the end of the stream the runner moves the watermark to the end of time, but not its clock: a
        # late pane that still waits for its timer would wait for ever.
        yield _advance_processing_time(self._longest_timer_us)
        yield _add_element(PROBE, now_us())
        self._graph_is_idle(context)

    def _graph_is_idle(self, context: Any) -> bool:
        """Wait for the last turn's probe; False if the runner has gone."""
        while not self._idle.acquire(timeout=1.0):
            if not context.is_active():
                return False
        return True


def _add_element(turn: int, timestamp_us: int) -> Any:
    element = TestStreamPayload.TimestampedElement(
        encoded_element=TURN_CODER.encode(turn), timestamp=timestamp_us
    )
    return TestStreamPayload.Event(element_event=TestStreamPayload.Event.AddElements(elements=[element]))


def _advance_watermark(watermark_us: int) -> Any:
    return TestStreamPayload.Event(
        watermark_event=TestStreamPayload.Event.AdvanceWatermark(new_watermark=watermark_us)
    )


def _advance_processing_time(duration_us: int) -> Any:
    return TestStreamPayload.Event(
        processing_time_event=TestStreamPayload.Event.AdvanceProcessingTime(advance_duration=duration_us)
    )
