"""The mirror itself: one widget that paints the newest snapshot."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from dancecoach.clock import Clock, SystemClock
from dancecoach.types import Advice, Notice, Snapshot, StageTiming, VideoFrame
from dancecoach.ui.coach import Coach
from dancecoach.ui.heat import judged
from dancecoach.ui.layout import PictureMap, arrange
from dancecoach.ui.overlays import OVERLAYS, Overlay, Scene
from dancecoach.ui.overlays.base import CENTER, write
from dancecoach.ui.overlays.cues import cue_boxes, joints_under
from dancecoach.ui.overlays.skeleton import pose_to_draw
from dancecoach.ui.overlays.strip import score_at
from dancecoach.ui.paint_times import PaintTimes
from dancecoach.ui.partner.caption import caption_height
from dancecoach.ui.theme import Theme, make_theme, tip
from dancecoach.ui.words import score_words

if TYPE_CHECKING:
    from dancecoach.ui.partner.mirror import MirrorPartner


class Stage(QWidget):
    """Paints the mirrored picture and every overlay; a click on somebody follows them.

    Parameters
    ----------
    coach : Coach
        Where the snapshots come from.
    theme, mirror, large, debug
        As in the settings.
    clock : Clock
        The clock of the snapshot's times.
    """

    tapped = Signal()

    def __init__(
        self,
        coach: Coach,
        theme: str = "dark",
        mirror: bool = True,
        large: bool = False,
        debug: bool = False,
        clock: Clock | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        # The keys belong to the stage until somebody reaches for the controls.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Mirror")
        self.setAccessibleDescription("The camera picture with count, tempo and timing. Click a person to follow.")
        self.coach = coach
        self.clock = clock or SystemClock()
        self.mirror = mirror
        self.debug = debug
        self.show_cues = True
        self.show_heat = True
        self.help_rows: Sequence[tuple[str, str]] = ()
        self.partner_timing: Callable[[], StageTiming | None] = lambda: None
        self._partner: MirrorPartner | None = None
        self.picture: PictureMap | None = None
        self._theme_name, self._large = theme, large
        self._theme: Theme = make_theme(theme, 1280, 720, large)
        self._places: Mapping[str, QRectF] = {}
        self._caption = QRectF()
        self._judged = False
        self._advice: tuple[Advice, ...] = ()
        self._cues_below = False
        self._message: tuple[Notice, float] | None = None
        self._kept: dict[int, tuple[object, QImage]] = {}
        self._scaled: QImage | None = None
        self._scaled_key: tuple[object, ...] = ()
        self._reported: tuple[int, float] | None = None
        self.times = PaintTimes()
        self._arrange()

    @property
    def theme(self) -> Theme:
        """The theme at the present size."""
        return self._theme

    @property
    def partner(self) -> MirrorPartner | None:
        """What paints the partner into the mirror, None while it is not shown there."""
        return self._partner

    @partner.setter
    def partner(self, partner: MirrorPartner | None) -> None:
        if partner is not self._partner:
            self._partner = partner
            self._arrange()

    def set_look(self, theme: str, large: bool) -> None:
        """Change theme and type size."""
        self._theme_name, self._large = theme, large
        self._arrange()
        self.update()

    def say(self, notice: Notice, seconds: float = 5.0) -> None:
        """Show a notice of the window's own, before those of the snapshot, for some seconds."""
        self._message = (notice, self.clock.now() + seconds)
        self.update()

    def paint_timing(self) -> StageTiming:
        """Return how long paints took and how many a second there were, of the last few seconds."""
        return self.times.timing()

    @property
    def paint_count(self) -> int:
        """How often it was painted."""
        return self.times.count

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange the parts anew."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        width, height = max(self.width(), 1), max(self.height(), 1)
        self._theme = make_theme(self._theme_name, width, height, self._large)
        self._places = arrange(width, height, self._large, self._judged)
        if self._partner is not None:
            # What the partner says goes below the picture: it must hide nobody's feet.
            picture, notices = self._places["picture"], self._places["notices"]
            high = caption_height(self._theme, True) + 0.8 * self._theme.unit
            self._caption = QRectF(notices.left(), picture.bottom() - high, notices.width(), high)
            self._places = {**self._places, "picture": picture.adjusted(0, 0, 0, -high)}
        self._kept.clear()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Follow whoever was tapped."""
        self.tapped.emit()
        if self.help_rows:
            self.help_rows = ()
            return
        panels = [place for name, place in self._places.items() if name not in ("stage", "picture", "notices")]
        point = event.position()
        if self._tell_of(point, event.globalPosition().toPoint()):
            return
        if event.button() != Qt.MouseButton.LeftButton or any(place.contains(point) for place in panels):
            return
        where = self.picture.to_image(point) if self.picture is not None else None
        if where is not None:
            self.coach.follow_person(*where)

    def event(self, event: QEvent) -> bool:
        """Tell about the eight-count under the resting pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            if not self._tell_of(QPointF(event.pos()), event.globalPos()):
                QToolTip.hideText()
            return True
        return super().event(event)

    def _tell_of(self, point: QPointF, where: QPoint) -> bool:
        found = score_at(self._places["strip"], self.coach.snapshot().primitives, self._theme, point)
        if found is None:
            return False
        QToolTip.showText(where, tip(score_words(found[0])), self, found[1].toAlignedRect())
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the newest snapshot, then report the picture if it was not painted before."""
        started = time.perf_counter()
        snapshot = self.coach.snapshot()
        now = self.clock.now()
        if self._message is not None:
            if now < self._message[1]:
                snapshot = dataclasses.replace(snapshot, notices=(self._message[0], *snapshot.notices))
            else:
                self._message = None
        if judged(snapshot) != self._judged:
            self._judged = not self._judged
            self._arrange()
        if not self.show_cues:
            snapshot = dataclasses.replace(snapshot, advice=())
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        self._paint_picture(painter, snapshot.frame)
        scene = Scene(
            snapshot=snapshot,
            seen_at=now + snapshot.display_latency,
            picture=self.picture,
            mirror=self.mirror,
            debug=self.debug,
            own_timings=self._own_timings() if self.debug else (),
            help_rows=self.help_rows,
            heat=self.show_heat,
        )
        scene = dataclasses.replace(scene, cue_boxes=self._cue_boxes(snapshot, scene))
        if self._partner is not None:
            self._partner.paint(painter, scene, self._caption, self._theme)
        for index, (place, overlay) in enumerate(OVERLAYS):
            if not self._places[place].isEmpty():
                self._paint_overlay(painter, index, overlay, self._places[place], scene)
        painter.end()
        frame = snapshot.frame
        if frame is not None and self._reported != (frame.index, frame.arrival):
            self._reported = (frame.index, frame.arrival)
            self.coach.report_paint(frame.arrival, self.clock.now())
        self.times.add(started, time.perf_counter())

    def _own_timings(self) -> tuple[tuple[str, StageTiming], ...]:
        partner = self.partner_timing()
        own = (("paint", self.paint_timing()),)
        return own if partner is None else (*own, ("paint partner", partner))

    def _cue_boxes(self, snapshot: Snapshot, scene: Scene) -> tuple[QRectF, ...]:
        """Return where the cues go: where they hide less of the dancer, and there for as long as they are shown."""
        if not snapshot.advice:
            self._advice = ()
            return ()
        notices, picture = self._places["notices"], self._places["picture"]
        gap = notices.top() if self.width() >= self.height() else self._theme.px(1.2)
        top = max(picture.top(), notices.top())
        area = QRectF(notices.left(), top, notices.width(), picture.bottom() - gap - top)
        if snapshot.advice != self._advice:
            self._advice = snapshot.advice
            pose = pose_to_draw(scene)
            points = None if pose is None or scene.picture is None else scene.picture.to_stage(pose.image_joints)
            above, below = (
                0 if points is None else joints_under(cue_boxes(snapshot, area, low, self._theme), points)
                for low in (False, True)
            )
            self._cues_below = bool(snapshot.notices) or below < above
        return cue_boxes(snapshot, area, self._cues_below, self._theme)

    def _paint_overlay(self, painter: QPainter, index: int, overlay: Overlay, rect: QRectF, scene: Scene) -> None:
        """Paint, or blit what was painted before when nothing it shows has changed."""
        state = overlay.state(scene)
        if state is None:
            overlay.paint(painter, rect, scene, self._theme)
            return
        bounds, ratio = rect.toAlignedRect(), self.devicePixelRatioF()
        kept = self._kept.get(index)
        if kept is None or kept[0] != state or kept[1].devicePixelRatio() != ratio:
            image = QImage(bounds.size() * ratio, QImage.Format.Format_ARGB32_Premultiplied)
            image.setDevicePixelRatio(ratio)
            image.fill(Qt.GlobalColor.transparent)
            inner = QPainter(image)
            inner.setRenderHints(painter.renderHints())
            inner.translate(-bounds.left(), -bounds.top())
            overlay.paint(inner, rect, scene, self._theme)
            inner.end()
            kept = self._kept[index] = (state, image)
        painter.drawImage(bounds.topLeft(), kept[1])

    def _paint_picture(self, painter: QPainter, frame: VideoFrame | None) -> None:
        theme, whole = self._theme, self._places["stage"]
        if frame is None:
            self.picture, self._scaled, self._scaled_key = None, None, ()
            painter.fillRect(whole, theme.color("background"))
            write(painter, self._empty(), "no picture", theme, 5.0, "line", True, CENTER)
            return
        height, width = frame.image.shape[:2]
        self.picture = PictureMap.fit(self._places["picture"], width, height, self.mirror)
        rect = self.picture.rect
        for bar in _around(whole, rect):
            painter.fillRect(bar, theme.color("background"))
        key = (frame.index, frame.arrival, rect.width(), rect.height(), self.mirror, self.devicePixelRatioF())
        if key != self._scaled_key or self._scaled is None:
            self._scaled, self._scaled_key = self._scale(frame, rect), key
        painter.drawImage(rect.topLeft(), self._scaled)

    def _empty(self) -> QRectF:
        picture, notices = self._places["picture"], self._places["notices"]
        return QRectF(notices.left(), picture.top(), notices.width(), picture.height())

    def _scale(self, frame: VideoFrame, rect: QRectF) -> QImage:
        """Return the picture at the size of the screen: made once a frame, blitted at every paint."""
        pixels = np.ascontiguousarray(frame.image)
        height, width = pixels.shape[:2]
        packed = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        source = packed.convertToFormat(QImage.Format.Format_RGB32)  # scaled in half the time of packed pixels
        ratio = self.devicePixelRatioF()
        target = self._scaled
        wide, high = max(1, round(rect.width() * ratio)), max(1, round(rect.height() * ratio))
        if target is None or target.width() != wide or target.height() != high:
            target = QImage(wide, high, QImage.Format.Format_RGB32)
        target.setDevicePixelRatio(1.0)
        painter = QPainter(target)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self.mirror:
            painter.translate(wide, 0)
            painter.scale(-1.0, 1.0)
        painter.drawImage(QRectF(0, 0, wide, high), source)
        painter.end()
        target.setDevicePixelRatio(ratio)
        return target


def _around(whole: QRectF, inside: QRectF) -> tuple[QRectF, ...]:
    """Return the four bars of `whole` around `inside`."""
    return (
        QRectF(whole.topLeft(), QPointF(whole.right(), inside.top())),
        QRectF(QPointF(whole.left(), inside.bottom()), whole.bottomRight()),
        QRectF(QPointF(whole.left(), inside.top()), inside.bottomLeft()),
        QRectF(inside.topRight(), QPointF(whole.right(), inside.bottom())),
    )
