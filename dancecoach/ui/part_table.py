"""Limb by limb figures of one span of time, as a table."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from dancecoach.types import LIMBS, Synchrony
from dancecoach.ui.words import PART_WORDS, SHORT_WORDS, UNKNOWN, part_of, percent, signed_ms, spread_ms, timing

_COLUMNS = ("part", "offset", "", "in time", "hits")


class PartTable(QTableWidget):
    """The whole body and each limb; a dash, with the reason as tool tip, where nothing could be measured."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(1 + len(LIMBS), len(_COLUMNS), parent)
        self.setAccessibleName("Timing of each limb")
        self.setHorizontalHeaderLabels(list(_COLUMNS))
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setMinimumSectionSize(1)  # all rows at once, however low the window
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setShowGrid(False)

    def show_synchrony(self, synchrony: Synchrony | None) -> None:
        """Fill the table."""
        rows = [("body", synchrony), *((part, part_of(synchrony, part)) for part in LIMBS)]
        for row, (part, value) in enumerate(rows):
            cells = [PART_WORDS[part], UNKNOWN, "", UNKNOWN, UNKNOWN]
            if value is not None:
                if value.offset_ms is not None:
                    cells[1] = _offset(value)
                    cells[2] = SHORT_WORDS[timing(value.offset_ms)]
                cells[3] = percent(value.msr)
                cells[4] = str(value.n_hits)
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                if value is not None and value.reason:
                    item.setToolTip(value.reason)
                self.setItem(row, column, item)


def _offset(value: Synchrony) -> str:
    """Return "+48 ± 18 ms"."""
    spread = spread_ms(value)
    text = signed_ms(value.offset_ms)
    return f"{text.removesuffix(' ms')} {spread}" if spread else text
