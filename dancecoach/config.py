"""Settings: dataclasses to TOML in the user's configuration folder and back, with versioned upgrades."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w

from dancecoach.errors import SettingsError

log = logging.getLogger(__name__)

VERSION = 1
MAX_OFFSET = 1.0  # seconds; Bluetooth speakers reach 650 ms


def config_folder() -> Path:
    """Return the folder of the settings file (environment variable DANCECOACH_CONFIG overrides it)."""
    override = os.environ.get("DANCECOACH_CONFIG")
    return Path(override) if override else Path(platformdirs.user_config_dir("dancecoach", appauthor=False))


def cache_folder() -> Path:
    """Return the folder for what can be made again (environment variable DANCECOACH_CACHE overrides it)."""
    override = os.environ.get("DANCECOACH_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("dancecoach", appauthor=False))


def data_folder() -> Path:
    """Return the folder for what was taught and cannot be made again (DANCECOACH_DATA overrides it)."""
    override = os.environ.get("DANCECOACH_DATA")
    return Path(override) if override else Path(platformdirs.user_data_dir("dancecoach", appauthor=False))


def sessions_folder() -> Path:
    """Return where sessions are recorded by default (DANCECOACH_SESSIONS overrides it)."""
    override = os.environ.get("DANCECOACH_SESSIONS")
    return Path(override) if override else Path(platformdirs.user_documents_dir()) / "dancecoach"


@dataclass(frozen=True)
class Latency:
    """Delays of one device pair, seconds, each with its spread (standard deviation, None when not measured)."""

    camera: float = 0.06
    camera_sd: float | None = None
    audio_output: float = 0.0
    audio_output_sd: float | None = None
    display: float = 0.03
    display_sd: float | None = None
    calibrated: str = ""  # ISO date of the calibration, empty for the factory values


@dataclass(frozen=True)
class Settings:
    """What the application remembers.

    `camera` and `audio` are names, addresses or paths as the command line takes them, empty for the system's
    default; `latencies` is keyed by `device_pair`; `music_offset` seconds added to the beat, −1…1. `cues` and
    `heat_map` show what the coach says on the mirror, `speak` says it, `speech_volume` 0…1; `reference` is the path
    of a motion file or a session to compare with, empty for none. `partner` switches the live partner on;
    `partner_view` is one of `PARTNER_VIEWS`; `partner_role` what it dances, "follower" or "leader"; `partner_ghost`
    how many counts ahead its ghost is, one of `PARTNER_GHOSTS`, 0 for none; `partner_style` the dance.
    """

    camera: str = ""
    audio: str = ""
    mirror: bool = True
    fullscreen: bool = False
    large_type: bool = False
    theme: str = "dark"  # "dark", "colour-blind safe" or "light"
    debug: bool = False
    record_video: bool = False
    music_offset: float = 0.0
    music_speed: float = 1.0
    count_in: bool = True
    sessions: str = ""
    cues: bool = True
    heat_map: bool = True
    speak: bool = False
    speech_volume: float = 0.8
    reference: str = ""
    partner: bool = False
    partner_view: str = "opposite me"
    partner_role: str = "follower"
    partner_ghost: int = 0
    partner_style: str = "salsa"
    latencies: Mapping[str, Latency] = field(default_factory=dict)

    def latency_of(self, camera: str, audio: str) -> Latency:
        """Return the calibrated delays of this pair of devices, or the factory values."""
        return self.latencies.get(device_pair(camera, audio), Latency())

    def with_latency(self, camera: str, audio: str, latency: Latency) -> Settings:
        """Return settings that remember `latency` for this pair of devices."""
        latencies = {**self.latencies, device_pair(camera, audio): latency}
        return dataclasses.replace(self, latencies=latencies)


def device_pair(camera: str, audio: str) -> str:
    """Return the key under which the latency of a camera and an audio device is kept."""
    return f"{camera or 'default'} + {audio or 'default'}"


# From version n (the key) to n + 1: takes and returns the parsed table. Every entry has a test.
UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def load(path: Path | None = None) -> Settings:
    """Read the settings; a file that does not exist gives the defaults.

    Raises
    ------
    SettingsError
        When the file is not readable or not ours; it has been left as it is. Use `recover` to go on.
    """
    path = path or config_folder() / "settings.toml"
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"The settings file {path} cannot be read ({type(error).__name__}).",
            "Default settings are used; the old file is kept beside the new one.",
        ) from error
    version = table.pop("version", None)
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise SettingsError(
            f"The settings file {path} is of an unknown version ({version!r}).",
            "Default settings are used; the old file is kept beside the new one.",
        )
    for step in range(version, VERSION):
        table = UPGRADES[step](table)
    return _from_table(table)


def recover(path: Path | None = None) -> tuple[Settings, SettingsError | None]:
    """Read the settings; when that fails put the file aside and return the defaults and the error."""
    path = path or config_folder() / "settings.toml"
    try:
        return load(path), None
    except SettingsError as error:
        log.warning("settings: %s", error, exc_info=error)
        with contextlib.suppress(OSError):
            path.replace(path.with_suffix(".unreadable.toml"))
        return Settings(), error


def save(settings: Settings, path: Path | None = None) -> None:
    """Write the settings atomically; raises SettingsError when the disk refuses."""
    path = path or config_folder() / "settings.toml"
    table: dict[str, Any] = {"version": VERSION}
    for item in dataclasses.fields(settings):
        if item.name != "latencies":
            table[item.name] = getattr(settings, item.name)
    table["latencies"] = {
        pair: {key: value for key, value in dataclasses.asdict(latency).items() if value is not None}
        for pair, latency in settings.latencies.items()
    }
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(tomli_w.dumps(table), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise SettingsError(f"The settings cannot be saved to {path} ({error.strerror}).", "") from error


def _from_table(table: Mapping[str, Any]) -> Settings:
    """Take every value of the right type and range, warn about the rest."""
    values: dict[str, Any] = {}
    defaults = Settings()
    for key, value in table.items():
        if key == "latencies" and isinstance(value, dict):
            values[key] = {str(pair): _latency(entry) for pair, entry in value.items() if isinstance(entry, dict)}
            continue
        default = getattr(defaults, key, None)
        number = isinstance(default, float) and type(value) in (int, float) and math.isfinite(value)
        if key != "latencies" and default is not None and (type(value) is type(default) or number):
            values[key] = float(value) if isinstance(default, float) else value
        else:
            log.warning("settings: %s = %r is not understood and left out", key, value)
    settings = Settings(**values)
    return dataclasses.replace(
        settings,
        music_offset=min(max(settings.music_offset, -MAX_OFFSET), MAX_OFFSET),
        music_speed=min(max(settings.music_speed, 0.5), 1.1),
        speech_volume=min(max(settings.speech_volume, 0.0), 1.0),
        theme=settings.theme if settings.theme in THEMES else defaults.theme,
        partner_view=_one_of(settings.partner_view, PARTNER_VIEWS),
        partner_role=_one_of(settings.partner_role, PARTNER_ROLES),
        partner_ghost=settings.partner_ghost if settings.partner_ghost in PARTNER_GHOSTS else 0,
    )


def _one_of(value: str, known: tuple[str, ...]) -> str:
    return value if value in known else known[0]


THEMES = ("dark", "colour-blind safe", "light")
PARTNER_VIEWS = ("opposite me", "over the shoulder", "from above", "in the mirror")
PARTNER_ROLES = ("follower", "leader")
PARTNER_GHOSTS = (0, 2, 3, 4)  # counts


def _latency(table: Mapping[str, Any]) -> Latency:
    values: dict[str, Any] = {}
    for item in dataclasses.fields(Latency):
        value = table.get(item.name)
        if item.name == "calibrated":
            values[item.name] = value if isinstance(value, str) else ""
        elif type(value) in (int, float) and math.isfinite(value):  # type: ignore[arg-type]
            values[item.name] = min(max(float(value), -MAX_OFFSET), MAX_OFFSET)  # type: ignore[arg-type]
    return Latency(**values)
