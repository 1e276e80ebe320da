"""The durations of every stage, for whoever tunes the loop."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from dancecoach.ui.overlays.base import LEFT, RIGHT, Scene, write
from dancecoach.ui.theme import Theme
from dancecoach.ui.words import UNKNOWN

_COLUMNS = (
    ("stage", 0.0, 0.32),
    ("p50 ms", 0.32, 0.17),
    ("p95 ms", 0.49, 0.17),
    ("per s", 0.66, 0.17),
    ("drops", 0.83, 0.17),
)


class DebugOverlay:
    """A table of stages over the middle of the picture."""

    def state(self, scene: Scene) -> object | None:
        """Paint every time."""
        return None

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint only when switched on."""
        if not scene.debug:
            return
        snapshot = scene.snapshot
        stages = [*snapshot.timings.items(), *scene.own_timings]
        unit = theme.unit
        row = 3.1 * unit
        width = min(rect.width() - 4 * unit, 74 * unit)
        notes = self._notes(scene)
        height = (len(stages) + 1 + len(notes)) * row + 2 * unit
        box = QRectF(rect.center().x() - width / 2, rect.bottom() - height - 2 * unit, width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("panel", 245))
        painter.drawRoundedRect(box, unit, unit)
        inner = box.adjusted(2 * unit, unit, -2 * unit, -unit)
        size = 2.3 / (1.22 if theme.large else 1.0)

        def line(index: int, cells: tuple[str, ...], role: str) -> None:
            for (_, start, share), text in zip(_COLUMNS, cells, strict=True):
                place = QRectF(
                    inner.left() + start * inner.width(), inner.top() + index * row, share * inner.width(), row
                )
                write(painter, place, text, theme, size, role, False, LEFT if start == 0.0 else RIGHT)

        line(0, tuple(title for title, _, _ in _COLUMNS), "muted")
        for index, (name, value) in enumerate(stages, start=1):
            cells = (name, f"{value.p50_ms:.1f}", f"{value.p95_ms:.1f}", f"{value.rate:.1f}", str(value.dropped))
            line(index, cells, "text")
        for index, text in enumerate(notes, start=len(stages) + 1):
            place = QRectF(inner.left(), inner.top() + index * row, inner.width(), row)
            write(painter, place, text, theme, size, "muted", False, LEFT)

    @staticmethod
    def _notes(scene: Scene) -> list[str]:
        snapshot, grid = scene.snapshot, scene.snapshot.beat_grid
        rate = UNKNOWN if snapshot.camera_rate is None else f"{snapshot.camera_rate:.1f}"
        confidence = UNKNOWN if grid is None else f"{grid.confidence:.2f} ({grid.source})"
        notes = [
            f"camera: {snapshot.camera_name or UNKNOWN}, {rate} frames a second",
            f"sound: {snapshot.audio_name or UNKNOWN}, beat confidence {confidence}",
            f"display delay {1000 * snapshot.display_latency:.0f} ms",
        ]
        return [*notes, f"Encoders run on {snapshot.provider}"] if snapshot.provider else notes
