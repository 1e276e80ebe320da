"""The partner inside the mirror: painted over the camera picture at the dancer's own scale and on their floor."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from dancecoach.perception.pinhole import camera_translation
from dancecoach.types import HAND_PAIRS, Floats, FollowerMotion, Pose
from dancecoach.ui.layout import PictureMap
from dancecoach.ui.overlays.base import Scene
from dancecoach.ui.paint_times import PaintTimes
from dancecoach.ui.partner.body import held_points
from dancecoach.ui.partner.camera import Spring, camera_matrix, to_pixels
from dancecoach.ui.partner.caption import paint_caption, paint_invitation
from dancecoach.ui.partner.flat import color, paint_body, paint_shadow
from dancecoach.ui.partner.gl import Renderer
from dancecoach.ui.partner.sampling import Moment, sample
from dancecoach.ui.partner.scene import GHOST_ALPHA, HELD, LINK, PARTNER_PALETTE, partner_only
from dancecoach.ui.partner.view import directions
from dancecoach.ui.theme import Theme

_OPACITY = 0.82  # the dancer shines through the partner who stands before them
_SPEED = 2.5  # 1/s, of following the dancer's place in the picture
_MARGIN = 6  # pixels around the partner


class MirrorPartner:
    """Paints the partner into the picture; remembers where the room lies before the camera."""

    def __init__(self, open_renderer: Callable[[], Renderer | None] = lambda: None) -> None:
        self.renderer: Renderer | None = None
        self._open_renderer: Callable[[], Renderer | None] | None = open_renderer
        self.times = PaintTimes()
        self._shift = Spring(_SPEED)
        self._time: float | None = None

    def reset(self) -> None:
        """Forget where the room lies."""
        self._shift.reset()
        self._time = None

    def paint(self, painter: QPainter, scene: Scene, caption: QRectF, theme: Theme) -> None:
        """Paint partner, held hands and, into `caption`, what it says; nothing while it is switched off."""
        started = time.perf_counter()
        motion, picture = scene.snapshot.partner, scene.picture
        if motion is None:
            return
        painter.fillRect(caption, theme.color("background"))
        paint_caption(painter, caption.adjusted(0, 0.8 * theme.unit, 0, 0), motion, theme, True)
        if picture is None:
            return
        aspect = picture.rect.width() / picture.rect.height()
        self._learn(motion, scene.snapshot.pose, aspect, scene.seen_at)
        moment = sample(motion, scene.seen_at)
        if moment is not None and self._shift.value is not None:
            painter.save()
            painter.setClipRect(picture.rect)
            self._paint(painter, picture, moment, camera_matrix(self._shift.value, aspect, picture.mirror))
            self._paint_held(painter, picture, moment, scene.snapshot.pose, theme)
            painter.restore()
        rect = picture.rect
        wide = min(rect.width(), caption.width()) - 2 * theme.unit
        place = QRectF(rect.center().x() - wide / 2, rect.top() + 0.34 * rect.height(), wide, 15 * theme.unit)
        paint_invitation(painter, place, motion, theme)
        self.times.add(started, time.perf_counter())

    def _learn(self, motion: FollowerMotion, pose: Pose | None, aspect: float, now: float) -> None:
        passed = 0.0 if self._time is None else min(max(now - self._time, 0.0), 0.1)
        self._time = now
        if pose is None or motion.state not in ("following", "uncertain"):
            return
        then = sample(motion, pose.time)
        found = None if then is None else shift_of(then.leader, pose, aspect)
        if found is not None:
            self._shift.follow(found, passed)

    def _paint(self, painter: QPainter, picture: PictureMap, moment: Moment, matrix: Floats) -> None:
        rect = picture.rect
        if self._open_renderer is not None:
            self.renderer, self._open_renderer = self._open_renderer(), None
        painter.setOpacity(_OPACITY)
        if self.renderer is None or not self._draw(painter, rect, moment, matrix):
            self.renderer = None
            painter.translate(rect.topLeft())

            def project(points: Floats) -> tuple[Floats, Floats]:
                return to_pixels(points, matrix, rect.width(), rect.height())

            paint_shadow(painter, moment.joints, project)
            paint_body(painter, moment.joints, project, PARTNER_PALETTE)
            if moment.ghost is not None:
                paint_body(painter, moment.ghost, project, PARTNER_PALETTE, GHOST_ALPHA)
            painter.translate(-rect.topLeft())
        painter.setOpacity(1.0)

    def _draw(self, painter: QPainter, rect: QRectF, moment: Moment, matrix: Floats) -> bool:
        """Draw only the part of the picture that the partner fills; False when OpenGL refuses."""
        assert self.renderer is not None
        meshes = partner_only(moment)
        vertices = np.concatenate([mesh.vertices for mesh in meshes]).astype(np.float64)
        places, depth = to_pixels(vertices, matrix, rect.width(), rect.height())
        seen = places[depth > 0.1]
        if len(seen) == 0:
            return True
        size = np.array([rect.width(), rect.height()])
        low = np.clip(np.floor(np.nanmin(seen, axis=0)) - _MARGIN, 0, size)
        high = np.clip(np.ceil(np.nanmax(seen, axis=0)) + _MARGIN, 0, size)
        # Steps of 32 pixels: a picture of another size means new memory.
        wide, tall = (float(np.ceil(length / 32) * 32) for length in high - low)
        if min(*(high - low)) < 2:
            return True
        part = QRectF(low[0], low[1], wide, tall)
        crop = cropped(rect.width(), rect.height(), part) @ matrix
        image = self.renderer.draw(meshes, crop, round(wide), round(tall), *directions(matrix))
        if image is None:
            return False
        painter.drawImage(part.translated(rect.topLeft()), image)
        return True

    def _paint_held(
        self, painter: QPainter, picture: PictureMap, moment: Moment, pose: Pose | None, theme: Theme
    ) -> None:
        """Link the partner's palm with the dancer's hand as it is in the picture."""
        if pose is None or self._shift.value is None:
            return
        rect = picture.rect
        aspect = rect.width() / rect.height()
        matrix = camera_matrix(self._shift.value, aspect, picture.mirror)
        places, depth = to_pixels(held_points(moment.joints), matrix, rect.width(), rect.height())
        own = picture.to_stage(pose.image_joints)
        for (hand, other), hold in zip(HAND_PAIRS, moment.holds, strict=True):
            if hold < HELD or depth[other] < 0.1 or not np.isfinite(own[hand]).all():
                continue
            pen = QPen(color(LINK), max(3.0, 1.2 * theme.unit * float(hold)))
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawLine(QPointF(*own[hand]), rect.topLeft() + QPointF(*places[other]))


def shift_of(leader: Floats, pose: Pose, aspect: float) -> Floats | None:
    """Return what, added to a place in the room, (3,) m, gives it as seen from the camera.

    The dancer as the partner understands them, `leader` (22, 3) m, is laid onto the dancer in the picture: so the
    partner has their scale and stands on their floor. None when too little of them is seen.
    """
    seen = camera_translation(leader - leader[0], pose.image_joints, pose.visibility, aspect)
    return None if seen is None else seen - leader[0]


def cropped(width: float, height: float, part: QRectF) -> Floats:
    """Return the matrix (4, 4) that makes clip space of a picture that of a part of it, pixels y down."""
    matrix = np.eye(4)
    matrix[0, 0], matrix[0, 3] = width / part.width(), (width - 2 * part.left()) / part.width() - 1
    matrix[1, 1], matrix[1, 3] = height / part.height(), 1 - (height - 2 * part.top()) / part.height()
    return matrix
