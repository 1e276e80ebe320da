"""A virtual X display, for machines without a screen."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

from dancecoach.errors import DancecoachError


@contextlib.contextmanager
def virtual_display(size: str = "1920x1080") -> Iterator[str]:
    """Run Xvfb and give its address; raises DancecoachError when it is not installed."""
    program = shutil.which("Xvfb")
    if program is None:
        raise DancecoachError("There is no display here.", "Install Xvfb (Debian: apt install xvfb).")
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [program, "-displayfd", str(writer), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as pipe:
            number = pipe.readline().strip()
        yield f":{number}"
    finally:
        process.terminate()
        process.wait()
