"""A part of the live loop in a process of its own, so that it neither waits for the interpreter nor is waited for.

```
parent: send ──► queue ──pipe──► child: what it serves
        receive ◄─────────pipe──┘
```

What passes between them is pickled by `multiprocessing`; both ends are this program, no file of anybody's is read.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import math
import multiprocessing
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

log = logging.getLogger(__name__)

_FAREWELL = 1.0  # s in which a child ends by itself
_PATIENCE = 10  # niceness of a patient child, where there is such a thing


class ChildEndedError(RuntimeError):
    """The child is gone; the log knows why."""


class Child:
    """A child process and both ways of the pipe to it. It ends when its parent does, however that ends.

    What it logs, a failure with its traceback too, comes out of the parent's log when the parent receives.

    Parameters
    ----------
    name : str
        For the log.
    serve : callable
        What the child does, given its end of the pipe, until `EOFError`; a function of a module.
    patient : bool, optional
        Let everybody else compute first.
    """

    def __init__(self, name: str, serve: Callable[[Connection], None], patient: bool = False) -> None:
        self._name = name
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_run, args=(name, serve, theirs, patient), name=f"dancecoach {name}", daemon=True
        )
        self._sending = threading.Lock()
        self._heard_at = time.monotonic()
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        """The number of the process."""
        return self._process.pid

    def send(self, message: Any) -> None:
        """Send `message`; waits while the child is behind. A child that is gone hears nothing."""
        with self._sending, contextlib.suppress(OSError):
            self._connection.send(message)

    def ask(self, message: Any) -> None:
        """Send `message` that is to be answered: from now on silence counts."""
        self._heard_at = time.monotonic()
        self.send(message)

    def receive(self, timeout: float, patience: float = math.inf) -> Any | None:
        """Return what the child said next; None when it said nothing for `timeout` s, or only logged.

        Raises
        ------
        ChildEndedError
            When it has ended, or has said nothing since it was started, or last heard, for `patience` s.
        """
        try:
            if not self._connection.poll(timeout):
                silent = time.monotonic() - self._heard_at
                if silent > patience:
                    raise ChildEndedError(f"the process '{self._name}' has said nothing for {silent:.0f} s")
                return None
            message = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(_FAREWELL)
            raise ChildEndedError(f"the process '{self._name}' ended ({self._process.exitcode})") from None
        self._heard_at = time.monotonic()
        if isinstance(message, logging.LogRecord):
            logging.getLogger(message.name).handle(message)
            return None
        return message

    def close(self) -> None:
        """End the child."""
        if not self._sending.acquire(timeout=_FAREWELL):
            self._process.kill()  # it does not listen: whoever sends is let go
            self._sending.acquire()
        self._connection.close()
        self._sending.release()
        self._process.join(_FAREWELL)
        if self._process.is_alive():
            log.warning("the process '%s' had to be killed", self._name)
            self._process.kill()
            self._process.join()


class _Forwarding(logging.handlers.QueueHandler):
    """Sends what is logged to the parent, which has the log's file."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(queue.SimpleQueue())
        self._connection = connection

    def enqueue(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            self._connection.send(record)


def _run(name: str, serve: Callable[[Connection], None], connection: Connection, patient: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    if patient:
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else _PATIENCE)
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger().addHandler(_Forwarding(connection))
    logging.captureWarnings(True)
    try:
        serve(connection)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent has gone
    except Exception:
        log.exception("the process '%s' failed", name)
        sys.exit(1)
