"""PortAudio: loading it, its device lists, and the rule for starting it anew.

PortAudio freezes its device list when it is initialised; a device plugged in later is only seen after a new
start, which kills running streams. `refresh` therefore starts it anew only while none of our streams is open.

On Linux the sound server's own devices are offered by their names too (`pactl` lists them), monitors
included. They are opened through ALSA's `pulse` device, which the client library points at the device named in
PULSE_SOURCE or PULSE_SINK while it connects. PipeWire answers the same way.

What the computer itself plays can be heard on Windows through "Stereo Mix" (switched on in the sound settings)
or a virtual cable, on macOS through BlackHole: both appear as inputs, and are marked as monitors here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from dancecoach.errors import SourceError

log = logging.getLogger(__name__)

WASAPI = "Windows WASAPI"
BRIDGE = "pulse"  # the ALSA device of libasound2-plugins
VIRTUAL_CABLES = ("blackhole", "soundflower", "loopback", "vb-audio", "cable output", "stereo mix", "what u hear")
# ALSA's plugin devices that PortAudio lists beside the real ones; nobody would choose them.
PLUGINS = frozenset(
    {
        "sysdefault",
        "front",
        "rear",
        "side",
        "surround40",
        "surround51",
        "surround71",
        "iec958",
        "spdif",
        "dmix",
        "dsnoop",
    }
    | {
        "lavrate",
        "samplerate",
        "speexrate",
        "speex",
        "upmix",
        "vdownmix",
        "jack",
        "oss",
        "null",
        "hdmi",
        "a52",
        "default",
    }
    | {BRIDGE, "pipewire"}
)
PACTL_TIMEOUT = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class AudioDevice:
    """A sound device one can choose.

    `name` as shown; `is_monitor` when it gives back what the computer plays; `is_default` of its direction;
    `host_api` of PortAudio, or "PulseAudio"; `index` in PortAudio's list; `server_name` of the sound server's
    device behind it, empty for plain PortAudio devices; `channels` it has; `sample_rate` Hz it prefers.
    """

    name: str
    is_monitor: bool
    is_default: bool
    host_api: str
    index: int
    server_name: str = ""
    channels: int = 2
    sample_rate: int = 48000

    @property
    def id(self) -> str:
        """What the engine takes to use this device: its name, which survives being plugged in again."""
        return self.name


_guard = threading.RLock()  # PortAudio itself, and the environment while a stream connects
_open_streams = 0


def library() -> ModuleType:
    """Return the sounddevice module; raises SourceError when PortAudio is missing."""
    try:
        import sounddevice
    except OSError as error:
        raise SourceError(
            "The sound library PortAudio is not installed.",
            "Install it (Debian and Ubuntu: apt install libportaudio2 libasound2-plugins) and start again.",
        ) from error
    module: ModuleType = sounddevice
    return module


def refresh() -> bool:
    """Look for devices anew; returns False when a running stream of ours forbids it."""
    with _guard:
        sounddevice = library()
        if _open_streams:
            return False
        try:
            sounddevice._terminate()
            sounddevice._initialize()
        except sounddevice.PortAudioError as error:
            log.warning("PortAudio cannot be started anew: %s", error)
            return False
        return True


def open_streams() -> int:
    """Return how many streams of ours are open."""
    return _open_streams


@contextlib.contextmanager
def opening(device: AudioDevice, source: bool) -> Iterator[ModuleType]:
    """Hold PortAudio while a stream of `device` is opened; the bridge is pointed at the right device."""
    variable = "PULSE_SOURCE" if source else "PULSE_SINK"
    with _guard:
        before = os.environ.get(variable)
        if device.server_name:
            os.environ[variable] = device.server_name
        try:
            yield library()
        finally:
            if device.server_name:
                if before is None:
                    del os.environ[variable]
                else:
                    os.environ[variable] = before


def extra_settings(device: AudioDevice) -> Any:
    """Return what a stream of `device` needs besides the usual: WASAPI must be allowed to convert formats."""
    return library().WasapiSettings(auto_convert=True) if device.host_api == WASAPI else None


def count_stream(change: int) -> None:
    """Tell that a stream was opened (+1) or closed (-1)."""
    global _open_streams
    with _guard:
        _open_streams += change


def devices(source: bool) -> tuple[AudioDevice, ...]:
    """Return the inputs (`source`) or outputs; empty without any. Raises SourceError without PortAudio."""
    with _guard:
        sounddevice = library()
        try:
            listed: list[dict[str, Any]] = list(sounddevice.query_devices())
            apis: list[dict[str, Any]] = list(sounddevice.query_hostapis())
        except sounddevice.PortAudioError as error:
            log.warning("the sound devices cannot be listed: %s", error)
            return ()
    key = "max_input_channels" if source else "max_output_channels"
    # Windows shows every device once per host API; WASAPI is the one with short and known delays.
    only = {number for number, api in enumerate(apis) if api["name"] == WASAPI} or set(range(len(apis)))
    default = _default_index([api for number, api in enumerate(apis) if number in only], source)
    bridge = next((i for i, entry in enumerate(listed) if entry["name"] == BRIDGE and entry[key] > 0), None)
    found: list[AudioDevice] = []
    if bridge is not None:
        found += _server_devices(bridge, source)
    behind_server = bool(found)
    for index, entry in enumerate(listed):
        api = str(apis[entry["hostapi"]]["name"])
        name = str(entry["name"])
        if (
            entry["hostapi"] not in only
            or entry[key] <= 0
            or (api == "ALSA" and name in PLUGINS and (behind_server or name != "default"))
        ):
            continue
        found.append(
            AudioDevice(
                name=name,
                is_monitor=source and any(cable in name.lower() for cable in VIRTUAL_CABLES),
                is_default=index == default and not behind_server,
                host_api=api,
                index=index,
                channels=int(entry[key]),
                sample_rate=int(entry["default_samplerate"]) or 48000,
            )
        )
    return tuple(found)


def _default_index(apis: list[dict[str, Any]], source: bool) -> int:
    """Return the default device of the first host API that has one; -1 without."""
    key = "default_input_device" if source else "default_output_device"
    return next((int(api[key]) for api in apis if api[key] >= 0), -1)


def _server_devices(bridge: int, source: bool) -> list[AudioDevice]:
    """Return the sound server's devices; empty without `pactl` or server."""
    entries = _pactl("list", "sources" if source else "sinks")
    info = _pactl("info")
    if not isinstance(entries, list):
        return []
    default = info.get("default_source_name" if source else "default_sink_name") if isinstance(info, dict) else None
    return [
        AudioDevice(
            name=str(entry.get("description") or entry.get("name")),
            is_monitor=bool(entry.get("monitor_source")) if source else False,
            is_default=entry.get("name") == default,
            host_api="PulseAudio",
            index=bridge,
            server_name=str(entry.get("name")),
            channels=_channels(str(entry.get("sample_specification", ""))),
            sample_rate=_rate(str(entry.get("sample_specification", ""))),
        )
        for entry in entries
        if isinstance(entry, dict) and entry.get("name")
    ]


