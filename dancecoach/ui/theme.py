"""Colours and type: three themes of Okabe and Ito's palette, every size a share of the window.

Early, late and on the beat are told by position, shape and word; colour only repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from dancecoach.config import THEMES

LARGE_TYPE = 1.22  # growth of every size with the "large type" setting

_FAMILIES = ("Noto Sans", "Segoe UI", "Helvetica Neue", "DejaVu Sans")


@dataclass(frozen=True)
class Palette:
    """Colours by meaning."""

    background: str
    panel: str
    panel_alpha: int
    text: str
    muted: str
    line: str
    accent: str  # the beat
    good: str  # on the beat
    early: str
    late: str
    left_side: str
    right_side: str
    middle: str
    outline: str
    error: str
    warning: str
    info: str
    notice_text: str
    grade_a: str
    grade_b: str
    grade_c: str
    grade_d: str
    grade_e: str


# Okabe and Ito (2008): black, orange, sky blue, bluish green, yellow, blue, vermilion, reddish purple.
PALETTES: dict[str, Palette] = {
    "dark": Palette(
        background="#0f1216",
        panel="#171b21",
        panel_alpha=225,
        text="#f4f6f8",
        muted="#a9b2bd",
        line="#3a424d",
        accent="#f0e442",
        good="#2bc59a",
        early="#56b4e9",
        late="#f0a020",
        left_side="#f0e442",
        right_side="#d98cba",
        middle="#f4f6f8",
        outline="#0b0d10",
        error="#d55e00",
        warning="#e69f00",
        info="#56b4e9",
        notice_text="#0b0d10",
        grade_a="#2bc59a",
        grade_b="#56b4e9",
        grade_c="#f0e442",
        grade_d="#f0a020",
        grade_e="#d55e00",
    ),
    "colour-blind safe": Palette(
        background="#000000",
        panel="#000000",
        panel_alpha=235,
        text="#ffffff",
        muted="#d0d0d0",
        line="#707070",
        accent="#f0e442",
        good="#ffffff",
        early="#56b4e9",
        late="#e69f00",
        left_side="#f0e442",
        right_side="#56b4e9",
        middle="#ffffff",
        outline="#000000",
        error="#ffffff",
        warning="#f0e442",
        info="#56b4e9",
        notice_text="#000000",
        grade_a="#ffffff",
        grade_b="#56b4e9",
        grade_c="#f0e442",
        grade_d="#e69f00",
        grade_e="#d55e00",
    ),
    "light": Palette(
        background="#eef1f4",
        panel="#ffffff",
        panel_alpha=230,
        text="#101418",
        muted="#4a545f",
        line="#b9c2cc",
        accent="#0072b2",
        good="#00664b",
        early="#00598c",
        late="#a84a00",
        left_side="#0072b2",
        right_side="#a84a00",
        middle="#303a44",
        outline="#ffffff",
        error="#a83a00",
        warning="#f0c060",
        info="#a9d6f2",
        notice_text="#101418",
        grade_a="#00664b",
        grade_b="#0072b2",
        grade_c="#b0a000",
        grade_d="#d08000",
        grade_e="#a83a00",
    ),
}


@dataclass(frozen=True)
class Theme:
    """A palette and a size: `unit` is one hundredth of the window's readable height, pixels."""

    name: str
    unit: float
    large: bool
    palette: Palette

    def px(self, units: float) -> int:
        """Return `units` hundredths of the window's height as whole pixels, at least one."""
        return max(1, round(units * self.unit * (LARGE_TYPE if self.large else 1.0)))

    def font(self, units: float, bold: bool = False) -> QFont:
        """Return the font `units` hundredths of the window high."""
        return font_of(self.px(units), bold)

    def fitted(self, text: str, width: float, units: float, bold: bool = False) -> QFont:
        """Return the font of `units`, or the largest smaller one in which `text` is at most `width` wide."""
        pixels = self.px(units)
        needed = text_width(text, pixels, bold)
        if needed > width > 0:
            pixels = max(6, int(pixels * width / needed))
        return font_of(pixels, bold)

    def color(self, role: str, alpha: int = 255) -> QColor:
        """Return the colour of a palette entry."""
        return _color(getattr(self.palette, role), alpha)


def make_theme(name: str, width: float, height: float, large: bool = False) -> Theme:
    """Return the theme `name` for a window of this size; an unknown name gives the first."""
    name = name if name in PALETTES else THEMES[0]
    landscape = width >= height
    unit = min(height / 100.0, width / 165.0) if landscape else min(height / 150.0, width / 108.0)
    return Theme(name, max(unit, 1.0), large, PALETTES[name])


@lru_cache(maxsize=256)
def font_of(pixels: int, bold: bool) -> QFont:
    """Return the program's font, `pixels` high."""
    font = QFont()
    font.setFamilies([font.family(), *_FAMILIES])
    font.setPixelSize(pixels)
    font.setBold(bold)
    return font


@lru_cache(maxsize=2048)
def text_width(text: str, pixels: int, bold: bool) -> float:
    """Return how wide `text` is, pixels."""
    return QFontMetricsF(font_of(pixels, bold)).horizontalAdvance(text)


