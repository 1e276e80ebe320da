"""Switching the partner on, its views, ghost and role: the commands, and where its view goes in the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QRect
from PySide6.QtGui import QActionGroup

from dancecoach.config import PARTNER_GHOSTS, PARTNER_VIEWS, Settings
from dancecoach.types import PartnerRole, StageTiming
from dancecoach.ui.theme import make_theme
from dancecoach.ui.words import ghost_words

if TYPE_CHECKING:
    from dancecoach.ui.main_window import MainWindow
    from dancecoach.ui.partner.gl import Renderer
    from dancecoach.ui.partner.mirror import MirrorPartner
    from dancecoach.ui.partner.view import PartnerView

T = TypeVar("T")

IN_THE_MIRROR = "in the mirror"
_WIDE, _LEAST = 0.37, 0.28  # shares of a landscape window's width
_HIGH = 0.36  # share of a portrait window's height
_ROLE_WORDS = {"follower": "follows", "leader": "leads"}


def split(area: QRect) -> tuple[QRect, QRect]:
    """Return where mirror and partner go: side by side, one above the other where the window is high."""
    if area.width() >= area.height():
        # The mirror stays at least as wide as high: high and narrow, its parts would leave little of the picture.
        wide = round(min(max(area.width() - 1.02 * area.height(), _LEAST * area.width()), _WIDE * area.width()))
        return area.adjusted(0, 0, -wide, 0), area.adjusted(area.width() - wide, 0, 0, 0)
    high = round(_HIGH * area.height())
    return area.adjusted(0, high, 0, 0), area.adjusted(0, 0, 0, high - area.height())


class PartnerControls:
    """The partner's commands and its place in the main window; nothing is loaded before it is first switched on."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self.view: PartnerView | None = None
        self.mirror: MirrorPartner | None = None
        self._renderer: Renderer | None = None
        self._opened = False
        self._known = window.settings  # to the engine that is coming
        window.bar.partner_menu.aboutToShow.connect(self.fill)

    # ---- commands

    def toggle_partner(self) -> None:
        """Switch the partner on or off."""
        on = not self._window.settings.partner
        self._window.change(partner=on)
        self._window.coach.use_partner(on)

    def next_partner_view(self) -> None:
        """Look at the couple from the next side; switches the partner on."""
        settings = self._window.settings
        if settings.partner:
            following = PARTNER_VIEWS.index(settings.partner_view) + 1
            self.use_view(PARTNER_VIEWS[following % len(PARTNER_VIEWS)])
        else:
            self.toggle_partner()

    def next_partner_ghost(self) -> None:
        """Show the ghost further ahead, then not at all."""
        following = PARTNER_GHOSTS.index(self._window.settings.partner_ghost) + 1
        self.use_ghost(PARTNER_GHOSTS[following % len(PARTNER_GHOSTS)])

    def toggle_partner_role(self) -> None:
        """Let the partner lead, or follow."""
        self.use_role("follower" if self._window.settings.partner_role == "leader" else "leader")

    def use_view(self, view: str) -> None:
        """Look from there."""
        self._window.change(partner_view=view)

    def use_ghost(self, counts: int) -> None:
        """Show the ghost that many counts ahead, 0 for none."""
        self._window.change(partner_ghost=counts)
        self._window.coach.set_partner_ghost(counts)
        self._window.say(f"Ghost of the partner: {ghost_words(counts)}")

    def use_role(self, role: PartnerRole) -> None:
        """Let the partner follow or lead."""
        self._window.change(partner_role=role)
        self._window.coach.set_partner_role(role)
        self._window.say(f"The partner {_ROLE_WORDS[role]}.")

    def use_settings(self, settings: Settings, before: Settings) -> None:
        """Tell the engine what was changed in the settings."""
        coach = self._window.coach
        if settings.partner_role != before.partner_role:
            coach.set_partner_role(_role(settings))
        if settings.partner_style != before.partner_style:
            coach.set_partner_style(settings.partner_style)
        if settings.partner_ghost != before.partner_ghost:
            coach.set_partner_ghost(settings.partner_ghost)
        if settings.partner != before.partner:
            coach.use_partner(settings.partner)

    def fill(self) -> None:
        """List what can be chosen, with what is chosen marked."""
        settings, menu = self._window.settings, self._window.bar.partner_menu
        menu.clear()
        on = menu.addAction("Dance with the partner (P)", self.toggle_partner)
        on.setCheckable(True)
        on.setChecked(settings.partner)
        self._choices([(view.capitalize(), view) for view in PARTNER_VIEWS], settings.partner_view, self.use_view)
        ghosts = [(ghost_words(counts).capitalize(), counts) for counts in PARTNER_GHOSTS]
        self._choices(ghosts, settings.partner_ghost, self.use_ghost)
        roles: list[tuple[str, PartnerRole]] = [("The partner follows", "follower"), ("The partner leads", "leader")]
        self._choices(roles, _role(settings), self.use_role)

    def _choices(self, choices: Sequence[tuple[str, T]], current: T, use: Callable[[T], None]) -> None:
        menu = self._window.bar.partner_menu
        menu.addSeparator()
        group = QActionGroup(menu)
        for words, value in choices:
            action = menu.addAction(words, partial(use, value))
            action.setCheckable(True)
            action.setChecked(value == current)
            group.addAction(action)

    # ---- in the window

    def take_engine(self) -> None:
        """Tell a new engine what was changed while it was being built."""
        self.use_settings(self._window.settings, self._known)
        self._known = self._window.settings
        if self.view is not None:
            self.view.coach = self._window.coach

    def show(self, settings: Settings) -> None:
        """Follow the settings."""
        if settings.partner and self.view is None:
            self._load()
        view, mirror = self.view, self.mirror
        if view is None or mirror is None:
            return
        beside = settings.partner and settings.partner_view != IN_THE_MIRROR
        if beside and not view.isVisible():
            view.camera.reset()
        view.setVisible(beside)
        stage = self._window.stage
        inside = settings.partner and not beside
        if inside and stage.partner is None:
            mirror.reset()
        stage.partner = mirror if inside else None
        theme = make_theme(settings.theme, self._window.width(), self._window.height(), settings.large_type)
        view.set_look(theme, settings.partner_view if beside else view.view, settings.partner_ghost)

    def _load(self) -> None:
        from dancecoach.ui.partner.mirror import MirrorPartner
        from dancecoach.ui.partner.view import PartnerView

        window = self._window
        self.view = PartnerView(window.coach, window.stage.clock, self._open_renderer, window)
        self.view.next_view.connect(self.next_partner_view)
        self.mirror = MirrorPartner(self._open_renderer)

    def _open_renderer(self) -> Renderer | None:
        # When there is something to draw, and no earlier: until then other threads load their libraries, and loading
        # OpenGL's beside them has crashed the loader.
        from dancecoach.ui.partner.gl import open_renderer

        if not self._opened:
            self._opened, self._renderer = True, open_renderer()
        return self._renderer

    def place(self, area: QRect) -> QRect:
        """Put the view into its part of `area` and return the mirror's part."""
        if self.view is None or self.view.isHidden():
            return area
        mirror, partner = split(area)
        self.view.setGeometry(partner)
        return mirror

    def tick(self) -> None:
        """Paint when it is time to."""
        if self.view is not None and self.view.isVisible():
            self.view.tick()

    def paint_timing(self) -> StageTiming | None:
        """Return how long the partner's paints took; None while it is not shown."""
        if self.view is None or self.mirror is None or not self._window.settings.partner:
            return None
        return (self.view if self.view.isVisible() else self.mirror).times.timing()

    def stop(self) -> None:
        """Give OpenGL back."""
        self._window.stage.partner = None
        if self.view is not None and self.mirror is not None:
            self.view.renderer = self.mirror.renderer = None
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def _role(settings: Settings) -> PartnerRole:
    return "leader" if settings.partner_role == "leader" else "follower"
