from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from dancecoach.bench import pulse


@pytest.fixture(scope="session")
def application() -> object:
    from PySide6.QtWidgets import QApplication

    return QApplication.instance() or QApplication([])


@pytest.fixture(scope="module")
def sound_server() -> Iterator[pulse.PulseDaemon]:
    """Run a PulseAudio with a null sink of our own."""
    if reason := pulse.missing():
        pytest.skip(reason)
    from dancecoach.sources import portaudio

    with pulse.PulseDaemon() as daemon:
        portaudio.refresh()
        yield daemon
