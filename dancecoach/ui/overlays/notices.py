"""Honest states: what is wrong and what to do, the worst first."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QPainter, QPolygonF

from dancecoach.types import Notice
from dancecoach.ui.overlays.base import CENTER, WRAP, Scene, write
from dancecoach.ui.theme import Theme, font_of, wrapped_height
from dancecoach.ui.words import most_severe

_FLAGS = int(Qt.AlignmentFlag.AlignLeft) | int(Qt.AlignmentFlag.AlignVCenter) | int(WRAP)


def _height(text: str, width: float, font: QFont) -> float:
    """Return the height of wrapped text; one line's for a word wider than the place."""
    return min(wrapped_height(text, width, font.pixelSize(), font.bold()), 6.0 * font.pixelSize())


class NoticesOverlay:
    """At most two banners over the top of the picture, each with a sign that tells its weight without colour."""

    def state(self, scene: Scene) -> object | None:
        """Paint every time."""
        return None

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint the banners, as high as their words need."""
        top = rect.top()
        for notice in most_severe(scene.snapshot.notices):
            top += self._banner(painter, QRectF(rect.left(), top, rect.width(), 0), notice, theme) + theme.px(0.8)

    def _banner(self, painter: QPainter, rect: QRectF, notice: Notice, theme: Theme) -> float:
        unit = theme.px(1.0)
        sign = 5.4 * unit
        left, width = rect.left() + sign + 1.8 * unit, rect.width() - sign - 3.2 * unit
        title, detail = font_of(theme.px(4.0), True), font_of(theme.px(2.9), False)
        head = _height(notice.text, width, title)
        body = _height(notice.remedy, width, detail) if notice.remedy else 0.0
        inside = max(head + body, sign)
        box = QRectF(rect.left(), rect.top(), rect.width(), inside + 1.6 * unit)
        top = box.center().y() - (head + body) / 2
        role = notice.level
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(role, 240))
        painter.drawRoundedRect(box, 1.2 * unit, 1.2 * unit)
        self._sign(painter, QRectF(box.left() + unit, box.center().y() - sign / 2, sign, sign), notice, theme)
        painter.setPen(theme.color(self._ink(notice, theme)))
        painter.setFont(title)
        painter.drawText(QRectF(left, top, width, head), _FLAGS, notice.text)
        painter.setFont(detail)
        painter.drawText(QRectF(left, top + head, width, body), _FLAGS, notice.remedy)
        return box.height()

    @staticmethod
    def _ink(notice: Notice, theme: Theme) -> str:
        """White on the light theme's dark red, black elsewhere."""
        return "panel" if theme.name == "light" and notice.level == "error" else "notice_text"

    def _sign(self, painter: QPainter, rect: QRectF, notice: Notice, theme: Theme) -> None:
        ink = self._ink(notice, theme)
        painter.setBrush(theme.color(ink))
        shape = rect.adjusted(rect.width() * 0.1, rect.width() * 0.1, -rect.width() * 0.1, -rect.width() * 0.1)
        center = shape.center()
        if notice.level == "info":
            painter.drawEllipse(shape)
        elif notice.level == "warning":
            points = [QPointF(center.x(), shape.top()), shape.bottomRight(), shape.bottomLeft()]
            painter.drawPolygon(QPolygonF(points))
            shape = shape.adjusted(0, shape.height() * 0.25, 0, 0)
        else:
            cut = shape.width() * 0.29
            left, top, right, bottom = shape.left(), shape.top(), shape.right(), shape.bottom()
            corners = ((left + cut, top), (right - cut, top), (right, top + cut), (right, bottom - cut))
            rest = ((right - cut, bottom), (left + cut, bottom), (left, bottom - cut), (left, top + cut))
            painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in (*corners, *rest)]))
        write(painter, shape, "i" if notice.level == "info" else "!", theme, 3.4, notice.level, True, CENTER)
