"""Where everything goes on the stage: a window size in, named rectangles out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF

from dancecoach.types import Floats
from dancecoach.ui.theme import LARGE_TYPE


def arrange(width: float, height: float, large: bool = False, judged: bool = False) -> Mapping[str, QRectF]:
    """Return the rectangles of the stage's parts, pixels.

    The keys are "stage", "picture", "count", "gauge", "torso", "left_upper", "left_lower", "right_upper",
    "right_lower", "verdict", "needle", "status", "quality", "strip" and "notices". Left and right are those of the
    screen. The parts but "stage", "picture" and "notices" do not overlap. "quality" and "strip" have room only where
    quality is `judged`; they are empty else.
    """
    return (_landscape if width >= height else _portrait)(width, height, large, judged)


def _landscape(width: float, height: float, large: bool, judged: bool) -> Mapping[str, QRectF]:
    gap = 0.012 * min(height, width)
    column = (0.26 if large else 0.22) * width
    below = (0.185 if large else 0.165) * height
    top, bottom = gap, height - below - gap
    body = bottom - gap - top
    head = (0.63 if large else 0.61) * body if judged else (0.6 if large else 0.58) * body
    tile = (body - head - 2 * gap) / 2
    upper = (0.71 if judged else 0.58) * head  # of the right column, above the torso
    left, right = gap, width - column - gap
    inner = width - 2 * column - 4 * gap
    first, second = top + head + gap, top + head + tile + 2 * gap
    # Between the columns, above the needle: the score in time, then the eight-counts.
    row = QRectF(left + column + gap, bottom - gap - 0.075 * height, inner, 0.075 * height)
    in_time = 0.24 * inner
    return {
        "stage": QRectF(0, 0, width, height),
        # Under the columns too: a wide picture uses their space, a 4:3 one stays between them.
        "picture": QRectF(0, 0, width, row.top() - gap if judged else bottom),
        "count": QRectF(left, top, column, head),
        "left_upper": QRectF(left, first, column, tile),
        "left_lower": QRectF(left, second, column, tile),
        "quality": QRectF(right, top, column, upper) if judged else QRectF(),
        "strip": row.adjusted(in_time + gap, 0, 0, 0) if judged else QRectF(),
        "gauge": QRectF(row.left(), row.top(), in_time, row.height())
        if judged
        else QRectF(right, top, column, upper),
        "torso": QRectF(right, top + upper + gap, column, head - upper - gap),
        "right_upper": QRectF(right, first, column, tile),
        "right_lower": QRectF(right, second, column, tile),
        "verdict": QRectF(left, bottom, column, below),
        "needle": QRectF(left + column + gap, bottom, inner, below),
        "status": QRectF(right, bottom, column, below),
        "notices": QRectF(left + column + gap, top, inner, 0.3 * height),
    }


def _portrait(width: float, height: float, large: bool, judged: bool) -> Mapping[str, QRectF]:
    gap = 0.012 * min(height, width)
    grow = LARGE_TYPE if large else 1.0
    half = (width - 3 * gap) / 2
    third = (width - 4 * gap) / 3
    head = 0.26 * height
    row = 0.082 * height * grow**0.5
    needle = 0.09 * height
    needle_top = height - needle - gap
    legs = needle_top - row - gap
    arms = legs - row - gap
    verdict = 0.08 * height
    words = arms - verdict - gap
    row_strip = 0.045 * height
    strip = QRectF(gap, words - gap - row_strip, width - 2 * gap, row_strip) if judged else QRectF()
    above = strip.top() if judged else words
    quality = 0.66 * (head - gap) if judged else 0.0
    columns = [gap + index * (third + gap) for index in range(3)]
    return {
        "stage": QRectF(0, 0, width, height),
        "picture": QRectF(0, head + 2 * gap, width, above - head - 3 * gap),
        "count": QRectF(gap, gap, half, head),
        "quality": QRectF(2 * gap + half, gap, half, quality) if judged else QRectF(),
        "strip": strip,
        "gauge": QRectF(2 * gap + half, 2 * gap + quality, half, head - quality - gap)
        if judged
        else QRectF(2 * gap + half, gap, half, head),
        "verdict": QRectF(gap, words, half, verdict),
        "status": QRectF(2 * gap + half, words, half, verdict),
        "left_upper": QRectF(columns[0], arms, third, row),
        "torso": QRectF(columns[1], arms, third, 2 * row + gap),
        "right_upper": QRectF(columns[2], arms, third, row),
        "left_lower": QRectF(columns[0], legs, third, row),
        "right_lower": QRectF(columns[2], legs, third, row),
        "needle": QRectF(gap, needle_top, width - 2 * gap, needle),
        "notices": QRectF(gap, head + 2 * gap, width - 2 * gap, 0.3 * height),
    }


@dataclass(frozen=True)
class PictureMap:
    """Where the camera picture lies on the stage: `rect` in pixels, flipped left to right when `mirror`."""

    rect: QRectF
    mirror: bool

    @classmethod
    def fit(cls, area: QRectF, image_width: int, image_height: int, mirror: bool) -> PictureMap:
        """Return the largest whole picture centred in `area`: feet and hands stay in sight."""
        scale = min(area.width() / image_width, area.height() / image_height)
        width, height = round(image_width * scale), round(image_height * scale)
        left = round(area.center().x() - width / 2)
        top = round(area.center().y() - height / 2)
        return cls(QRectF(left, top, width, height), mirror)

    def to_stage(self, points: Floats) -> Floats:
        """Map image points (N, 2) 0…1 to stage pixels (N, 2)."""
        x = 1.0 - points[:, 0] if self.mirror else points[:, 0]
        rect = self.rect
        return np.column_stack((rect.left() + x * rect.width(), rect.top() + points[:, 1] * rect.height()))

    def to_image(self, point: QPointF) -> tuple[float, float] | None:
        """Map a stage point to the unmirrored image, 0…1; None outside the picture."""
        if not self.rect.contains(point):
            return None
        x = (point.x() - self.rect.left()) / self.rect.width()
        y = (point.y() - self.rect.top()) / self.rect.height()
        return (1.0 - x if self.mirror else x), y

    def box(self, box: tuple[float, float, float, float]) -> QRectF:
        """Map an image box (left, top, right, bottom) 0…1 to stage pixels."""
        corners = self.to_stage(np.array([[box[0], box[1]], [box[2], box[3]]], dtype=np.float64))
        return QRectF(QPointF(*corners[0]), QPointF(*corners[1])).normalized()
