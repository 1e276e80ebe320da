"""Cues are spoken once, one at a time, and only when somebody wants to hear them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dancecoach.types import Advice, Snapshot
from dancecoach.ui import speech
from dancecoach.ui.speech import NO_VOICE, STALE, Speaker, open_voice

from . import fake

pytestmark = pytest.mark.usefixtures("application")
Wait = Callable[[Callable[[], bool]], None]


class FakeVoice:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.speaking = False
        self.volume = -1.0
        self.stopped = 0

    def say(self, text: str) -> None:
        assert not self.speaking, "it talks over itself"
        self.said.append(text)
        self.speaking = True

    def busy(self) -> bool:
        return self.speaking

    def set_volume(self, volume: float) -> None:
        self.volume = volume

    def stop(self) -> None:
        self.stopped += 1
        self.speaking = False


def speaker(voice: FakeVoice, on: bool = True) -> Speaker:
    made = Speaker(lambda: voice)
    made.set(on, 0.6)
    return made


def said(time: float = 10.0, *advice: Advice) -> Snapshot:
    return fake.judged(time, advice=advice)


LATE, SMALL = Advice(10.0, 12, fake.LATE_ARM), Advice(10.0, 12, fake.SMALL_ARM)


def test_an_advice_is_said_once_in_words() -> None:
    voice = FakeVoice()
    made = speaker(voice)
    for time in (10.0, 10.2, 12.0, 13.0):
        made.follow(said(time, LATE))
        voice.speaking = False
    assert voice.said == ["Left arm 80 milliseconds late on 3 and 7"]
    assert voice.volume == 0.6
    made.follow(said(18.0, Advice(18.0, 14, fake.LATE_ARM)))
    assert len(voice.said) == 2, "given again later, it is said again"


def test_two_are_said_one_after_the_other() -> None:
    voice = FakeVoice()
    made = speaker(voice)
    made.follow(said(10.0, LATE, SMALL))
    made.follow(said(10.2, LATE, SMALL))
    assert len(voice.said) == 1
    voice.speaking = False
    made.follow(said(11.5))
    assert voice.said[1:] == ["Right arm too small: 35 percent less than it should be"]


def test_what_waited_too_long_is_left_out() -> None:
    voice = FakeVoice()
    made = speaker(voice)
    made.follow(said(10.0, LATE, SMALL))
    made.follow(said(10.0 + STALE))
    voice.speaking = False
    made.follow(said(10.1 + STALE))
    assert len(voice.said) == 1


def test_switched_off_nothing_is_said_nor_opened() -> None:
    opened: list[int] = []
    made = Speaker(lambda: opened.append(1))  # type: ignore[func-returns-value]
    made.set(False, 0.6)
    made.follow(said(10.0, LATE))
    assert opened == []


def test_switching_off_falls_silent() -> None:
    voice = FakeVoice()
    made = speaker(voice)
    made.follow(said(10.0, LATE, SMALL))
    made.set(False, 0.6)
    assert voice.stopped == 1
    made.set(True, 0.6)
    made.follow(said(10.4))
    assert len(voice.said) == 1, "what waited is forgotten"


def test_without_a_voice_it_says_so_and_goes_on() -> None:
    made = Speaker(lambda: None)
    made.set(True, 0.6)
    made.follow(said(10.0, LATE))
    made.stop()
    assert made.problem() == NO_VOICE
    assert speaker(FakeVoice()).problem() == ""


def test_qt_without_an_engine_has_no_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    module = pytest.importorskip("PySide6.QtTextToSpeech")
    monkeypatch.setattr(module.QTextToSpeech, "availableEngines", staticmethod(lambda: ["mock"]))
    assert open_voice() is None, "an engine that only pretends is none"


def test_qt_speaks(wait_until: Wait) -> None:
    module = pytest.importorskip("PySide6.QtTextToSpeech")
    if "mock" not in module.QTextToSpeech.availableEngines():
        pytest.skip("Qt's test engine is not installed")
    voice = open_voice("mock")
    assert isinstance(voice, speech.QtVoice)
    voice.set_volume(0.5)
    assert not voice.busy()
    voice.say("one two")
    wait_until(voice.busy)
    wait_until(lambda: not voice.busy())
    voice.say("three four five six")
    wait_until(voice.busy)
    voice.stop()
    wait_until(lambda: not voice.busy())
    voice.deleteLater()
