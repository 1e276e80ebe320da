"""The few signs on buttons, painted rather than loaded: they take the theme's colour and any size."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QPolygonF

_SIZE = 64


def _play(painter: QPainter) -> None:
    painter.drawPolygon(QPolygonF([QPointF(16, 8), QPointF(56, 32), QPointF(16, 56)]))


def _pause(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(12, 8, 14, 48), 4, 4)
    painter.drawRoundedRect(QRectF(38, 8, 14, 48), 4, 4)


def _record(painter: QPainter) -> None:
    painter.drawEllipse(QPointF(32, 32), 22, 22)


def _stop(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(12, 12, 40, 40), 6, 6)


_SIGNS: dict[str, Callable[[QPainter], None]] = {"play": _play, "pause": _pause, "record": _record, "stop": _stop}


def icon(name: str, color: QColor) -> QIcon:
    """Return the sign `name` ("play", "pause", "record", "stop") in a colour."""
    pixmap = QPixmap(_SIZE, _SIZE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    _SIGNS[name](painter)
    painter.end()
    return QIcon(pixmap)
