"""Processes of their own: they answer, fail aloud, and end with whom they serve."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from multiprocessing.connection import Connection

import psutil
import pytest

from dancecoach.loop.child import Child, ChildEndedError

_WAIT = 20.0  # s


def double(connection: Connection) -> None:
    while True:
        connection.send(2 * connection.recv())


def stumble(connection: Connection) -> None:
    raise ArithmeticError(f"cannot add {connection.recv()}")


def vanish(connection: Connection) -> None:
    connection.recv()
    os._exit(3)


def deaf(connection: Connection) -> None:
    connection.send("here")
    threading.Event().wait()


def tell(connection: Connection) -> None:
    logging.getLogger("dancecoach.somewhere").warning("%s is missing", "the style")
    warnings.warn("numbers overflow", RuntimeWarning, stacklevel=1)
    connection.send("done")
    connection.recv()


def priority(connection: Connection) -> None:
    connection.send(psutil.Process().nice())
    connection.recv()


def test_it_answers_until_it_is_closed() -> None:
    child = Child("double", double)
    number = child.pid
    for word in ("a", "bc"):
        child.send(word)
        assert child.receive(_WAIT) == 2 * word
    assert child.receive(0.01) is None
    child.close()
    assert number is not None and not psutil.pid_exists(number)
    child.send("nobody hears this")
    with pytest.raises(ChildEndedError):
        child.receive(0.1)


def test_a_failure_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    child = Child("stumble", stumble)
    child.send("apples")
    assert child.receive(_WAIT) is None
    with pytest.raises(ChildEndedError, match="'stumble' ended"):
        child.receive(_WAIT)
    child.close()
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert "'stumble' failed" in record.getMessage() and "cannot add apples" in record.getMessage()


def test_an_end_without_a_word_is_noticed() -> None:
    child = Child("vanish", vanish)
    child.send(1)
    with pytest.raises(ChildEndedError, match="ended"):
        child.receive(_WAIT)
    child.close()


def test_one_that_hangs_is_given_up() -> None:
    child = Child("deaf", deaf)
    assert child.receive(_WAIT) == "here"
    child.ask("are you still there?")
    assert child.receive(0.2, patience=_WAIT) is None
    with pytest.raises(ChildEndedError, match="has said nothing for"):
        child.receive(0.2, patience=0.1)
    child.close()


def test_one_that_does_not_listen_is_ended_all_the_same() -> None:
    child = Child("deaf", deaf)
    assert child.receive(_WAIT) == "here"
    began = time.monotonic()
    child.close()
    assert time.monotonic() - began < 10.0


def test_what_it_logs_is_logged_here(caplog: pytest.LogCaptureFixture) -> None:
    child = Child("tell", tell)
    while child.receive(_WAIT) != "done":
        pass
    child.close()
    logged = [(record.name, record.getMessage().split("\n")[0]) for record in caplog.records]
    assert ("dancecoach.somewhere", "the style is missing") in logged
    assert any(name == "py.warnings" and "numbers overflow" in text for name, text in logged)


def test_a_patient_one_lets_others_first() -> None:
    children = [Child("priority", priority, patient) for patient in (False, True)]
    usual, lowered = (child.receive(_WAIT) for child in children)
    assert usual == psutil.Process().nice() < lowered  # the classes of Windows are ordered so, too
    for child in children:
        child.close()


def test_it_ends_when_its_parent_is_killed() -> None:
    program = (
        "import threading; from tests.loop.test_child import Child, double\n"
        "child = Child('double', double); child.send('a'); print(child.receive(20.0), flush=True)\n"
        "threading.Event().wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "aa\n"
    parent.kill()
    # The child has the parent's output, too: it ends when both have.
    assert parent.communicate(timeout=_WAIT)[0] == ""
