"""The cheat-sheet of keys."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter

from dancecoach.ui.overlays.base import CENTER, LEFT, RIGHT, Scene, write
from dancecoach.ui.theme import Theme


class HelpOverlay:
    """Two columns of keys and what they do, over everything."""

    def state(self, scene: Scene) -> object | None:
        """Paint every time."""
        return None

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint only while the cheat-sheet is open."""
        rows = list(scene.help_rows)
        if not rows:
            return
        painter.fillRect(rect, theme.color("panel", 245))
        inner = rect.adjusted(rect.width() * 0.05, rect.height() * 0.05, -rect.width() * 0.05, -rect.height() * 0.05)
        columns = 2 if rect.width() >= rect.height() else 1
        per_column = -(-len(rows) // columns)
        title = QRectF(inner.left(), inner.top(), inner.width(), inner.height() * 0.1)
        size = 1.0 / (1.22 if theme.large else 1.0)
        write(painter, title, "Keys", theme, 5.0 * size, "text", True, LEFT)
        write(painter, title, "F1 closes this", theme, 3.0 * size, "muted", False, RIGHT)
        height = min((inner.height() * 0.88) / per_column, 7.0 * theme.unit)
        width = inner.width() / columns
        for index, (keys, words) in enumerate(rows):
            column, line = divmod(index, per_column)
            place = QRectF(
                inner.left() + column * width, inner.top() + inner.height() * 0.12 + line * height, width, height
            )
            cap = QRectF(place.left(), place.top() + height * 0.1, width * 0.24, height * 0.8)
            painter.setPen(theme.color("line"))
            painter.setBrush(theme.color("background"))
            painter.drawRoundedRect(cap, theme.unit, theme.unit)
            write(
                painter, cap.adjusted(theme.unit, 0, -theme.unit, 0), keys, theme, 2.8 * size, "accent", True, CENTER
            )
            text = QRectF(cap.right() + 2 * theme.unit, place.top(), width * 0.7 - 2 * theme.unit, height)
            write(painter, text, words, theme, 3.0 * size, "text", False, LEFT)
