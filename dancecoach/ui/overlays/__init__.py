"""The parts painted over the camera picture, in the order in which they are painted."""

from __future__ import annotations

from dancecoach.ui.overlays.base import Overlay, Scene
from dancecoach.ui.overlays.count import CountOverlay
from dancecoach.ui.overlays.cues import CuesOverlay
from dancecoach.ui.overlays.debug import DebugOverlay
from dancecoach.ui.overlays.gauge import GaugeOverlay
from dancecoach.ui.overlays.help import HelpOverlay
from dancecoach.ui.overlays.limbs import LimbOverlay
from dancecoach.ui.overlays.needle import NeedleOverlay, VerdictOverlay
from dancecoach.ui.overlays.notices import NoticesOverlay
from dancecoach.ui.overlays.people import PeopleOverlay
from dancecoach.ui.overlays.quality import QualityOverlay
from dancecoach.ui.overlays.skeleton import SkeletonOverlay
from dancecoach.ui.overlays.status import StatusOverlay
from dancecoach.ui.overlays.strip import StripOverlay

# (place of `layout.arrange`, overlay), bottom first. Left and right are those of the screen.
OVERLAYS: tuple[tuple[str, Overlay], ...] = (
    ("picture", SkeletonOverlay()),
    ("picture", PeopleOverlay()),
    ("count", CountOverlay()),
    ("quality", QualityOverlay()),
    ("gauge", GaugeOverlay()),
    ("torso", LimbOverlay("torso", "torso")),
    ("left_upper", LimbOverlay("left_arm", "right_arm")),
    ("left_lower", LimbOverlay("left_leg", "right_leg")),
    ("right_upper", LimbOverlay("right_arm", "left_arm")),
    ("right_lower", LimbOverlay("right_leg", "left_leg")),
    ("verdict", VerdictOverlay()),
    ("needle", NeedleOverlay()),
    ("strip", StripOverlay()),
    ("status", StatusOverlay()),
    ("notices", CuesOverlay()),
    ("notices", NoticesOverlay()),
    ("picture", DebugOverlay()),
    ("stage", HelpOverlay()),
)

__all__ = ["OVERLAYS", "Overlay", "Scene"]
