"""The partner beside the mirror: one widget that paints the duet from the chosen view."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolButton, QWidget

from dancecoach.clock import Clock
from dancecoach.types import JOINT_INDEX, Floats, FollowerMotion, StageTiming
from dancecoach.ui.coach import Coach
from dancecoach.ui.overlays.base import CENTER, write, write_wrapped
from dancecoach.ui.paint_times import PaintTimes
from dancecoach.ui.partner.camera import FollowingCamera, to_pixels
from dancecoach.ui.partner.caption import caption_height, paint_caption, paint_invitation
from dancecoach.ui.partner.flat import paint_couple
from dancecoach.ui.partner.gl import Renderer
from dancecoach.ui.partner.sampling import Moment, sample
from dancecoach.ui.partner.scene import Color, couple
from dancecoach.ui.theme import Theme, make_theme
from dancecoach.ui.words import ghost_words

_SHARE = 0.12  # of the Qt thread's time that this view may take
_SLOWEST, _FASTEST = 1 / 24, 1 / 62  # s from paint to paint
# Drawn by the processor; by a graphics card: how many pixels at most, and how many for one of the screen's.
_MOST_PIXELS, _SCALE = {True: 260_000, False: 2_500_000}, {True: 0.75, False: 1.0}
_SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "software")
_HEAD = JOINT_INDEX["head"]
NO_OPENGL = "Drawn flat: there is no OpenGL here."


class PartnerView(QWidget):
    """Paints the partner's bodies, what it says, and who is who.

    Parameters
    ----------
    coach : Coach
        Where the snapshots come from.
    clock : Clock
        The clock of the snapshot's times.
    open_renderer : callable
        Gives what draws with OpenGL, asked when there is first something to draw; where it gives None bodies are
        painted flat, and the view says so.
    """

    next_view = Signal()

    def __init__(
        self,
        coach: Coach,
        clock: Clock,
        open_renderer: Callable[[], Renderer | None] = lambda: None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Partner")
        self.setAccessibleDescription("The partner who dances with you, and how well you are seen.")
        self.coach, self.clock = coach, clock
        self.renderer: Renderer | None = None
        self._open_renderer: Callable[[], Renderer | None] | None = open_renderer
        self.camera = FollowingCamera()
        self.ghost_counts = 0
        self.times = PaintTimes()
        self.button = QToolButton(self)
        self.button.setAccessibleName("Next view of the partner")
        self.button.setToolTip("Next view (W)")
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.clicked.connect(self.next_view)
        self._theme: Theme = make_theme("dark", 1280, 720)
        self._styled: tuple[object, ...] = ()
        self._due = 0.0
        self._by_processor = True

    @property
    def view(self) -> str:
        """From where the couple is seen."""
        return self.camera.view

    def set_look(self, theme: Theme, view: str, ghost_counts: int) -> None:
        """Use this theme, whose unit is the window's, this view and this ghost."""
        self._theme, self.camera.view, self.ghost_counts = theme, view, ghost_counts
        look = (theme, view)
        if look != self._styled:
            self._styled = look
            self.button.setText(view)
            self.button.setStyleSheet(
                f"QToolButton {{ font-size: {theme.px(2.6)}px; padding: {theme.px(0.5)}px {theme.px(1.2)}px; }}"
            )
            self._place_button()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the button in its corner."""
        super().resizeEvent(event)
        self._place_button()

    def _place_button(self) -> None:
        gap = self._theme.px(1.0)
        size: QSize = self.button.sizeHint()
        width = min(size.width(), max(self.width() - 2 * gap, 10))
        self.button.setGeometry(self.width() - width - gap, gap, width, size.height())

    def tick(self) -> None:
        """Paint, unless that would take more than its share of the thread: the mirror comes first."""
        now = self.clock.now()
        if now >= self._due:
            cost = self.paint_timing().p50_ms / 1000
            # Counted from when it was due, not from now: else only every second tick of a slow timer would paint.
            self._due = max(self._due, now - _SLOWEST) + min(max(cost / _SHARE, _FASTEST), _SLOWEST)
            self.update()

    def paint_timing(self) -> StageTiming:
        """Return how long paints took and how many a second there were, of the last few seconds."""
        return self.times.timing()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the duet at the moment at which it will be seen."""
        started = time.perf_counter()
        snapshot = self.coach.snapshot()
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        painter.fillRect(self.rect(), theme.color("background"))
        motion = snapshot.partner or FollowerMotion(
            np.zeros(0), np.zeros((0, 22, 3)), np.zeros((0, 4)), np.zeros((0, 22, 3)), np.zeros((0, 4))
        )
        high = caption_height(theme)
        gap = theme.px(0.8)
        stage = QRectF(0, 0, self.width(), max(self.height() - high - 2 * gap, 10.0))
        moment = sample(motion, self.clock.now() + snapshot.display_latency)
        if moment is not None:
            self._paint_duet(painter, stage, moment)
        else:
            self.camera.reset()
            hint = stage.adjusted(3 * gap, stage.height() * 0.3, -3 * gap, -stage.height() * 0.3)
            write_wrapped(painter, hint, "The partner begins when it sees you.", theme, 4.5, "muted", True)
        below = QRectF(gap, stage.bottom() + gap, self.width() - 2 * gap, high)
        if motion.state == "solo":
            # It says what the caption would, over no more than the feet: the partner holds out a hand.
            paint_invitation(painter, below.adjusted(0, -max(20 * theme.unit - high, 0.0), 0, 0), motion, theme)
        else:
            paint_caption(painter, below, motion, theme)
        if self.renderer is None and self._open_renderer is None:
            note = QRectF(gap, stage.bottom() - theme.px(3.4), self.width() - 2 * gap, theme.px(3.2))
            write(painter, note, NO_OPENGL, theme, 2.4, "muted", False, CENTER)
        painter.end()
        self.times.add(started, time.perf_counter())

    def _paint_duet(self, painter: QPainter, rect: QRectF, moment: Moment) -> None:
        theme = self._theme
        if self._open_renderer is not None:
            self.renderer, self._open_renderer = self._open_renderer(), None
            if self.renderer is not None:
                device = self.renderer.device.lower()
                self._by_processor = any(name in device for name in _SOFTWARE)
        matrix = self.camera.look(moment, rect.width() / rect.height())
        alone = self.view == "opposite me"
        if self.renderer is None or not self._draw(painter, rect, moment, matrix, alone):
            self.renderer = None
            painter.save()
            painter.setClipRect(rect)
            paint_couple(
                painter,
                moment,
                lambda points: to_pixels(points, matrix, rect.width(), rect.height()),
                alone,
                theme.color("line"),
            )
            painter.restore()
        taken = [QRectF(self.button.geometry())]
        names = [] if alone else [("Partner", _above(moment.joints), 1.0)]
        if not alone and moment.state != "solo":
            names.append(("You", _above(moment.leader), 1.0))
        if moment.ghost is not None:
            # At its feet: above, it is crowded.
            names.append((ghost_words(self.ghost_counts), moment.ghost[0] * (1.0, 0.0, 1.0), 0.0))
        for name, place, over in names:
            self._name(painter, rect, name, place, over, matrix, taken)

    def _draw(self, painter: QPainter, rect: QRectF, moment: Moment, matrix: Floats, alone: bool) -> bool:
        """Draw with OpenGL; False when it refuses."""
        assert self.renderer is not None
        ratio = self.devicePixelRatioF()
        pixels = rect.width() * rect.height() * ratio * ratio
        ratio *= min(_SCALE[self._by_processor], math.sqrt(_MOST_PIXELS[self._by_processor] / pixels))
        width, height = max(round(rect.width() * ratio), 2), max(round(rect.height() * ratio), 2)
        eye, light = directions(matrix)
        theme = self._theme
        ground = _mixed(theme.color("background"), theme.color("line"), 0.35)
        meshes = couple(moment, alone, ground, _rgb(theme.color("line")))
        image = self.renderer.draw(meshes, matrix, width, height, eye, light)
        if image is None:
            return False
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, width < rect.width())
        painter.drawImage(rect, image)
        return True

    def _name(
        self,
        painter: QPainter,
        rect: QRectF,
        name: str,
        place: Floats,
        over: float,
        matrix: Floats,
        taken: list[QRectF],
    ) -> None:
        """Write a name above a place (`over` 1) or below it (0), beside the names that are written already."""
        theme = self._theme
        places, depth = to_pixels(place[None], matrix, rect.width(), rect.height())
        if depth[0] < 0.1 or not np.isfinite(places).all():
            return
        wide, high = theme.px(0.62 * 2.8 * (len(name) + 2)), theme.px(3.8)
        center = QPointF(*places[0])
        left = min(max(center.x() - wide / 2, 0.0), rect.width() - wide)
        top = min(max(center.y() - over * high, 0.0), rect.height() - high)
        box = beside(QRectF(left, top, wide, high), taken, rect)
        taken.append(box)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("panel", 215))
        painter.drawRoundedRect(box, high / 3, high / 3)
        write(painter, box.adjusted(high / 4, 0, -high / 4, 0), name, theme, 2.8, "text", True, CENTER)


