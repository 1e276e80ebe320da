"""The partner's view and the partner in the mirror, without OpenGL: what is said, what is painted, what is chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtTest import QTest

from dancecoach.clock import ManualClock
from dancecoach.config import PARTNER_VIEWS, Settings
from dancecoach.perception.pinhole import project
from dancecoach.types import PartnerState
from dancecoach.ui.layout import PictureMap
from dancecoach.ui.main_window import MainWindow
from dancecoach.ui.overlays.base import Scene
from dancecoach.ui.partner.camera import camera_matrix, to_pixels
from dancecoach.ui.partner.caption import paint_sign
from dancecoach.ui.partner.controls import split
from dancecoach.ui.partner.mirror import MirrorPartner, cropped, shift_of
from dancecoach.ui.partner.scene import couple, partner_only, shadows
from dancecoach.ui.partner.view import PartnerView, beside
from dancecoach.ui.theme import make_theme
from dancecoach.ui.words import FEET_INFERRED, LEADING_WORDS, PARTNER_WORDS, partner_words
from tests.ui import fake

from . import made

pytestmark = pytest.mark.usefixtures("application")
STATES: tuple[PartnerState, ...] = get_args(PartnerState)
ASPECT = 4 / 3
SHIFT = np.array([0.1, -1.0, 0.2])


def image_of(joints: np.ndarray) -> np.ndarray:
    return project(joints + SHIFT, ASPECT)


# ---- what is said


def test_every_state_has_words_and_a_sign_of_its_own() -> None:
    assert len({PARTNER_WORDS[state] for state in STATES}) == len(STATES)
    theme, signs = make_theme("dark", 1280, 720), []
    for state in STATES:
        image = QImage(60, 60, QImage.Format.Format_ARGB32)
        image.fill(0)
        painter = QPainter(image)
        paint_sign(painter, QRectF(0, 0, 60, 60).center(), 20, state, theme)
        painter.end()
        # The shape alone: whatever its colour.
        signs.append(bytes(image.convertToFormat(QImage.Format.Format_Alpha8).constBits()))
    assert len(set(signs)) == len(STATES)


def test_feet_and_role_are_said() -> None:
    motion = made.motion(feet_inferred=True)
    assert partner_words(motion)[1].startswith(FEET_INFERRED)
    assert partner_words(dataclasses.replace(motion, state="holding"))[1] == "From the beat, until you are back."
    assert partner_words(made.motion(role="leader"))[0] == LEADING_WORDS


# ---- beside the mirror


@pytest.fixture
def view() -> PartnerView:
    made_view = PartnerView(fake.FakeCoach(fake.snapshot(9.9, partner=made.motion())), ManualClock(9.9))
    made_view.resize(470, 620)
    made_view.set_look(make_theme("dark", 1280, 720), "opposite me", 2)
    return made_view


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", PARTNER_VIEWS[:3])
def test_every_state_paints_flat_and_says_so(view: PartnerView, name: str, state: PartnerState) -> None:
    motion = made.motion(state=state)
    view.coach.state = fake.snapshot(9.9, partner=dataclasses.replace(motion, ghosts=motion.joints + 0.3))  # type: ignore[attr-defined]
    view.set_look(make_theme("dark", 1280, 720), name, 2)
    image = view.grab().toImage()
    assert view.renderer is None and view.times.count == 1
    colors = {image.pixel(x, y) for x in range(0, 470, 6) for y in range(0, 500, 6)}
    assert len(colors) > 20


def test_nobody_seen_yet_is_no_error(view: PartnerView) -> None:
    for partner in (None, dataclasses.replace(made.motion(), times=np.zeros(0), state="waiting")):
        view.coach.state = fake.snapshot(9.9, partner=partner)  # type: ignore[attr-defined]
        view.grab()
    assert view.renderer is None


def test_a_renderer_that_refuses_is_done_without(view: PartnerView) -> None:
    class Refusing:
        device = "llvmpipe"

        def draw(self, *arguments: object) -> None:
            return None

    view._open_renderer = lambda: Refusing()  # type: ignore[assignment, return-value]
    view.grab()
    assert view.renderer is None and view.times.count == 1


def test_split_leaves_the_mirror_at_least_as_wide_as_high_and_overlaps_nothing() -> None:
    for size in ((1280, 640), (1920, 980), (800, 532), (720, 1200), (1080, 1840)):
        area = QRect(0, 0, *size)
        mirror, partner = split(area)
        assert not mirror.intersects(partner) and area.contains(mirror) and area.contains(partner)
        assert mirror.width() * mirror.height() > partner.width() * partner.height()


def test_names_lie_beside_each_other() -> None:
    other, button, picture = QRectF(100, 50, 80, 30), QRectF(150, 0, 250, 48), QRectF(0, 0, 400, 300)
    for left in (40.0, 90.0, 110.0, 170.0):
        wanted = QRectF(left, 60, 60, 30)
        box = beside(wanted, [button, other], picture)
        assert not box.intersects(other) and not box.intersects(button) and picture.contains(box)
        assert abs(box.left() - left) + abs(box.top() - 60) < 130
    assert beside(QRectF(300, 60, 60, 30), [button, other], picture) == QRectF(300, 60, 60, 30)
    assert beside(QRectF(0, 0, 60, 30), [picture], picture) == QRectF(0, 0, 60, 30), "where there is no room"


# ---- in the mirror


def test_the_dancer_s_own_joints_fall_on_the_picture_s() -> None:
    leader = made.moment().leader
    shift = shift_of(leader, made.pose_of(leader, image_of(leader)), ASPECT)
    assert shift is not None and shift == pytest.approx(SHIFT, abs=1e-6)
    found, _ = to_pixels(leader, camera_matrix(shift, ASPECT, False), 640, 480)
    assert np.abs(found - image_of(leader) * (640, 480)).max() < 0.01


def test_a_dancer_of_another_size_is_still_laid_onto_the_picture() -> None:
    """Depth is traded for size: what is seen stays where it is, and the partner takes the dancer's scale."""
    leader = made.moment().leader
    larger = leader * (1.0, 1.08, 1.0) * 1.05
    shift = shift_of(larger, made.pose_of(leader, image_of(leader)), ASPECT)
    assert shift is not None
    found, _ = to_pixels(larger, camera_matrix(shift, ASPECT, False), 640, 480)
    assert np.abs(found - image_of(leader) * (640, 480)).max() < 12


