"""Every test runs with its own settings, cache and sessions, and with workers that raise rather than restart."""

import os
import tempfile
from pathlib import Path

import pytest

_HOME = tempfile.mkdtemp(prefix="dancecoach-tests")
os.environ["DANCECOACH_STRICT"] = "1"
os.environ["DANCECOACH_CONFIG"] = f"{_HOME}/config"
os.environ["DANCECOACH_CACHE"] = f"{_HOME}/cache"
os.environ["DANCECOACH_SESSIONS"] = f"{_HOME}/sessions"
os.environ["DANCECOACH_DATA"] = f"{_HOME}/data"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings that lies beside a developer's checkout; it is not part of the project."""
    folder = Path(os.environ.get("DANCECOACH_RECORDINGS", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "music" / "tracks").is_dir():
        pytest.skip("the real recordings are not here (set DANCECOACH_RECORDINGS)")
    return folder
