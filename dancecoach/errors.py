"""Errors a person may see: one clear sentence and the way out."""

from __future__ import annotations


class DancecoachError(Exception):
    """A failure with a sentence for the person and a remedy.

    Parameters
    ----------
    problem : str
        What went wrong, one sentence.
    remedy : str
        What the person can do about it, one sentence; may be empty.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy


class SourceError(DancecoachError):
    """A camera, microphone, stream or file could not be opened or read."""


class SourceLost(SourceError):
    """A source that was running stopped: unplugged, disconnected or broken off."""


class FileFormatError(DancecoachError):
    """A file is broken, of another kind, or unsafe to read."""


class ModelError(DancecoachError):
    """The weights of a network are missing or cannot be used."""


class SettingsError(DancecoachError):
    """The settings file cannot be read."""


class RecordingError(DancecoachError):
    """A session cannot be written (any longer)."""