@lru_cache(maxsize=512)
def wrapped_height(text: str, width: float, pixels: int, bold: bool) -> float:
    """Return how high `text` is when wrapped to `width`; infinite when a word does not fit, pixels."""
    flags = int(Qt.AlignmentFlag.AlignLeft) | int(Qt.TextFlag.TextWordWrap)
    box = QFontMetricsF(font_of(pixels, bold)).boundingRect(QRectF(0, 0, width, 1e5), flags, text)
    return float(box.height()) if box.width() <= width + 1 else float("inf")


@lru_cache(maxsize=256)
def _color(value: str, alpha: int) -> QColor:
    color = QColor(value)
    color.setAlpha(alpha)
    return color


def tip(lines: Sequence[str]) -> str:
    """Return lines as the text of a tool tip, in which no name is taken for markup."""
    return "".join(f"<p style='margin:0'>{escape(line)}</p>" for line in lines)


def dress(widget: QWidget, theme: Theme) -> bool:
    """Give ordinary widgets the theme's colours and type; return False when they have them already."""
    style = stylesheet(theme)
    if widget.styleSheet() == style:
        return False
    # The whole program's: a palette does not reach the children of a widget with a style sheet.
    QApplication.setPalette(palette_of(theme))
    widget.setStyleSheet(style)
    return True


def palette_of(theme: Theme) -> QPalette:
    """Return the colours for what the style draws by itself."""
    palette, role = QPalette(), QPalette.ColorRole
    roles = (
        (role.Window, "background"),
        (role.Base, "panel"),
        (role.AlternateBase, "background"),
        (role.Button, "panel"),
        (role.ToolTipBase, "panel"),
        (role.WindowText, "text"),
        (role.Text, "text"),
        (role.ButtonText, "text"),
        (role.ToolTipText, "text"),
        (role.PlaceholderText, "muted"),
        (role.Highlight, "accent"),
        (role.HighlightedText, "background"),
        (role.Mid, "line"),
        (role.Dark, "line"),
        (role.Light, "line"),
    )
    for entry, name in roles:
        palette.setColor(entry, theme.color(name))
    for entry in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, entry, theme.color("line"))
    return palette


def stylesheet(theme: Theme) -> str:
    """Return the style of buttons and lists, sizes from the theme. The rest is left to palette and style."""
    p, px = theme.palette, theme.px
    return f"""
    QWidget {{ font-size: {px(2.5)}px; }}
    QLabel[role="muted"] {{ color: {p.muted}; }}
    QLabel[role="title"] {{ font-size: {px(3.6)}px; font-weight: bold; }}
    QPushButton, QToolButton {{
        background: {p.panel}; border: 1px solid {p.line}; border-radius: {px(0.8)}px;
        padding: {px(0.8)}px {px(1.5)}px; }}
    QPushButton:hover, QToolButton:hover {{ border-color: {p.accent}; }}
    QPushButton:focus, QToolButton:focus {{ border: 2px solid {p.accent}; }}
    QPushButton:pressed, QToolButton:pressed, QToolButton:checked {{
        background: {p.accent}; color: {p.background}; border-color: {p.accent}; }}
    QPushButton:disabled, QToolButton:disabled {{ color: {p.line}; }}
    QToolButton::menu-indicator {{ image: none; width: 0; }}
    QMenu {{ background: {p.panel}; color: {p.text}; border: 1px solid {p.line}; padding: {px(0.6)}px; }}
    QMenu::item {{ padding: {px(0.8)}px {px(2.4)}px; border-radius: {px(0.5)}px; background: transparent; }}
    QMenu::item:selected {{ background: {p.accent}; color: {p.background}; }}
    QMenu::item:disabled {{ color: {p.line}; }}
    QMenu::separator {{ height: 1px; background: {p.line}; margin: {px(0.6)}px; }}
    QSlider::groove:horizontal {{ height: {px(0.8)}px; background: {p.line}; border-radius: {px(0.4)}px; }}
    QSlider::sub-page:horizontal {{ background: {p.accent}; border-radius: {px(0.4)}px; }}
    QSlider::handle:horizontal {{ width: {px(2)}px; margin: -{px(0.7)}px 0; border-radius: {px(1)}px;
        background: {p.text}; }}
    QProgressBar {{ background: {p.panel}; border: 1px solid {p.line}; border-radius: {px(0.6)}px;
        text-align: center; }}
    QProgressBar::chunk {{ background: {p.good}; border-radius: {px(0.6)}px; }}
    QListWidget {{ background: {p.panel}; border: 1px solid {p.line}; border-radius: {px(0.6)}px; }}
    QListWidget::item {{ padding: {px(0.8)}px; }}
    QTableWidget {{ background: {p.panel}; border: 1px solid {p.line}; border-radius: {px(0.6)}px;
        gridline-color: {p.line}; }}
    QTableWidget::item {{ padding: 0 {px(0.4)}px; }}
    QListWidget::item:selected, QTableWidget::item:selected {{ background: {p.accent}; color: {p.background}; }}
    QHeaderView::section {{ background: {p.background}; color: {p.muted}; border: none; padding: {px(0.6)}px; }}
    QToolTip {{ background: {p.panel}; color: {p.text}; border: 1px solid {p.line}; }}
    """
