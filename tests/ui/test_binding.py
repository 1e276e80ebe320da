"""The Qt binding itself: a wrong one ends the process in the middle of a dance."""

import sys

from PySide6.QtGui import QImage, QPainter, QPen
from PySide6.QtWidgets import QApplication


def test_calls_leave_the_count_of_none_alone(application: QApplication) -> None:
    """PySide6 6.12.0 on Python 3.11 takes one reference of None at every call and aborts after thousands."""
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    pen = QPen()
    before = sys.getrefcount(None)
    for _ in range(500):
        painter.setPen(pen)
    lost = before - sys.getrefcount(None)
    painter.end()
    assert lost < 250, "this PySide6 corrupts None: use another version (6.12.0 needs Python 3.12 or newer)"
