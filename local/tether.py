"""Runs a Python module as `python -m` would, and ends it when the stack that started it is gone.

`python -m local.tether MODULE [ARGUMENT …]` with a pipe as standard input. The stack holds the other
end; however the stack ends, kill -9 included, the pipe closes and the module gets SIGTERM. So no
emulator outlives its stack and keeps a port or a database file locked.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _end_with_the_pipe() -> None:
    # os.read, because a thread inside sys.stdin would hold its lock while the interpreter shuts down.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the module named by the first argument as `__main__` with the arguments that follow it."""
    del sys.argv[0]
    threading.Thread(target=_end_with_the_pipe, daemon=True).start()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
