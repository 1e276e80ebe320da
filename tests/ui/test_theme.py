import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from dancecoach.config import THEMES
from dancecoach.ui.theme import PALETTES, make_theme, text_width, wrapped_height


def luminance(value: str) -> float:
    color = QColor(value)
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color.getRgbF()[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_theme_of_the_settings_exists() -> None:
    assert tuple(PALETTES) == THEMES


@pytest.mark.parametrize("name", THEMES)
def test_text_can_be_read(name: str) -> None:
    palette = PALETTES[name]
    assert contrast(palette.text, palette.panel) >= 7.0
    for role in ("muted", "early", "late", "good", "accent"):
        assert contrast(getattr(palette, role), palette.panel) >= 4.5, role
    for level in ("info", "warning"):
        assert contrast(palette.notice_text, getattr(palette, level)) >= 4.5, level


def test_sizes_follow_the_window_and_large_type(application: QApplication) -> None:
    small, full = make_theme("dark", 1280, 720), make_theme("dark", 1920, 1080)
    assert full.px(10) / small.px(10) == pytest.approx(1.5, abs=0.02)
    assert make_theme("dark", 1280, 720, True).px(10) > small.px(10)


def test_text_is_made_to_fit(application: QApplication) -> None:
    theme = make_theme("light", 1280, 720)
    font = theme.fitted("a rather long text", 100.0, 8.0, True)
    assert text_width("a rather long text", font.pixelSize(), True) <= 100.0
    assert theme.fitted("8", 500.0, 8.0).pixelSize() == theme.px(8.0)
    assert wrapped_height("one two three four", 60.0, 20, False) > wrapped_height("one", 60.0, 20, False)


def test_an_unknown_theme_gives_the_first() -> None:
    assert make_theme("neon", 100, 100).name == "dark"