def _pactl(*arguments: str) -> object:
    program = shutil.which("pactl") if sys.platform.startswith("linux") else None
    if program is None:
        return None
    try:
        result = subprocess.run(
            [program, "--format=json", *arguments], capture_output=True, timeout=PACTL_TIMEOUT, check=True
        )
        return json.loads(result.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        log.info("pactl %s: %s", " ".join(arguments), error)
        return None


def _rate(specification: str) -> int:
    """Return the Hz of a text such as "s16le 2ch 44100Hz"; 48000 when it says nothing."""
    words = [word for word in specification.split() if word.endswith("Hz") and word[:-2].isdigit()]
    return int(words[0][:-2]) if words else 48000


def _channels(specification: str) -> int:
    words = [word for word in specification.split() if word.endswith("ch") and word[:-2].isdigit()]
    return int(words[0][:-2]) if words else 2


def find(name: str, source: bool) -> AudioDevice:
    """Return the device whose name contains `name` (case does not matter); "" is the default.

    Raises
    ------
    SourceError
        When there is none, or several fit equally; the sentence lists what is there.
    """
    kind = "microphone" if source else "sound output"
    available = devices(source)
    if not available:
        raise SourceError(
            f"No {kind} was found.",
            "Connect one; on Debian and Ubuntu the packages libasound2-plugins and pulseaudio-utils are needed too.",
        )
    if not name:
        return next((device for device in available if device.is_default), available[0])
    wanted = name.casefold()
    exact = [device for device in available if wanted in (device.name.casefold(), device.server_name.casefold())]
    if exact:
        return exact[0]
    fitting = [d for d in available if wanted in d.name.casefold() or wanted in d.server_name.casefold()]
    names = ", ".join(dict.fromkeys(device.name for device in available))
    if not fitting:
        raise SourceError(f"No {kind} named '{name}'.", f"Connected: {names}. Choose one of them.")
    if len({device.name.casefold() for device in fitting}) > 1 and not any(d.is_default for d in fitting):
        several = ", ".join(dict.fromkeys(device.name for device in fitting))
        raise SourceError(f"'{name}' fits several {kind}s: {several}.", "Write more of the name.")
    return next((device for device in fitting if device.is_default), fitting[0])
