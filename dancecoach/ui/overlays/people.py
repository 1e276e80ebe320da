"""Boxes with numbers around everybody who could be followed."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from dancecoach.ui.overlays.base import Scene, write
from dancecoach.ui.theme import Theme


class PeopleOverlay:
    """A dashed box and a number for each other person, a solid corner mark for the one followed."""

    def state(self, scene: Scene) -> object | None:
        """Paint every time."""
        return None

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint nothing for a single person: there is no choice to make."""
        people = scene.snapshot.people
        if scene.picture is None or len(people) < 2:
            return
        painter.save()
        painter.setClipRect(scene.picture.rect)
        for person in people:
            box = scene.picture.box(person.box)
            role = "accent" if person.followed else "text"
            pen = QPen(theme.color(role), max(1.0, 0.35 * theme.unit))
            if not person.followed:
                pen.setStyle(Qt.PenStyle.DashLine)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(pen)
            radius = 1.2 * theme.unit
            if not person.followed:
                painter.drawRoundedRect(box, radius, radius)
            self._number(painter, box & scene.picture.rect, str(person.id), role, theme)
        painter.restore()

    def _number(self, painter: QPainter, box: QRectF, text: str, role: str, theme: Theme) -> None:
        radius = theme.px(3.0)
        center = QPointF(box.center().x(), box.top() + radius * 1.2)
        painter.setPen(QPen(theme.color(role), max(1.0, 0.4 * theme.unit)))
        painter.setBrush(theme.color("panel"))
        painter.drawEllipse(center, radius, radius)
        spot = QRectF(center.x() - radius, center.y() - radius, 2 * radius, 2 * radius)
        write(painter, spot, text, theme, 4.2, role, True, Qt.AlignmentFlag.AlignCenter)
