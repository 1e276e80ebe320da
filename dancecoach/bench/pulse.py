"""A private PulseAudio daemon with a null sink: real PortAudio devices on a machine without a sound card."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

SINK = "dance"
DESCRIPTION = "Dance"
VARIABLES = ("PULSE_SERVER", "PULSE_RUNTIME_PATH", "PULSE_SINK", "PULSE_SOURCE")


def missing() -> str:
    """Return why PulseAudio cannot be used here; empty when it can."""
    for program, package in (("pulseaudio", "pulseaudio"), ("pactl", "pulseaudio-utils")):
        if shutil.which(program) is None:
            return f"{program} is not installed (apt install {package})"
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        return "ALSA's bridge to PulseAudio is not installed (apt install libasound2-plugins)"
    return ""


def poll(condition: Callable[[], bool], seconds: float = 5.0, step: float = 0.02) -> bool:
    """Return True as soon as `condition` holds, False after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(step)
    return True


class PulseDaemon:
    """Runs `pulseaudio` for this process only; `PULSE_SERVER` points to it while it runs."""

    def __init__(self, rate: int = 44100) -> None:
        self.rate = rate
        self._folder = Path(tempfile.mkdtemp(prefix="pulse"))
        self._socket = self._folder / "native"
        self._process: subprocess.Popen[bytes] | None = None
        self._before: dict[str, str | None] = {}

    def start(self) -> PulseDaemon:
        """Start the daemon and wait until it answers."""
        self._before = {name: os.environ.get(name) for name in VARIABLES}
        for name in VARIABLES:
            os.environ.pop(name, None)
        environment = {
            **os.environ,
            "HOME": str(self._folder),
            "XDG_RUNTIME_DIR": str(self._folder),
            "PULSE_RUNTIME_PATH": str(self._folder),
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        }
        arguments = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        arguments += ["-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"]
        sink = f"module-null-sink sink_name={SINK} norewinds=1 rate={self.rate}"
        sink += f" sink_properties=device.description={DESCRIPTION}"
        # norewinds: else an idle null sink wakes every two seconds only, which no sound card does
        arguments += ["-L", sink]
        self._process = subprocess.Popen(
            arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.environ["PULSE_SERVER"] = f"unix:{self._socket}"
        if not poll(lambda: self.control("info") is not None, 10):
            self.stop()
            raise RuntimeError("pulseaudio does not answer")
        return self

    def stop(self) -> None:
        """Shut the daemon down and restore the environment."""
        self.kill()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """Take the sound server away, as if it had crashed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def control(self, *arguments: str) -> str | None:
        """Run `pactl`; None when it fails."""
        try:
            result = subprocess.run(["pactl", *arguments], capture_output=True, timeout=5, check=True, text=True)
        except (OSError, subprocess.SubprocessError):
            return None
        return result.stdout

    def __enter__(self) -> PulseDaemon:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
