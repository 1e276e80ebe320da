"""The live engine: builds the workers, starts and stops them, hands out one immutable snapshot.

```
capture ─Latest─► pose ──► ring of poses ──┐
                                           ├──► assess, partner ──► Snapshot ──► whoever paints
listen ──► beats / music player ──► grid ──┘
```

Commands come as method calls from any thread; slow ones (opening a file, a device) are carried out by the worker
they concern.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dancecoach import config
from dancecoach.buffers import Latest
from dancecoach.clock import Clock, SystemClock
from dancecoach.config import Latency, Settings
from dancecoach.errors import DancecoachError
from dancecoach.loop.assessing import LiveAssessment
from dancecoach.loop.calibration import Calibration
from dancecoach.loop.capture import Capture
from dancecoach.loop.demo import ASSETS, FollowingVideo
from dancecoach.loop.listen import Listener
from dancecoach.loop.notices import by_severity, frame_rate_notice, music_notices, people_notices
from dancecoach.loop.partnering import LivePartner
from dancecoach.loop.timing import Timers
from dancecoach.loop.watch import Watcher
from dancecoach.loop.worker import Worker
from dancecoach.session import choreographies
from dancecoach.session.recorder import Recorder
from dancecoach.session.store import open_session
from dancecoach.types import (
    AudioBlock,
    Beat,
    Notice,
    PartnerRole,
    Pose,
    PrimitiveScore,
    RecordingState,
    Snapshot,
    StageTiming,
    VideoFrame,
)

if TYPE_CHECKING:
    from dancecoach.partner.partner import PartnerFrame

log = logging.getLogger(__name__)

_MEASURE_EVERY = 0.5  # s between two measurements of synchrony
_STALE_POSE = 0.3  # s after which the newest picture is shown without waiting for its pose
_TIME_EVERY = 0.5  # s between two looks at the stage timers
_START_TOGETHER = 5.0  # s within which files that are opened start from one line


class Engine:
    """Watches, listens, measures and records.

    Parameters
    ----------
    settings : Settings
        What to start with; later changes come by commands.
    clock : Clock
        The one clock.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self.timers = Timers()
        self._settings = settings
        self._lock = threading.Lock()
        self._frames: Latest[VideoFrame] = Latest()
        self.assessment = LiveAssessment(self._notify, self.timers, settings.reference)
        self._recorder: Recorder | None = None
        self._problems: dict[str, Notice] = {}
        self._calibration: Calibration | None = None
        self._painted = False
        self._line: float | None = None
        self._timed = -math.inf
        self._last_timings: Mapping[str, StageTiming] = {}
        self.capture = Capture(self.clock, self._got_frame, self._notify, self._start_line)
        sound = (self._got_sound, self._notify, self.timers, self._start_line)
        self.listener = Listener(self.clock, *sound)
        self.partner = LivePartner(
            lambda: self.listener.grid,
            lambda: self._latency().display,
            self.timers,
            self._got_partner,
        )
        self.watcher = Watcher(self._frames, self._got_pose, self._notify, self.timers)
        self._workers = [
            Worker("capture", self.capture.step, self.capture.close, self._worker_failed),
            Worker("listen", self.listener.step, self.listener.close, self._worker_failed),
            Worker("pose", self.watcher.step, self.watcher.close, self._worker_failed),
            Worker("partner", self.partner.receive, self.partner.close, self._worker_failed),
            Worker("partner's poses", self.partner.hand_over, None, self._worker_failed),
        ]
        self._assess = Worker("assess", self._measure, self.assessment.close, self._worker_failed)
        self._workers.append(self._assess)
        self.use_camera(settings.camera)
        self.use_audio(settings.audio)
        self.listener.set_speed(settings.music_speed)
        self.listener.set_count_in(settings.count_in)
        self.partner.set_role("leader" if settings.partner_role == "leader" else "follower")
        self.partner.set_style(settings.partner_style)
        self.partner.set_ghost(settings.partner_ghost)
        self.partner.use(settings.partner)
        self._apply_latency()

    # --- life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start every worker."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Finish the recording, stop and join every worker."""
        self.stop_recording()
        if self._calibration is not None:
            self._calibration.close()
        for worker in self._workers:
            worker.ask_to_stop()
        self.capture.interrupt()
        self.listener.interrupt()
        for worker in self._workers:
            worker.join()

    def snapshot(self) -> Snapshot:
        """Return the newest state; cheap, from any thread."""
        now = self.clock.now()
        seen = self.watcher.seen
        newest = self._frames.peek()
        frame = newest
        if seen is not None and newest is not None and newest.arrival - seen.frame.arrival < _STALE_POSE:
            frame = seen.frame  # the picture whose skeleton we have
        grid = self.listener.grid
        assessed = self.assessment.now
        return Snapshot(
            time=now,
            frame=frame,
            pose=seen.result.smooth if seen is not None and frame is seen.frame else None,
            people=seen.result.people if seen is not None else (),
            beat_grid=grid,
            synchrony_8=assessed.last_8,
            synchrony_32=assessed.last_32,
            synchrony_total=assessed.total,
            primitives=self.assessment.primitives,
            advice=assessed.advice,
            provider=assessed.provider,
            partner=self.partner.motion,
            notices=self._notices(now),
            music=self.listener.music_state(),
            recording=self._recording_state(),
            music_heard=self.listener.music_heard,
            sound_level=self.listener.level,
            camera_rate=self.capture.rate,
            camera_name=self.capture.name,
            audio_name=self.listener.name,
            display_latency=self._latency().display,
            timings=self._timings(now),
        )

    # --- inputs -----------------------------------------------------------------------------------------------

    def use_camera(self, spec: str) -> None:
        """Switch the camera: "" default, a name, an address, a file, a session folder or "none"."""
        self._settings = dataclasses.replace(self._settings, camera=spec)
        self._notify("demo", None)
        self.capture.use(spec)
        self._apply_latency()

    def use_audio(self, spec: str) -> None:
        """Switch the sound heard: "" default microphone, a name, a file or "none"."""
        self._settings = dataclasses.replace(self._settings, audio=spec)
        self.listener.use(spec)
        self._apply_latency()

    def use_reference(self, path: str) -> None:
        """Compare the dancer with this motion from now on: a motion file or the folder of a session.

        Reads it before it returns; raises `DancecoachError` when it cannot be read.
        """
        self.assessment.use_reference(path)
        self._settings = dataclasses.replace(self._settings, reference=path)

    def clear_reference(self) -> None:
        """Judge the dancer without a reference from now on."""
        self.assessment.use_reference("")
        self._settings = dataclasses.replace(self._settings, reference="")

    def load_music(self, path: str) -> None:
        """Load a music file into the player; its beats are analysed ahead in the background."""
        self.listener.load_music(Path(path))

    def unload_music(self) -> None:
        """Take the music out of the player."""
        self.listener.unload_music()

    def play(self) -> None:
        """Play the music."""
        self.listener.play()

    def pause(self) -> None:
        """Pause the music."""
        self.listener.pause()

    def seek(self, seconds: float) -> None:
        """Jump to `seconds` of the music."""
        self.listener.seek(seconds)

    def set_speed(self, speed: float) -> None:
        """Play at `speed`, 0.5…1.1 of the recorded tempo."""
        self.listener.set_speed(speed)

    def set_loop(self, start: float, stop: float) -> None:
        """Repeat the music between two positions, seconds."""
        self.listener.set_loop(start, stop)

    def clear_loop(self) -> None:
        """Play on past the loop."""
        self.listener.clear_loop()

    def set_count_in(self, on: bool) -> None:
        """Count in before the music starts."""
        self.listener.set_count_in(on)

    def set_music_offset(self, seconds: float) -> None:
        """Move the beats by `seconds`, −1…1."""
        limited = min(max(seconds, -config.MAX_OFFSET), config.MAX_OFFSET)
        self._settings = dataclasses.replace(self._settings, music_offset=limited)
        self._apply_latency()

    def set_latency(self, latency: Latency) -> None:
        """Use these delays from now on."""
        self._settings = self._settings.with_latency(self._settings.camera, self._settings.audio, latency)
        self._apply_latency()

    def _latency(self) -> Latency:
        return self._settings.latency_of(self._settings.camera, self._settings.audio)

    def _apply_latency(self) -> None:
        latency = self._latency()
        self.capture.set_latency(latency.camera)
        self.listener.set_delay(latency.audio_output, self._settings.music_offset)

    def show_demo(self) -> None:
        """Play the demo's music in a loop, with its dancer as the camera; blocks while the music is analysed."""
        music = ASSETS / "demo" / "audio.wav"
        self.listener.load_music(music, "Demo")
        if not self.listener.wait_loaded(60.0):
            return
        state = self.listener.music_state()
        if state is None:
            return
        self.set_loop(0.0, state.duration)
        self.capture.use_source(FollowingVideo(ASSETS / "demo" / "video.mp4", self.clock, self.listener.position_at))
        self.listener.play(counted_in=False)

    @property
    def in_demo(self) -> bool:
        """Whether the demo's dancer is what is watched."""
        return isinstance(self.capture.source, FollowingVideo)

    def _start_line(self) -> float:
        """Return when files start: shortly after the first was opened, the same for those opened soon after."""
        now = self.clock.now()
        with self._lock:
            if self._line is None or now > self._line + _START_TOGETHER:
                self._line = now + 0.3
            return self._line

    def learn_choreography(self, name: str, session: Path) -> None:
        """Keep a recorded session as a choreography to be recognised.

        Raises `DancecoachError` when it will not do.
        """
        recorded = open_session(session)
        choreographies.save(name, recorded.track, recorded.beat_grid)
        self.assessment.learned()

    # --- dancer and beat --------------------------------------------------------------------------------------

    def follow_person(self, x: float, y: float) -> None:
        """Follow whoever is at (x, y) of the unmirrored image, 0…1."""
        self.watcher.follow(x, y)

    def set_the_one(self) -> None:
        """Call the beat nearest to now the one."""
        self.listener.set_the_one(self.clock.now())

    def tap_tempo(self) -> None:
        """Take one tap of the tempo."""
        self.listener.tap(self.clock.now())

    def halve_tempo(self) -> None:
        """Count half as fast."""
        self.listener.scale_tempo(0.5)

    def double_tempo(self) -> None:
        """Count twice as fast."""
        self.listener.scale_tempo(2.0)

    def clear_taps(self) -> None:
        """Forget the taps and go back to the music heard."""
        self.listener.forget_taps()

    # --- partner ----------------------------------------------------------------------------------------------

    def use_partner(self, on: bool) -> None:
        """Switch the live partner on or off."""
        self.partner.use(on)

    def set_partner_role(self, role: PartnerRole) -> None:
        """Let the partner follow, or lead a simple basic."""
        self.partner.set_role(role)

    def set_partner_style(self, style: str) -> None:
        """Let the partner dance a style by its name."""
        self.partner.set_style(style)

    def set_partner_ghost(self, counts: int) -> None:
        """Show where the partner will be 2, 3 or 4 counts later; 0 for no ghost."""
        self.partner.set_ghost(counts)

    # --- take -------------------------------------------------------------------------------------------------

    def start_recording(self, folder: Path | None = None, with_video: bool | None = None) -> None:
        """Record a session into `folder` (default: the one of the settings); a failure becomes a notice."""
        if self._recorder is not None:
            return
        parent = folder or (Path(self._settings.sessions) if self._settings.sessions else config.sessions_folder())
        video = self._settings.record_video if with_video is None else with_video
        info = {"camera": self.capture.name, "audio": self.listener.name}
        try:
            recorder = Recorder(parent, self.clock.now(), info, video)
        except DancecoachError as error:
            self._notify("recording", Notice("recording_failed", error.problem, error.remedy, "error"))
            return
        self._notify("recording", None)
        self.reset_take()
        with self._lock:
            self._recorder = recorder

    def stop_recording(self) -> Path | None:
        """Finish the recording and return its folder; None when none was running."""
        with self._lock:
            recorder, self._recorder = self._recorder, None
        if recorder is None:
            return None
        folder: Path = recorder.close(self.assessment.now.total)
        return folder

    def reset_take(self) -> None:
        """Start scoring afresh."""
        self.assessment.new_take()

    def calibration(self) -> Calibration:
        """Return the latency calibration of the devices in use."""
        if self._calibration is None:
            self._calibration = Calibration(self.clock, self._latency, self.set_latency, self.pause)
        return self._calibration

    @property
    def dropped(self) -> int:
        """Pictures that arrived but were never looked at, since the start."""
        return self.capture.dropped + self._frames.dropped

    def report_paint(self, arrival: float, painted_at: float) -> None:
        """Say when the picture that arrived at `arrival` was painted, clock seconds."""
        if not self._painted:
            self._painted = True
            log.info("first picture painted")
        self.timers["arrival to paint"].add((painted_at - arrival) * 1000)

    # --- workers ----------------------------------------------------------------------------------------------

    def _got_frame(self, frame: VideoFrame) -> None:
        self._frames.put(frame)
        recorder = self._recorder
        if recorder is not None:
            recorder.frame(frame)
        calibration = self._calibration
        if calibration is not None:
            calibration.saw_frame(frame)

    def _got_pose(self, pose: Pose) -> None:
        self.assessment.see(pose)
        self.partner.see(pose)
        recorder = self._recorder
        if recorder is not None:
            recorder.pose(pose)
        calibration = self._calibration
        if calibration is not None:
            calibration.saw_pose(pose)

    def _got_partner(self, frame: PartnerFrame) -> None:
        recorder = self._recorder
        if recorder is not None:
            recorder.partner(frame)

    def _got_sound(self, block: AudioBlock | None, beats: Sequence[Beat]) -> None:
        recorder = self._recorder
        if recorder is not None:
            if block is not None:
                recorder.audio(block)
            recorder.beats(beats)
        calibration = self._calibration
        if calibration is not None and block is not None and self.listener.hears:
            calibration.heard_block(block)

    def _measure(self) -> None:
        if not self._assess.stopping.wait(_MEASURE_EVERY):
            self._store(self.assessment.step(self.clock.now(), self.listener.grid, self._assess.stopping))

    def _store(self, completed: Sequence[PrimitiveScore]) -> None:
        recorder = self._recorder
        if recorder is None:
            return
        for score in completed:
            recorder.primitive(score)
        if recorder.problem is not None:
            problem = recorder.problem
            self._notify("recording", Notice("recording_stopped", problem.problem, problem.remedy, "error"))
            self.stop_recording()

    def tell(self, notice: Notice) -> None:
        """Show a standing notice of the surrounding program."""
        self._notify(notice.code, notice)

    # --- what is wrong ----------------------------------------------------------------------------------------

    def _notify(self, about: str, notice: Notice | None) -> None:
        """Set or clear the standing notice about one thing."""
        with self._lock:
            if notice is None:
                self._problems.pop(about, None)
                return
            known = self._problems.get(about)
            self._problems[about] = notice
        if known != notice:
            log.info("notice: %s %s", notice.text, notice.remedy)
            recorder = self._recorder
            if recorder is not None:
                recorder.notice(notice)

    def _worker_failed(self, name: str, error: Exception | None) -> None:
        notice = None
        if error is not None:
            text = f"A part of the coach failed ({name}) and is started again"
            notice = Notice("worker_failed", text, "Details are in the log.", "error")
        self._notify(f"worker {name}", notice)

    def _notices(self, now: float) -> tuple[Notice, ...]:
        with self._lock:
            notices = list(self._problems.values())
        if self.capture.watching:
            slow = frame_rate_notice(self.capture.rate, self.capture.brightness)
            if slow is not None:
                notices.append(slow)
            seen = self.watcher.seen
            people = seen.result.people if seen is not None else ()
            pose = seen.result.raw if seen is not None else None
            notices += people_notices(pose, people, self.watcher.seen_ago(now))
        listener = self.listener
        if not listener.troubled:
            notices += music_notices(listener.music_heard, listener.grid, listener.listening)
        return by_severity(notices)

    def _recording_state(self) -> RecordingState | None:
        recorder = self._recorder
        if recorder is None:
            return None
        return RecordingState(str(recorder.folder), recorder.seconds, recorder.with_video)

    def _timings(self, now: float) -> Mapping[str, StageTiming]:
        """Return the stages' timings, read anew twice a second: percentiles are too dear for every paint."""
        if now - self._timed < _TIME_EVERY:
            return self._last_timings
        timings: dict[str, StageTiming] = {}
        for name in self.timers:
            dropped = self.dropped if name == "pose" else 0
            timing = self.timers[name].timing(dropped)
            if timing is not None:
                timings[name] = timing
        self._timed, self._last_timings = now, timings
        return timings