def test_too_little_seen_gives_no_place() -> None:
    pose = dataclasses.replace(made.pose_of(made.moment().leader, np.zeros((22, 2))), visibility=np.zeros(22))
    assert shift_of(made.moment().leader, pose, ASPECT) is None


def test_a_part_of_the_picture_is_where_it_was() -> None:
    joints = made.moment().joints
    matrix = camera_matrix(SHIFT, ASPECT, True)
    whole, _ = to_pixels(joints, matrix, 640, 480)
    part = QRectF(100, 40, 320, 256)
    piece, _ = to_pixels(joints, cropped(640, 480, part) @ matrix, 320, 256)
    assert np.abs(piece + (100, 40) - whole).max() < 1e-6


def test_the_mirror_paints_the_partner_once_it_knows_the_place() -> None:
    motion = made.motion()
    leader = motion.leader[15]
    pose = made.pose_of(leader, image_of(leader), float(motion.times[15]))
    picture = PictureMap(QRectF(0, 0, 640, 480), True)
    images = []
    for seen in (None, pose):
        mirror = MirrorPartner()
        image = QImage(640, 560, QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.black)
        painter = QPainter(image)
        scene = Scene(fake.snapshot(9.5, partner=motion, pose=seen), 9.5, picture)
        mirror.paint(painter, scene, QRectF(0, 490, 640, 70), make_theme("dark", 1280, 720))
        painter.end()
        images.append(sum(image.pixel(x, y) != 0xFF000000 for x in range(0, 640, 4) for y in range(0, 480, 4)))
    assert images[0] == 0 and images[1] > 150


# ---- meshes


def test_a_lifted_foot_has_a_fainter_shadow() -> None:
    joints = made.moment().leader.copy()
    low = shadows([joints]).colors[:, 3].max()
    joints[[7, 8, 10, 11], 1] += 0.25
    assert shadows([joints]).colors[25::25, 3].max() < 0.5 * low


