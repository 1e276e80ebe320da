"""From the command line's options to a running window: settings, devices, demo, engine."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dancecoach import config
from dancecoach.config import Settings
from dancecoach.errors import SettingsError
from dancecoach.types import Notice

if TYPE_CHECKING:
    from dancecoach.engine import Engine
    from dancecoach.sources.camera import DeviceWatcher
    from dancecoach.ui.services import Services

log = logging.getLogger(__name__)

_LOADING = 60.0  # s that a piece of music may take to be decoded and analysed


def start(options: argparse.Namespace, session: Path | None = None) -> int:
    """Open the window the options ask for; returns the exit status."""
    from dancecoach.ui.platform import no_display_reason, quieten_qt

    quieten_qt()
    reason = no_display_reason()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 2
    from dancecoach.ui.application import RunOptions, run

    settings, trouble = config.recover()
    asked = settings
    if options.camera is not None:
        asked = dataclasses.replace(asked, camera=options.camera)
    if options.audio is not None:
        asked = dataclasses.replace(asked, audio=options.audio)
    run_options = RunOptions(
        fullscreen=options.fullscreen,
        quit_after=options.quit_after,
        screenshot=options.screenshot,
        view=options.view,
        size=options.size,
    )
    watchers: list[DeviceWatcher] = []
    engines: list[Engine] = []

    def build() -> Engine:
        engines.append(_engine(asked, options, trouble, watchers))
        return engines[-1]

    def learn(name: str, folder: Path) -> None:
        engines[-1].learn_choreography(name, folder)

    try:
        folder = options.record if options.view == "review" else None
        return run(build, asked, _services(asked, folder, session, learn), run_options)
    finally:
        for watcher in watchers:
            watcher.stop()


def _engine(
    settings: Settings, options: argparse.Namespace, trouble: SettingsError | None, watchers: list[DeviceWatcher]
) -> Engine:
    """Build the engine (in a worker thread) and give it its first commands."""
    from dancecoach.engine import Engine
    from dancecoach.sources.camera import DeviceWatcher, list_cameras

    if options.view == "review":
        return Engine(dataclasses.replace(settings, camera="none", audio="none"))
    demo = options.demo
    missing = not demo and settings.camera == "" and not list_cameras()
    engine = Engine(dataclasses.replace(settings, camera="none", audio="none") if demo or missing else settings)
    if trouble is not None:
        engine.tell(Notice("settings_unreadable", trouble.problem, trouble.remedy))
    if missing:
        engine.tell(
            Notice(
                "demo",
                "No camera is connected: this is the demo",
                "Connect one, or press S to choose a network camera.",
                "info",
            )
        )
        watchers.append(DeviceWatcher(on_cameras=lambda: _leave_demo(engine, settings)))
        watchers[-1].start()
    if demo or missing:
        threading.Thread(target=_show_demo, args=(engine,), name="dancecoach demo", daemon=True).start()
    elif options.music:
        engine.load_music(options.music)
        threading.Thread(target=_play_when_loaded, args=(engine,), name="dancecoach play", daemon=True).start()
    if options.record is not None:
        engine.start_recording(options.record)
    return engine


def _leave_demo(engine: Engine, settings: Settings) -> None:
    """Go over to the camera that was just plugged in, unless the person has chosen something else meanwhile."""
    if engine.in_demo:
        engine.unload_music()
        engine.use_audio(settings.audio)
        engine.use_camera("")


def _play_when_loaded(engine: Engine) -> None:
    if engine.listener.wait_loaded(_LOADING):
        engine.play()


def _show_demo(engine: Engine) -> None:
    """Play the demo's music in a loop, its dancer following it."""
    engine.show_demo()


def _services(
    settings: Settings, folder: Path | None, session: Path | None, learn: Callable[[str, Path], None]
) -> Services:
    from dancecoach.ui.services import Services

    def cameras() -> tuple[object, ...]:
        from dancecoach.sources.camera import list_cameras

        return list_cameras()

    def inputs() -> tuple[object, ...]:
        from dancecoach.sources.microphone import list_audio_inputs

        return list_audio_inputs()

    def outputs() -> tuple[object, ...]:
        from dancecoach.sources.microphone import list_audio_outputs

        return list_audio_outputs()

    def styles() -> tuple[str, ...]:
        from dancecoach.partner.styles import styles

        return styles()

    def review() -> object:
        from dancecoach.session.export import export
        from dancecoach.session.store import list_sessions, open_session
        from dancecoach.ui.review_model import ReviewStore

        return ReviewStore(list_sessions, open_session, export)  # type: ignore[arg-type]

    sessions = folder or (Path(settings.sessions) if settings.sessions else config.sessions_folder())
    return Services(
        list_cameras=cameras,  # type: ignore[arg-type]
        list_audio_inputs=inputs,  # type: ignore[arg-type]
        list_audio_outputs=outputs,  # type: ignore[arg-type]
        list_styles=styles,
        save_settings=config.save,
        review=review,  # type: ignore[arg-type]
        learn_choreography=learn,
        sessions_folder=sessions,
    )


def print_devices() -> int:
    """Print cameras, microphones and loudspeakers."""
    from dancecoach.ui.platform import quieten_qt

    quieten_qt()
    from PySide6.QtCore import QCoreApplication

    application = QCoreApplication.instance() or QCoreApplication(["dancecoach"])
    from dancecoach.sources.camera import list_cameras
    from dancecoach.sources.microphone import list_audio_inputs, list_audio_outputs

    for title, devices in (
        ("Cameras", list_cameras()),
        ("Microphones and monitors", list_audio_inputs()),
        ("Loudspeakers", list_audio_outputs()),
    ):
        print(f"{title}:")
        for device in devices:
            print(f"  {device.name}")
        if not devices:
            print("  none")
    del application
    return 0
