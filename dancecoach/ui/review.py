"""The review window: recorded sessions, their timeline, the replay, and exports."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QProgressDialog,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from dancecoach.types import PrimitiveScore
from dancecoach.ui.background import Background, sentence
from dancecoach.ui.part_table import PartTable
from dancecoach.ui.playback import Playback
from dancecoach.ui.review_model import EXPORTS, ExportKind, ReviewSession, ReviewStore, SessionInfo
from dancecoach.ui.skeleton_view import SkeletonView
from dancecoach.ui.theme import dress, make_theme
from dancecoach.ui.timeline import Timeline
from dancecoach.ui.video_view import VideoView
from dancecoach.ui.words import clock_text, percent, primitive_word, score_words

_ROLE = Qt.ItemDataRole.UserRole


class ReviewWindow(QWidget):
    """Looks at recorded sessions.

    Parameters
    ----------
    store : ReviewStore
        Lists, opens and exports sessions, in worker threads.
    folder : Path
        Where the sessions are.
    theme : str
        Name of the colour theme.
    learn : callable, optional
        Learns the choreography of a session: name and folder; called in a worker thread.
    """

    def __init__(
        self,
        store: ReviewStore,
        folder: Path,
        theme: str = "dark",
        learn: Callable[[str, Path], None] | None = None,
    ) -> None:
        super().__init__()
        self.setWindowTitle("Review")
        self._store, self._folder, self._theme_name, self._learn = store, folder, theme, learn
        self._session: ReviewSession | None = None
        self._jobs: list[Background] = []
        self._chosen: PrimitiveScore | None = None
        self._styled = QSize()
        self.playback = Playback(self)
        self.playback.moved.connect(self._moved)
        self.playback.changed.connect(lambda playing: self.play_button.setText("Pause" if playing else "Play"))
        self._build()
        for keys, act in (("Space", self.toggle_playing), ("Esc", self.close)):
            QShortcut(QKeySequence(keys), self).activated.connect(act)
        for keys, seconds in (("Left", -2.0), ("Right", 2.0)):
            key = QShortcut(QKeySequence(keys), self)
            key.activated.connect(lambda step=seconds: self.playback.seek(self.playback.position + step))
        QTimer.singleShot(0, self, self.refresh)

    # ---- parts

    def _build(self) -> None:
        self.sessions = QListWidget()
        self.sessions.setAccessibleName("Recorded sessions")
        self.sessions.setWordWrap(True)
        self.sessions.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.sessions.currentItemChanged.connect(lambda item, before: self._choose(item))
        self.skeleton = SkeletonView()
        self.video = VideoView()
        self.video.hide()
        self.playback.sink.videoFrameChanged.connect(self.video.show_frame)
        self.title = QLabel()
        self.title.setProperty("role", "title")
        self.title.setWordWrap(True)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.part_title = QLabel()
        self.part_title.setWordWrap(True)
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        self.verdict.setAccessibleName("Quality of the eight-count")
        for label in (self.title, self.summary, self.verdict):
            label.setTextFormat(Qt.TextFormat.PlainText)  # names of others
        self.table = PartTable()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setAccessibleName("Message")
        self.timeline = Timeline()
        self.timeline.seeked.connect(self._seek)
        left, right = QVBoxLayout(), QVBoxLayout()
        heading = QLabel("Sessions")
        heading.setProperty("role", "title")
        left.addWidget(heading)
        left.addWidget(self.sessions, 1)
        for label in (self.title, self.summary, self.part_title):
            right.addWidget(label)
        right.addWidget(self.verdict)
        right.addWidget(self.table, 1)
        right.addWidget(self.message)
        right.addLayout(self._buttons())
        pictures = QHBoxLayout()
        pictures.addWidget(self.skeleton, 1)
        pictures.addWidget(self.video, 1)
        upper = QHBoxLayout()
        upper.addLayout(left, 6)
        upper.addLayout(pictures, 10)
        upper.addLayout(right, 11)
        whole = QVBoxLayout(self)
        whole.addLayout(upper, 5)
        whole.addWidget(self.timeline, 3)

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.play_button = QPushButton("Play")
        self.play_button.setAccessibleName("Play or pause the replay")
        self.play_button.clicked.connect(self.toggle_playing)
        self.place = QLabel("0:00")
        self.place.setAccessibleName("Place in the session")
        self.export_button = QToolButton()
        self.export_button.setText("Export")
        self.export_button.setAccessibleName("Export the session")
        self.export_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.export_button.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)
        self.export_menu = QMenu(self)
        for kind, text, suffix in EXPORTS:
            self.export_menu.addAction(text, partial(self._ask_export, kind, suffix))
        self.export_button.setMenu(self.export_menu)
        self.learn_button = QPushButton("Learn…")
        self.learn_button.setAccessibleName("Learn this choreography…")
        self.learn_button.setToolTip("Learn this choreography…")
        self.learn_button.clicked.connect(self._ask_learn)
        self.learn_button.setVisible(self._learn is not None)
        close = QPushButton("Close")
        close.setAccessibleName("Close the review")
        close.clicked.connect(self.close)
        for button in (self.play_button, self.learn_button, self.export_button, close):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row.addWidget(self.play_button)
        row.addWidget(self.place)
        row.addStretch(1)
        row.addWidget(self.learn_button)
        row.addWidget(self.export_button)
        row.addWidget(close)
        return row

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep type and distances in proportion."""
        super().resizeEvent(event)
        if self.size() == self._styled:
            return
        self._styled = self.size()
        theme = make_theme(self._theme_name, self.width(), self.height())
        dress(self, theme)
        self.skeleton.theme_name = self._theme_name
        gap = theme.px(1.5)
        whole = self.layout()
        assert whole is not None
        whole.setContentsMargins(gap, gap, gap, gap)
        for row in (*self.findChildren(QHBoxLayout), *self.findChildren(QVBoxLayout)):
            row.setSpacing(gap)
        self._show_timeline()

    # ---- sessions

    def _job(
        self,
        work: Callable[[Callable[[float], bool]], Any],
        succeeded: Callable[[Any], object],
        failed: Callable[[Exception], object],
        progress: Callable[[float], object] | None = None,
    ) -> Background:
        """Start work that the window waits for when it is closed."""
        self._jobs = [job for job in self._jobs if not job.join(0.0)]
        job = Background(work, succeeded, failed, progress)
        self._jobs.append(job)
        return job.start()

    def _tell(self, text: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def refresh(self) -> None:
        """List the sessions again."""
        self._tell("Looking for sessions…")
        self._job(lambda report: self._store.list_sessions(self._folder), self._list, self._failed)

    def _list(self, sessions: list[SessionInfo]) -> None:
        self._tell("" if sessions else f"No sessions in {self._folder} yet. Press R in the main window.")
        self.sessions.clear()
        for session in sessions:
            item = QListWidgetItem(self._line(session))
            item.setData(_ROLE, session)
            if not session.readable:
                item.setToolTip(session.problem)
            self.sessions.addItem(item)
        readable = [row for row, session in enumerate(sessions) if session.readable]
        if readable:
            self.sessions.setCurrentRow(max(readable, key=lambda row: sessions[row].created))

    @staticmethod
    def _line(session: SessionInfo) -> str:
        if not session.readable:
            return f"{session.name}\ncannot be read: {session.problem}"
        date = session.created[:16].replace("T", "  ")
        score = "" if session.msr is None else f"   in time {percent(session.msr)}"
        return f"{session.name}\n{date}\n{clock_text(session.duration)}{score}"

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        info: SessionInfo = item.data(_ROLE)
        if not info.readable:
            self._tell(info.problem)
            return
        self._tell("Opening…")
        folder = info.folder
        # Somebody may have chosen another one meanwhile.
        self._job(
            lambda report: self._store.open_session(folder),
            lambda session: self._open(session) if self._is_current(folder) else None,
            self._failed,
        )

    def _is_current(self, folder: Path) -> bool:
        item = self.sessions.currentItem()
        return item is not None and bool(item.data(_ROLE).folder == folder)

    def _failed(self, error: BaseException) -> None:
        self._tell(sentence(error))

    def _open(self, session: ReviewSession) -> None:
        self._session, self._chosen = session, None
        self._tell("")
        self.title.setText(session.name)
        parts = [session.created[:16].replace("T", "  "), clock_text(session.duration)]
        if session.total is not None:
            parts.append(f"in time {percent(session.total.msr)}")
        self.summary.setText("   ".join(part for part in parts if part))
        self.skeleton.set_track(session.track, session.partner_track)
        self.video.setVisible(session.video_path is not None)
        self._show_timeline()
        self.playback.open(
            session.duration, session.audio_path, session.audio_start, session.video_path, session.video_start
        )
        self._show_parts()
        if len(session.track):
            self.playback.seek(float(session.track.times[0]))  # before it nobody is seen

    def _show_timeline(self) -> None:
        theme = make_theme(self._theme_name, self.width(), self.height())
        session = self._session
        self.timeline.show_session(
            session.primitives if session is not None else (), session.duration if session is not None else 0.0, theme
        )
        # Grades and limbs want rows of their own.
        self.timeline.setMinimumHeight(theme.px(35.0) if self.timeline.judged else 0)
        self.timeline.set_time(self.playback.position)

    # ---- replay

    def toggle_playing(self) -> None:
        """Play or pause."""
        if self.playback.playing:
            self.playback.pause()
        else:
            self.playback.play()

    def _seek(self, time: float) -> None:
        self.playback.seek(time)

    def _moved(self, time: float) -> None:
        self.timeline.set_time(time)
        self.skeleton.set_time(time)
        self.place.setText(f"{clock_text(time)} / {clock_text(self.playback.duration)}")
        chosen = self.timeline.primitive_at(time)
        if chosen is not self._chosen:
            self._chosen = chosen
            self._show_parts()

    def _show_parts(self) -> None:
        """Show the limbs of the eight-count at the cursor, of the whole session between eight-counts."""
        if self._session is None:
            return
        if self._chosen is None:
            self.part_title.setText("Whole session")
            self.verdict.setText("")
            self.table.show_synchrony(self._session.total)
            return
        primitive = self._chosen.primitive
        span = f"{clock_text(primitive.start)} to {clock_text(primitive.stop)}"
        self.part_title.setText(f"{primitive_word(primitive)} {self._chosen.index}, {span}")
        self.table.show_synchrony(self._chosen.synchrony)
        # Title and table say the first two lines.
        lines = score_words(self._chosen, evidence=False)[2:]
        self.verdict.setText("\n".join(lines) if self._chosen.assessment is not None else "")

    # ---- choreographies

    def _ask_learn(self) -> None:
        if self._session is None:
            self._tell("Open a session first.")
            return
        name, accepted = QInputDialog.getText(self, "Learn this choreography", "Name of the choreography:")
        if accepted and name.strip():
            self.learn(name.strip())

    def learn(self, name: str) -> None:
        """Learn the open session as a choreography of this name."""
        session, learn = self._session, self._learn
        if session is None or learn is None:
            return
        self._tell(f"Learning {name}…")
        folder = session.folder
        self._job(
            lambda report: learn(name, folder),
            lambda result: self._tell(f"Learned: {name}"),
            self._failed,
        )

    # ---- export

    def _ask_export(self, kind: ExportKind, suffix: str) -> None:
        if self._session is None:
            self._tell("Open a session first.")
            return
        start = str(Path.home() / f"{self._session.name}{suffix}")
        path, _ = QFileDialog.getSaveFileName(self, "Export", start, f"*{suffix}")
        if path:
            self.export(kind, Path(path))

    def export(self, kind: ExportKind, destination: Path) -> QProgressDialog | None:
        """Export the open session beside the window; returns the progress dialog."""
        session = self._session
        if session is None:
            return None
        dialog = QProgressDialog(f"Exporting {destination.name}…", "Stop", 0, 100, self)
        dialog.setWindowTitle("Export")
        dialog.setAccessibleName("Progress of the export")
        dialog.setMinimumDuration(300)
        dialog.setAutoClose(False)
        dialog.setAutoReset(False)

        def finished(text: str) -> None:
            dialog.canceled.disconnect()
            dialog.close()
            dialog.deleteLater()
            self._tell("Export stopped." if job.cancelled else text)

        job = self._job(
            lambda report: self._store.export(session, kind, destination, report),
            lambda result: finished(f"Saved: {destination}"),
            lambda error: finished(sentence(error)),
            lambda share: dialog.setValue(min(99, round(100 * share))),
        )
        dialog.canceled.connect(lambda: job.cancel())
        return dialog

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop the replay and every export; no thread outlives the window."""
        self.playback.close()
        for dialog in self.findChildren(QProgressDialog):
            dialog.deleteLater()
        for job in self._jobs:
            job.forget()
            job.cancel()
        for job in self._jobs:
            job.join(10.0)
        super().closeEvent(event)