def _above(joints: Floats) -> Floats:
    """Return the place (3,) m where the name of a body goes."""
    return np.asarray(joints[_HEAD] + (0.0, 0.24, 0.0))


def beside(box: QRectF, taken: Sequence[QRectF], inside: QRectF) -> QRectF:
    """Return the box moved no further than needed to lie off all that is taken, `inside` the picture if it can."""
    gap = 0.2 * box.height()
    places = [box]
    for other in taken:
        for center, shift in (
            (other.left() - gap - box.width() / 2, 0.0),
            (other.right() + gap + box.width() / 2, 0.0),
            (box.center().x(), other.top() - gap - box.bottom()),
            (box.center().x(), other.bottom() + gap - box.top()),
        ):
            places.append(box.translated(center - box.center().x(), shift))
    free = [
        place for place in places if inside.contains(place) and not any(place.intersects(other) for other in taken)
    ]

    def cost(place: QRectF) -> float:
        away = place.center() - box.center()
        return abs(away.x()) + (3 * away.y() if away.y() > 0 else -away.y())  # below the name is the face

    return min(free or [box], key=cost)


def directions(matrix: Floats) -> tuple[Floats, Floats]:
    """Return the unit vectors (3,) to the eye and to a light over its left shoulder, for a matrix to clip space."""
    back = -matrix[3, :3] / max(float(np.linalg.norm(matrix[3, :3])), 1e-9)
    right = matrix[0, :3] / max(float(np.linalg.norm(matrix[0, :3])), 1e-9)
    light = 0.75 * back - 0.5 * right + np.array([0.0, 0.8, 0.0])
    return back, np.asarray(light / np.linalg.norm(light))


def _rgb(color: QColor) -> Color:
    return color.redF(), color.greenF(), color.blueF()


def _mixed(one: QColor, two: QColor, share: float) -> Color:
    first, second = _rgb(one), _rgb(two)
    red, green, blue = (a + share * (b - a) for a, b in zip(first, second, strict=True))
    return red, green, blue
