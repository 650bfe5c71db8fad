"""Worker processes of a run on one machine, forked from the program once it has loaded what they need.

Beam starts each as a Python of its own, which loads the same modules again: a second and a half of a core
before it does anything, and memory that is there once for each.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import grpc
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.portability import local_job_service
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.runners.worker import data_plane, sdk_worker_main
from google.protobuf import json_format, text_format

from pipeline.commands import INTERRUPTED

_ASK_SECONDS = 0.5
_ended: list[int] = []
"""The exit codes of this run's worker processes that have ended before their time; -15 for signal 15."""


class _Reserve(NamedTuple):
    """A process that waits to be told what it works for."""

    process: BaseProcess
    orders: Connection


_reserve: list[_Reserve] = []


def prepare(count: int) -> None:
    """Fork `count` workers for the coming run, which wait until it begins.

    To be called before anything starts a thread: with one, and elsewhere than on Linux, not all that is
    loaded can be forked, and Beam's own way stays.
    """
    _ended.clear()
    _say_only_news()
    _dismiss()
    can_fork = sys.platform == "linux" and threading.active_count() == 1
    handler = _ForkedWorkerHandler if can_fork else worker_handlers.SubprocessSdkWorkerHandler
    worker_handlers.WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)(handler)
    if not can_fork:
        return
    context = multiprocessing.get_context("fork")
    not_now = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(count):
            theirs, orders = context.Pipe(duplex=False)
            process = context.Process(target=_await_orders, args=(theirs, orders), daemon=True)
            process.start()
            theirs.close()
            _reserve.append(_Reserve(process, orders))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, not_now)


def _dismiss() -> None:
    """Let those go that an earlier run has not used."""
    while _reserve:
        unused = _reserve.pop()
        unused.orders.close()
        unused.process.join()


def untimely_end() -> str | None:
    """Why a run has failed, if a worker process has ended before its time."""
    if not _ended:
        return None
    code = _ended[0]
    ended = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
    return f"a worker process has ended with {ended}; if memory is short, use fewer --direct_num_workers."


def was_interrupted() -> bool:
    """Whether an interrupt has ended a worker process: the keyboard sends it to all, one may be first."""
    return INTERRUPTED in _ended


class _ForkedWorkerHandler(worker_handlers.GrpcWorkerHandler):
    """A worker in a forked process, which the runner talks to through gRPC."""

    def __init__(self, _command_line: bytes, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._closed = threading.Event()
        self._process, self._orders = _reserve.pop()

    def start_worker(self) -> None:
        """Tell it what it works for, in the words in which Beam would tell a process that it starts."""
        options = self.provision_info.provision_info.pipeline_options
        with self._orders, suppress(BrokenPipeError):  # if it has ended, whoever watches it says so
            self._orders.send(
                {
                    "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(
                        self.control_api_service_descriptor()
                    ),
                    "PIPELINE_OPTIONS": json_format.MessageToJson(options),
                    "WORKER_ID": self.worker_id,
                }
            )
        threading.Thread(target=self._watch, name=f"watch {self.worker_id}", daemon=True).start()

    def close(self) -> None:
        """Tell it that no more work comes, and wait until it has ended."""
        self._closed.set()
        super().close()

    def stop_worker(self) -> None:
        """Wait until it has ended."""
        self._process.join()

    def _watch(self) -> None:
        """Let what waits for a process fail when it has died: the runner would wait for ever."""
        self._process.join()
        code = self._process.exitcode or 0
        if not self._closed.is_set():
            _ended.append(code)
        while not self._closed.wait(_ASK_SECONDS):
            # Not its abort(): what waits for the output of a bundle does not look there.
            waiting = self.control_conn._futures_by_id
            for instruction in list(waiting):
                waiting.pop(instruction).set(
                    beam_fn_api_pb2.InstructionResponse(instruction_id=instruction, error=untimely_end())
                )


def _await_orders(receiver: Connection, sender: Connection) -> None:
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))  # the program says so
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    sender.close()  # it is the program's: so this process hears when that has ended
    try:
        orders: Mapping[str, str] = receiver.recv()
    except EOFError:
        os._exit(0)
    os.environ.update(orders)
    try:
        sdk_worker_main.main([])
    except grpc.RpcError:  # the runner has ended, and said why
        os._exit(1)


def _say_only_news() -> None:
    threading.excepthook = _no_broken_stream
    for talkative in (sdk_worker_main, data_plane, worker_handlers, local_job_service):
        logging.getLogger(talkative.__name__).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out that a worker has no folder for what nobody uses, and that streams break as processes end."""
    if record.exc_info and record.exc_info[1] is not None and _is_broken_stream(record.exc_info[1]):
        return False
    return "No semi_persistent_directory found" not in record.getMessage()


def _no_broken_stream(failure: threading.ExceptHookArgs) -> None:
    """Say what has ended a thread, unless it is that."""
    if failure.exc_value is None or not _is_broken_stream(failure.exc_value):
        threading.__excepthook__(failure)


def _is_broken_stream(error: BaseException) -> bool:
    return isinstance(error, grpc.RpcError) or str(error) == "Channel closed prematurely."
