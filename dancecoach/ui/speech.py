"""Speaks cues: each advice once, never two at a time."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import QLocale, QObject

from dancecoach.types import Advice, Snapshot
from dancecoach.ui.words import advice_words, spoken

log = logging.getLogger(__name__)

STALE = 4.0  # s after which an advice that had to wait is not said any more
NO_VOICE = "This computer has no voice: install a speech engine (speech-dispatcher on Linux)."
_REMEMBERED = 64  # advices


class Voice(Protocol):
    """A speech engine."""

    def say(self, text: str) -> None:
        """Begin to speak."""
        ...

    def busy(self) -> bool:
        """Return whether it is speaking."""
        ...

    def set_volume(self, volume: float) -> None:
        """Set the loudness, 0…1."""
        ...

    def stop(self) -> None:
        """Fall silent."""
        ...


class QtVoice(QObject):
    """Qt's text to speech, in English where it can."""

    def __init__(self, speech: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._speech = speech
        speech.setParent(self)
        english = QLocale(QLocale.Language.English)
        if any(locale.language() == english.language() for locale in speech.availableLocales()):
            speech.setLocale(english)

    def say(self, text: str) -> None:
        """Begin to speak."""
        self._speech.say(text)

    def busy(self) -> bool:
        """Return whether it is speaking."""
        states = type(self._speech).State
        return self._speech.state() in (states.Speaking, states.Synthesizing)

    def set_volume(self, volume: float) -> None:
        """Set the loudness, 0…1."""
        self._speech.setVolume(volume)

    def stop(self) -> None:
        """Fall silent."""
        self._speech.stop()


def open_voice(engine: str | None = None) -> QtVoice | None:
    """Return a voice of the system, or of the Qt engine of that name; None when there is none that works."""
    try:
        from PySide6.QtTextToSpeech import QTextToSpeech
    except ImportError:
        return None
    # Qt's "mock" only pretends to speak.
    names = [engine] if engine else [name for name in QTextToSpeech.availableEngines() if name != "mock"]
    for name in names:
        speech = QTextToSpeech(name)
        if speech.state() != QTextToSpeech.State.Error and speech.availableVoices():
            return QtVoice(speech)
        log.info("the speech engine %s does not work: %s", name, speech.errorString())
        speech.deleteLater()
    return None


class Speaker:
    """Says every advice once.

    An advice that comes while another one is spoken waits for its end, or is left out when that takes too long.

    Parameters
    ----------
    open_voice : callable
        Returns the voice, None when there is none; called when speaking is switched on first.
    """

    def __init__(self, open_voice: Callable[[], Voice | None] = open_voice) -> None:
        self._open = open_voice
        self._voice: Voice | None = None
        self._tried = False
        self._on = False
        self._volume = 1.0
        self._said: deque[tuple[object, ...]] = deque(maxlen=_REMEMBERED)
        self._waiting: deque[Advice] = deque()

    def problem(self) -> str:
        """Return why nothing can be spoken, "" when it can."""
        return "" if self._ready() is not None else NO_VOICE

    def _ready(self) -> Voice | None:
        if not self._tried:
            self._tried = True
            self._voice = self._open()
        return self._voice

    def set(self, on: bool, volume: float) -> None:
        """Switch speaking on or off; `volume` 0…1."""
        if not on and self._on:
            self.stop()
        self._on, self._volume = on, min(max(volume, 0.0), 1.0)
        voice = self._ready() if on else None
        if voice is not None:
            voice.set_volume(self._volume)

    def follow(self, snapshot: Snapshot) -> None:
        """Take what the coach says now, and say what is new once nobody speaks."""
        if not self._on or self._voice is None:
            return
        for each in snapshot.advice:
            key = (each.time, each.primitive, each.cue.limb, each.cue.fault, each.praise)
            if key not in self._said:
                self._said.append(key)
                self._waiting.append(each)
        while self._waiting and not self._voice.busy():
            each = self._waiting.popleft()
            if snapshot.time - each.time <= STALE:
                self._voice.say(spoken(advice_words(each, snapshot.primitives)))
                return

    def stop(self) -> None:
        """Fall silent and forget what waits."""
        self._waiting.clear()
        if self._voice is not None:
            self._voice.stop()
