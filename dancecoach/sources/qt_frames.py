"""Qt's video frames to arrays, without Qt's own conversion (which may want an OpenGL context)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage
from PySide6.QtMultimedia import QVideoFrame, QVideoFrameFormat

from dancecoach.sources.video_file import LONGEST_SIDE, frozen
from dancecoach.types import Image

Pixel = QVideoFrameFormat.PixelFormat
PACKED_YUV = {Pixel.Format_YUYV: cv2.COLOR_YUV2RGB_YUYV, Pixel.Format_UYVY: cv2.COLOR_YUV2RGB_UYVY}
BIPLANAR = {Pixel.Format_NV12: cv2.COLOR_YUV2RGB_NV12, Pixel.Format_NV21: cv2.COLOR_YUV2RGB_NV21}
PLANAR = {Pixel.Format_YUV420P: cv2.COLOR_YUV2RGB_I420, Pixel.Format_YV12: cv2.COLOR_YUV2RGB_YV12}
FOUR_BYTES = {
    Pixel.Format_RGBA8888: cv2.COLOR_RGBA2RGB,
    Pixel.Format_RGBX8888: cv2.COLOR_RGBA2RGB,
    Pixel.Format_BGRA8888: cv2.COLOR_BGRA2RGB,
    Pixel.Format_BGRX8888: cv2.COLOR_BGRA2RGB,
}


def to_rgb(frame: QVideoFrame) -> Image | None:
    """Return the picture (H, W, 3) RGB upright, as the camera sees it; None when it cannot be read.

    Rotation flags are applied. Mirror flags only ask for a mirrored display, so they are not.
    """
    image = _mapped(frame)
    if image is None:
        return None
    layout = frame.surfaceFormat()
    if layout.scanLineDirection() == QVideoFrameFormat.Direction.BottomToTop:
        image = image[::-1]
    clockwise = int(frame.rotation().value) + int(layout.rotation().value)
    if turns := -(clockwise // 90) % 4:
        image = np.rot90(image, turns)
    scale = LONGEST_SIDE / max(image.shape[:2])
    if scale < 1:
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return frozen(image)


def _mapped(frame: QVideoFrame) -> Image | None:
    if not frame.isValid():
        return None
    pixel = frame.pixelFormat()
    known = pixel in PACKED_YUV or pixel in BIPLANAR or pixel in PLANAR or pixel in FOUR_BYTES
    if not known and pixel != Pixel.Format_Jpeg:
        return _by_qt(frame)
    if not frame.map(QVideoFrame.MapMode.ReadOnly):
        return None
    try:
        if pixel == Pixel.Format_Jpeg:
            picture = cv2.imdecode(_plane(frame, 0), cv2.IMREAD_COLOR)
            return None if picture is None else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
        return _converted(frame)
    finally:
        frame.unmap()


def _converted(frame: QVideoFrame) -> Image:
    """Convert a mapped frame of a known layout; takes the padding at the end of lines off."""
    pixel, width, height = frame.pixelFormat(), frame.width(), frame.height()
    if pixel in PACKED_YUV:
        packed = _lines(frame, 0, height, width * 2).reshape(height, width, 2)
        return np.asarray(cv2.cvtColor(packed, PACKED_YUV[pixel]), np.uint8)
    if pixel in FOUR_BYTES:
        four = _lines(frame, 0, height, width * 4).reshape(height, width, 4)
        return np.asarray(cv2.cvtColor(four, FOUR_BYTES[pixel]), np.uint8)
    planes = [_lines(frame, 0, height, width)]
    if pixel in BIPLANAR:
        planes.append(_lines(frame, 1, height // 2, width))
        code = BIPLANAR[pixel]
    else:
        planes += [_lines(frame, number, height // 2, width // 2).reshape(-1, width) for number in (1, 2)]
        code = PLANAR[pixel]
    return np.asarray(cv2.cvtColor(np.concatenate(planes), code), np.uint8)


def _plane(frame: QVideoFrame, number: int) -> NDArray[np.uint8]:
    return np.frombuffer(frame.bits(number), np.uint8)


def _lines(frame: QVideoFrame, number: int, height: int, width: int) -> NDArray[np.uint8]:
    """Return (height, width) bytes of a plane."""
    stride = frame.bytesPerLine(number)
    data = _plane(frame, number)[: stride * height]
    if len(data) < stride * height:  # the last line may come without its padding
        data = np.concatenate([data, np.zeros(stride * height - len(data), np.uint8)])
    return np.ascontiguousarray(data.reshape(height, stride)[:, :width])


def _by_qt(frame: QVideoFrame) -> Image | None:
    copy = QVideoFrame(frame)
    copy.setRotation(frame.rotation().__class__(0))
    image = copy.toImage().convertToFormat(QImage.Format.Format_RGB888)
    if image.isNull():
        return None
    stride, width, height = image.bytesPerLine(), image.width(), image.height()
    data = np.frombuffer(image.constBits(), np.uint8)[: stride * height]
    return data.reshape(height, stride)[:, : width * 3].reshape(height, width, 3).copy()
