"""What the windows need from the rest of the program beside the engine, handed in as callables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dancecoach.config import Settings
from dancecoach.errors import DancecoachError

if TYPE_CHECKING:
    from dancecoach.ui.review_model import ReviewStore
    from dancecoach.ui.speech import Voice


class Device(Protocol):
    """A camera, microphone or loudspeaker: `name` to show, `id` to hand to the engine."""

    @property
    def name(self) -> str:
        """What it is called on screen."""
        ...

    @property
    def id(self) -> str:
        """What `use_camera` and `use_audio` take."""
        ...


def _no_devices() -> Sequence[Device]:
    return ()


def _shipped_style() -> Sequence[str]:
    return (Settings().partner_style,)


def _learn_nothing(name: str, session: Path) -> None:
    raise DancecoachError("Choreographies cannot be learned here.", "Start dancecoach with its models installed.")


def _keep_nothing(settings: Settings) -> None:
    return None


@dataclass(frozen=True)
class Services:
    """Callables of the surrounding program.

    `save_settings` is called in a worker thread; the `list_…` callables in the main thread when a menu opens;
    `review` makes the store of recorded sessions when the review window is opened first. `learn_choreography` takes
    a name and the folder of a session and is called in a worker thread. `open_voice` returns what speaks, None where
    there is no voice; without it Qt is asked.
    """

    list_cameras: Callable[[], Sequence[Device]] = _no_devices
    list_audio_inputs: Callable[[], Sequence[Device]] = _no_devices
    list_audio_outputs: Callable[[], Sequence[Device]] = _no_devices
    list_styles: Callable[[], Sequence[str]] = _shipped_style
    save_settings: Callable[[Settings], None] = _keep_nothing
    review: Callable[[], ReviewStore] | None = None
    learn_choreography: Callable[[str, Path], None] = _learn_nothing
    open_voice: Callable[[], Voice | None] | None = None
    sessions_folder: Path = field(default_factory=Path)
