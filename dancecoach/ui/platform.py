"""Qt and the system: which plugins to load, and whether there is a screen at all. Imports no Qt."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import socket
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

_X_SOCKETS = Path("/tmp/.X11-unix")
_PLUGIN_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR", "QT_PLUGIN_PATH")


def prefer_pyside_plugins(environment: MutableMapping[str, str] | None = None) -> None:
    """Undo what OpenCV's wheel sets on import: its plugins are of another Qt and cannot be loaded by ours.

    Paths that somebody else set are kept. Call right before the QApplication is made; Qt reads them then.
    """
    environment = os.environ if environment is None else environment
    for name in _PLUGIN_VARIABLES:
        if "cv2" in Path(environment.get(name, "")).parts:
            del environment[name]


def quieten_qt() -> None:
    """Keep Qt Multimedia's remarks about optional libraries off the terminal, unless somebody asked for them."""
    os.environ.setdefault("QT_LOGGING_RULES", "qt.multimedia.*=false")


def no_display_reason(environment: Mapping[str, str] | None = None, system: str = sys.platform) -> str | None:
    """Return why no window can be opened, one sentence with the way out; None when one can.

    Qt ends the whole process when it finds no screen, so this has to be asked before.
    """
    environment = os.environ if environment is None else environment
    if not system.startswith("linux"):
        return None
    platform = environment.get("QT_QPA_PLATFORM", "")
    if platform and not platform.startswith(("xcb", "wayland")):
        return None
    if environment.get("WAYLAND_DISPLAY") and not platform.startswith("xcb"):
        return None
    display = environment.get("DISPLAY", "")
    if not display:
        return "There is no display here. Use 'dancecoach analyze VIDEO', which needs none."
    if not _answers(display):
        return f"The display {display} does not answer. Check DISPLAY, or use 'dancecoach analyze VIDEO'."
    missing = _missing_library()
    if missing:
        return f"The system library {missing} is missing, windows need it. Install it with the system's packages."
    return None


def _answers(display: str) -> bool:
    """Tell whether an X server listens; an address in a form not known here is left to Qt."""
    match = re.fullmatch(r"(?:unix)?:(\d+)(?:\.\d+)?", display)
    if match is None:
        return True
    path = str(_X_SOCKETS / f"X{match[1]}")
    for address in (path, "\0" + path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2.0)
            if connection.connect_ex(address) == 0:
                return True
    return False


def _missing_library() -> str:
    """Return the name of a library that Qt's plugin for X needs and the system lacks; "" when all are there."""
    spec = importlib.util.find_spec("PySide6")
    if spec is None or spec.origin is None:
        return ""
    plugin = Path(spec.origin).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    if not plugin.exists():  # not the wheel but the distribution's own package
        return ""
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        return str(error).partition(":")[0]
    return ""
