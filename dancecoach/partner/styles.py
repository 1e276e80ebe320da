"""Which styles the partner knows: salsa, which ships, and those that were imported."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from dancecoach.config import data_folder
from dancecoach.errors import DancecoachError
from dancecoach.partner.model import DuetModel, OnnxModel
from dancecoach.partner.partner import shipped_model

SHIPPED = "salsa"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}")


def styles_folder() -> Path:
    """Return where imported styles are kept."""
    return data_folder() / "partners"


def styles() -> tuple[str, ...]:
    """Return the names of all styles, the one that ships first."""
    folder = styles_folder()
    imported = sorted(path.stem for path in folder.glob("*.onnx") if _NAME.fullmatch(path.stem))
    return (SHIPPED, *(name for name in imported if name != SHIPPED))


def open_style(name: str) -> DuetModel:
    """Open a style by its name, or a model by its path.

    Raises
    ------
    DancecoachError
        When there is no such style or its file cannot be used.
    """
    if name.endswith(".onnx"):
        return OnnxModel(Path(name))
    if name == SHIPPED:
        return shipped_model()
    if name not in styles():
        raise DancecoachError(f"There is no style '{name}'.", f"Choose among {', '.join(styles())}.")
    return OnnxModel(styles_folder() / f"{name}.onnx")


def import_style(path: Path, name: str | None = None) -> str:
    """Keep a model made by `dancecoach train partner` as a style, and return its name.

    Raises
    ------
    DancecoachError
        When the file is no model of a partner, or the name will not do.
    """
    model = OnnxModel(path)
    chosen = name or model.style.name
    if not _NAME.fullmatch(chosen) or chosen == SHIPPED:
        raise DancecoachError(
            f"A style cannot be called '{chosen}'.", "Use letters, digits, spaces and hyphens, and not 'salsa'."
        )
    try:
        styles_folder().mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, styles_folder() / f"{chosen}.onnx")
    except OSError as error:
        raise DancecoachError(f"The style cannot be kept ({error.strerror}).", "Free some disk space.") from error
    return chosen
