"""Draws meshes with OpenGL (vispy) into a picture, off the screen.

Off the screen, so that the picture is painted like any other: type goes over it, screenshots contain it, and a
window of ordinary widgets need not be composed by OpenGL, which costs more than the partner where there is no
graphics card.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtGui import QGuiApplication, QImage, QOffscreenSurface, QOpenGLContext, QSurfaceFormat
from PySide6.QtOpenGL import QOpenGLFramebufferObject, QOpenGLFramebufferObjectFormat

from dancecoach.types import Floats
from dancecoach.ui.partner.scene import Mesh

log = logging.getLogger(__name__)

_VERTEX = """
attribute vec3 a_place;
attribute vec3 a_normal;
attribute vec4 a_color;
uniform mat4 u_matrix;
uniform vec3 u_light;
uniform vec3 u_eye;
varying vec4 v_color;
varying float v_lit;
void main() {
    gl_Position = u_matrix * vec4(a_place, 1.0);
    float front = max(dot(a_normal, u_light), 0.0);
    float above = 0.5 + 0.5 * a_normal.y;
    float rim = 1.0 - abs(dot(a_normal, u_eye));
    float lit = step(0.25, dot(a_normal, a_normal));
    float shade = mix(1.0, 0.34 + 0.52 * front + 0.2 * above - 0.12 * rim * rim, lit);
    v_color = vec4(a_color.rgb * shade, a_color.a);
    v_lit = lit;
}
"""
# What is shaded and not opaque is drawn as a pattern: what lies behind shines through, whatever was drawn first.
_FRAGMENT = """
varying vec4 v_color;
varying float v_lit;
void main() {
    if (v_lit * (1.0 - v_color.a) > 0.01) {
        if (mod(floor(gl_FragCoord.x) + floor(gl_FragCoord.y), 2.0) > 0.5) discard;
        gl_FragColor = vec4(v_color.rgb, 1.0);
        return;
    }
    gl_FragColor = vec4(v_color.rgb * v_color.a, v_color.a);
}
"""
_LAYOUT = [("a_place", np.float32, 3), ("a_normal", np.float32, 3), ("a_color", np.float32, 4)]


class _Drawn:
    """The buffers of one mesh; kept from paint to paint."""

    def __init__(self, gloo: Any, mesh: Mesh) -> None:
        self.program = gloo.Program(_VERTEX, _FRAGMENT)
        self.table = np.zeros(len(mesh.vertices), _LAYOUT)
        self.buffer = gloo.VertexBuffer(self.table)
        self.program.bind(self.buffer)
        self.faces = mesh.faces
        self.index = gloo.IndexBuffer(mesh.faces)

    def fits(self, mesh: Mesh) -> bool:
        return len(mesh.vertices) == len(self.table) and np.array_equal(mesh.faces, self.faces)

    def update(self, mesh: Mesh) -> None:
        self.table["a_place"], self.table["a_normal"] = mesh.vertices, mesh.normals
        self.table["a_color"] = mesh.colors
        self.buffer.set_data(self.table)


class Renderer:
    """Draws into a picture; used by the Qt thread only. Make it with `open_renderer`."""

    def __init__(self, context: QOpenGLContext, surface: QOffscreenSurface) -> None:
        # Imported when a partner is first shown: it is not needed to start.
        from vispy import gloo
        from vispy.gloo import gl
        from vispy.gloo.context import FakeCanvas

        self._gloo, self._finish = gloo, gl.glFinish
        self._context, self._surface = context, surface
        self._canvas = FakeCanvas()
        self._target: QOpenGLFramebufferObject | None = None
        self._drawn: dict[str, _Drawn] = {}

    def draw(
        self, meshes: Sequence[Mesh], matrix: Floats, width: int, height: int, eye: Floats, light: Floats
    ) -> QImage | None:
        """Return a picture of the meshes on a transparent ground; None when OpenGL refuses.

        Parameters
        ----------
        meshes : sequence of Mesh
            Drawn in this order.
        matrix : (4, 4)
            From the room to clip space.
        width, height : int
            Pixels.
        eye, light : (3,)
            Directions to the eye and to the light, unit vectors.
        """
        if not self._context.makeCurrent(self._surface):
            return None
        gloo = self._gloo
        target = self._target
        if target is None or (target.width(), target.height()) != (width, height):
            form = QOpenGLFramebufferObjectFormat()
            form.setAttachment(QOpenGLFramebufferObject.Attachment.Depth)
            target = self._target = QOpenGLFramebufferObject(width, height, form)
        if not target.isValid() or not target.bind():
            return None
        # Upside down, as pictures are kept: turning it over afterwards would be another copy.
        turned = np.diag([1.0, -1.0, 1.0, 1.0]) @ matrix
        upright = np.linalg.det(matrix[[0, 1, 3], :3]) < 0  # else mirrored
        gloo.set_viewport(0, 0, width, height)
        gloo.set_state(
            depth_test=True,
            blend=True,
            cull_face="back",
            front_face="cw" if upright else "ccw",
            depth_func="lequal",
            depth_mask=True,
            blend_func=("one", "one_minus_src_alpha"),
            clear_color=(0, 0, 0, 0),
        )
        gloo.clear(color=True, depth=True)
        for mesh in meshes:
            self._draw(mesh, turned, eye, light)
        self._canvas.flush()
        # Waited for here, where other threads may go on; within the next call they could not.
        self._finish()
        image = target.toImage(False)
        target.release()
        return image

    def _draw(self, mesh: Mesh, matrix: Floats, eye: Floats, light: Floats) -> None:
        gloo = self._gloo
        drawn = self._drawn.get(mesh.name)
        if drawn is None or not drawn.fits(mesh):
            drawn = self._drawn[mesh.name] = _Drawn(gloo, mesh)
        drawn.update(mesh)
        program = drawn.program
        program["u_matrix"] = matrix.T.astype(np.float32)
        program["u_light"], program["u_eye"] = light.astype(np.float32), eye.astype(np.float32)
        mode = "triangles" if mesh.faces.shape[1] == 3 else "lines"
        gloo.set_state(depth_mask=not mesh.flat)
        program.draw(mode, drawn.index)

    @property
    def device(self) -> str:
        """What draws, for the log."""
        from vispy.gloo import gl

        self._context.makeCurrent(self._surface)
        return str(gl.glGetParameter(gl.GL_RENDERER))

    def close(self) -> None:
        """Give everything back."""
        from vispy.gloo.context import forget_canvas

        if self._context.makeCurrent(self._surface):
            self._drawn.clear()
            self._target = None
            self._canvas.flush()
            self._context.doneCurrent()
        forget_canvas(self._canvas)
        self._surface.destroy()


def open_renderer() -> Renderer | None:
    """Return what draws with OpenGL, None where there is none: no display, no driver, or one that fails."""
    if QGuiApplication.platformName() in ("offscreen", "minimal"):
        return None
    # Where the processor draws, it draws in this thread: a few thousand corners are not worth threads, the other core
    # has a dancer to look at, and starting threads while libraries are loaded elsewhere has crashed.
    for name, value in (("LP_NUM_THREADS", "0"), ("MESA_SHADER_CACHE_DISABLE", "true")):
        os.environ.setdefault(name, value)
    form = QSurfaceFormat()
    form.setDepthBufferSize(24)
    context = QOpenGLContext()
    context.setFormat(form)
    surface = QOffscreenSurface()
    if not context.create():
        log.warning("no OpenGL: the partner is drawn flat")
        return None
    surface.setFormat(context.format())
    surface.create()
    if not surface.isValid() or not context.makeCurrent(surface):
        log.warning("OpenGL does not start: the partner is drawn flat")
        return None
    try:
        renderer = Renderer(context, surface)
        probe = renderer.draw((), np.eye(4), 8, 8, np.ones(3), np.ones(3))
        log.info("the partner is drawn by %s", renderer.device)
    except Exception as error:
        log.warning("OpenGL fails: the partner is drawn flat", exc_info=error)
        return None
    return None if probe is None else renderer
