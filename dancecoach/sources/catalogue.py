"""From what a person writes or chooses to a source."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from dancecoach.clock import Clock
from dancecoach.errors import SourceError
from dancecoach.sources.base import AudioSource, VideoSource
from dancecoach.sources.files import AudioFile, StillImage, VideoFile, is_image
from dancecoach.sources.network import SCHEMES, NetworkCamera, is_address
from dancecoach.sources.video_file import IMAGE_SUFFIXES

NONE = "none"
VIDEO_SUFFIXES = {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".ts", ".3gp"}
AUDIO_SUFFIXES = {".wav", ".mp3", ".ogg", ".oga", ".opus", ".flac", ".m4a", ".aac", ".wma", ".aiff"}
MEDIA_SUFFIXES = IMAGE_SUFFIXES | VIDEO_SUFFIXES | AUDIO_SUFFIXES


def open_video_spec(spec: str, clock: Clock, paced: bool, latency: float = 0.0) -> VideoSource:
    """Return the source of a description; it is not opened yet.

    Parameters
    ----------
    spec : str
        "" for the default camera, part of a camera's name, an http, https or rtsp address, or a file's path.
    clock : Clock
    paced : bool
        Files only: play in real time.
    latency : float
        Seconds, cameras only.

    Raises
    ------
    SourceError
        When the description fits nothing, or is "none" (ask `is_none` first).
    """
    spec = spec.strip()
    if is_none(spec):
        raise SourceError("No camera is chosen.", "Choose one in Settings.")
    if is_address(spec):
        return NetworkCamera(spec, clock, latency)
    _refuse_scheme(spec)
    path = Path(spec).expanduser()
    if spec and path.is_file():
        return StillImage(path, clock, paced) if is_image(path) else VideoFile(path, clock, paced)
    _refuse_missing(spec, path)
    from dancecoach.sources.camera import DeviceCamera, list_cameras  # Qt only where a device is wanted

    cameras = list_cameras()
    wanted = spec.casefold()
    if spec and cameras and not any(wanted in camera.name.casefold() or spec == camera.id for camera in cameras):
        raise SourceError(
            f"No camera named '{spec}'.",
            f"Connected: {', '.join(camera.name for camera in cameras)}. "
            "Choose one of them, or give the address of a network camera or a file.",
        )
    return DeviceCamera(spec, clock, latency)


def open_audio_spec(spec: str, clock: Clock, paced: bool) -> AudioSource:
    """Return the source of a description; it is not opened yet.

    Parameters
    ----------
    spec : str
        "" for the default microphone, part of the name of a microphone or monitor, or a file's path.
    clock : Clock
    paced : bool
        Files only: play in real time.

    Raises
    ------
    SourceError
        When the description fits nothing, or is "none" (ask `is_none` first).
    """
    spec = spec.strip()
    if is_none(spec):
        raise SourceError("No microphone is chosen.", "Choose one in Settings.")
    if is_address(spec):
        raise SourceError("Sound from an address is not supported.", "Choose a microphone or a music file.")
    _refuse_scheme(spec)
    path = Path(spec).expanduser()
    if spec and path.is_file():
        return AudioFile(path, clock, paced)
    _refuse_missing(spec, path)
    from dancecoach.sources.microphone import Microphone

    return Microphone(spec, clock)


def is_none(spec: str) -> bool:
    """Tell whether a description says that no device is wanted."""
    return spec.strip().casefold() == NONE


def _refuse_scheme(spec: str) -> None:
    scheme = urlsplit(spec).scheme
    if "://" in spec and scheme:
        raise SourceError(
            f"Addresses of the kind {scheme}:// are not supported.", f"Use {', '.join(f'{s}://' for s in SCHEMES)}."
        )


def _refuse_missing(spec: str, path: Path) -> None:
    """Say that a file is missing when a description can only have meant a file."""
    # Device names may hold a slash ("Audio (A/V)") or a dot ("USB2.0 Camera").
    looks_like_path = spec.startswith(("/", "./", "../", "~", f".{os.sep}")) or path.suffix.lower() in MEDIA_SUFFIXES
    if spec and path.is_dir():
        raise SourceError(f"{spec} is a folder.", "Choose a file, or open a recorded session by its folder.")
    # A Linux camera's id is a path too.
    if spec and looks_like_path and not spec.startswith("/dev/"):
        raise SourceError(f"The file {spec} does not exist.", "Check the path and its spelling.")