def test_corners_of_all_meshes_exist() -> None:
    moment = made.moment(ghost=made.moment().joints + 0.2)
    for meshes in (
        couple(moment, True, (0, 0, 0), (1, 1, 1)),
        couple(moment, False, (0, 0, 0), (1, 1, 1)),
        partner_only(moment),
    ):
        for mesh in meshes:
            assert mesh.faces.max() < len(mesh.vertices) == len(mesh.colors) == len(mesh.normals)
            assert np.isfinite(mesh.vertices).all()


def test_a_dancer_who_is_gone_is_not_drawn() -> None:
    def people(state: PartnerState) -> np.ndarray:
        return couple(dataclasses.replace(made.moment(), state=state), False, (0, 0, 0), (1, 1, 1))[0].colors

    following, holding, solo = people("following"), people("holding"), people("solo")
    assert len(following) == len(holding) > len(solo)
    assert ((holding[:, 3] < 1) & (following[:, 3] == 1)).sum() > 1000, "it shines through"


# ---- in the window


@pytest.fixture
def window() -> Iterator[MainWindow]:
    coach = fake.FakeCoach(fake.snapshot(9.9, partner=made.motion()))
    made_window = MainWindow(coach, Settings(), None, coach.clock)
    made_window.resize(1280, 720)
    made_window.show()
    QTest.qWaitForWindowActive(made_window)
    yield made_window
    made_window.close()


def test_keys_switch_partner_views_ghost_and_role(window: MainWindow) -> None:
    coach = window.coach
    assert window.partner.view is None, "nothing is loaded before it is wanted"
    QTest.keyClick(window, Qt.Key.Key_P)
    assert window.settings.partner and window.partner.view is not None and window.partner.view.isVisible()
    assert not window.stage.geometry().intersects(window.partner.view.geometry())
    for name in (*PARTNER_VIEWS[1:], PARTNER_VIEWS[0]):
        QTest.keyClick(window, Qt.Key.Key_W)
        assert window.settings.partner_view == name
        inside = name == "in the mirror"
        assert window.partner.view.isVisible() != inside and (window.stage.partner is not None) == inside
        window.grab()
    for counts in (2, 3, 4, 0):
        QTest.keyClick(window, Qt.Key.Key_G)
        assert window.settings.partner_ghost == counts
    QTest.keyClick(window, Qt.Key.Key_O)
    QTest.keyClick(window, Qt.Key.Key_P)
    assert not window.partner.view.isVisible() and window.stage.width() == window.width()
    names = [call for call in coach.calls if "partner" in call[0]]  # type: ignore[attr-defined]
    assert names[0] == ("use_partner", True) and names[-2:] == [
        ("set_partner_role", "leader"),
        ("use_partner", False),
    ]
    assert [call[1] for call in names if call[0] == "set_partner_ghost"] == [2, 3, 4, 0]


def test_type_grows_with_the_window(window: MainWindow) -> None:
    window.change(partner=True)
    view = window.partner.view
    assert view is not None
    before = view.button.font().pixelSize()
    window.resize(1900, 1060)
    assert view._theme.unit == pytest.approx(10.6)
    view.button.ensurePolished()
    assert view.button.font().pixelSize() > 1.3 * before


def test_the_menu_shows_what_is_chosen(window: MainWindow) -> None:
    window.partner.fill()
    actions = {action.text(): action for action in window.bar.partner_menu.actions() if action.text()}
    assert actions["Opposite me"].isChecked() and actions["The partner follows"].isChecked()
    actions["In 3 counts"].trigger()
    actions["The partner leads"].trigger()
    assert (window.settings.partner_ghost, window.settings.partner_role) == (3, "leader")


def test_the_picture_in_the_mirror_leaves_room_for_what_is_said(window: MainWindow) -> None:
    before = window.stage._places["picture"].height()
    window.change(partner=True, partner_view="in the mirror")
    assert window.stage._places["picture"].bottom() <= window.stage._caption.top() + 1
    assert 0.8 * before < window.stage._places["picture"].height() < before


def test_what_was_changed_while_the_engine_was_built_is_told(window: MainWindow) -> None:
    window.change(partner=True, partner_ghost=4)
    other = fake.FakeCoach()
    window.set_coach(other)
    assert ("use_partner", True) in other.calls and ("set_partner_ghost", 4) in other.calls
