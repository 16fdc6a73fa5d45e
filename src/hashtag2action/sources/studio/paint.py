"""Shaded drawing: things in space become polygons in a picture.

Limbs are tapered capsules, each painted as nested layers that grow narrower and lighter toward the
light. The polygons of a whole scene are computed at once; a frame is then only a list of fills.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

_SHIFT = 4  # sub-pixel bits of the coordinates given to OpenCV

Layers = tuple[tuple[float, float, float], ...]


def _shade(num_layers: int) -> Layers:
    """Layers of a shaded limb: width, shift toward the light, brightness (chosen by eye)."""
    shares = np.linspace(0, 1, num_layers) ** 0.9
    return tuple(
        (float(1 - 0.72 * s), float(0.46 * s), float(0.68 + 0.42 * s**0.8)) for s in shares
    )


LAYERS = _shade(4)
_FLAT: Layers = ((1.0, 0.0, 1.0),)


@dataclass(frozen=True)
class View:
    """Where the camera of a scene stands, in pixels and body heights."""

    scale_px: float
    """Pixels per body height at the person's place."""
    center_x_px: float
    ground_y_px: float
    yaw: float = 0.0
    """Radians by which the person turns away from the camera."""
    distance: float = 4.0
    eye_height: float = 0.6
    light: tuple[float, float] = (-0.6, -0.8)
    ambience: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Color of the place's light, multiplied into the person's colors."""


@dataclass
class _Shape:
    points: np.ndarray  # int32 (frames, corners, 2), with _SHIFT fraction bits
    color: tuple[float, float, float]
    visible: np.ndarray | None = None
    layer: int = 0


@dataclass
class Unit:
    """Shapes that are painted together, at one depth."""

    depth: np.ndarray
    shapes: list[_Shape] = field(default_factory=list)


class Painting:
    """The shapes of one scene, ready to be painted frame by frame."""

    def __init__(self, view: View, shadow: np.ndarray | None = None) -> None:
        self._view = view
        self._units: list[Unit] = []
        self._order = np.zeros((0, 0), int)
        self._shadow = shadow
        self.camera = Camera(view)
        # What is near shows its shading, and needs finer steps of it.
        self.layers = LAYERS if view.scale_px < 520 else _shade(8)

    def finish(self) -> "Painting":
        """Decide what hides what, once all shapes are there."""
        for unit in self._units:
            # All outlines first, then all next layers: so joints of one color show no seam.
            unit.shapes.sort(key=lambda shape: shape.layer)
        depths = np.stack([unit.depth for unit in self._units], axis=-1)
        self._order = np.argsort(depths, axis=-1, kind="stable")
        return self

    def paint_shadow(self, picture: np.ndarray, index: int, offset: np.ndarray) -> None:
        """Darken the ground below the person, in place."""
        if self._shadow is None:
            return
        center_x, center_y, half_px = self._shadow[index]
        half_w, half_h = int(half_px), max(int(half_px * 0.22), 2)
        left, top = int(center_x + offset[0]) - half_w, int(center_y + offset[1]) - half_h
        right, bottom = left + 2 * half_w, top + 2 * half_h
        height, width = picture.shape[:2]
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return
        blob = cv2.resize(_BLOB, (2 * half_w, 2 * half_h))
        blob = blob[y0 - top : y1 - top, x0 - left : x1 - left]
        region = picture[y0:y1, x0:x1]
        picture[y0:y1, x0:x1] = cv2.multiply(region, cv2.merge([blob] * 3), scale=1 / 255)

    def paint(self, picture: np.ndarray, index: int, offset: np.ndarray) -> None:
        """Paint the person of frame `index`, moved by `offset` pixels, in place."""
        shift = np.round(offset * (1 << _SHIFT)).astype(np.int32)
        for number in self._order[index]:
            for shape in self._units[number].shapes:
                if shape.visible is not None and not shape.visible[index]:
                    continue
                points = shape.points[index] + shift
                # Only outlines need smooth edges: the layers inside differ little.
                line = cv2.LINE_8 if shape.layer % 10 else cv2.LINE_AA
                cv2.fillConvexPoly(picture, points, shape.color, line, _SHIFT)

    def unit(self, depth: np.ndarray) -> Unit:
        """Open a new group of shapes."""
        self._units.append(Unit(depth))
        return self._units[-1]

    def capsule(
        self, unit: Unit, start: np.ndarray, end: np.ndarray, radii: tuple[float, float],
        color: np.ndarray, cover: int = 0, layers: Layers | None = None,
    ) -> None:  # fmt: skip
        """Add a tapered limb between two joints (frames, 3); a higher `cover` lies on a lower."""
        a, scale_a = self.camera.project(start)
        b, scale_b = self.camera.project(end)
        ra, rb = radii[0] * scale_a[:, None], radii[1] * scale_b[:, None]
        along = unit2(b - a)
        normal = np.stack([-along[:, 1], along[:, 0]], axis=-1)
        toward = np.sign(normal @ self.light)[:, None] * np.abs(normal @ self.light)[:, None]
        turn = np.linspace(-np.pi / 2, np.pi / 2, 7)
        cap_b = along[:, None] * np.cos(turn)[:, None] + normal[:, None] * np.sin(turn)[:, None]
        cap_a = -cap_b
        for number, (width, move, bright) in enumerate(layers or self.layers):
            offset = normal * toward * move
            points = np.concatenate(
                [
                    (b + offset * rb)[:, None] + cap_b * (rb * width)[:, None],
                    (a + offset * ra)[:, None] + cap_a * (ra * width)[:, None],
                ],
                axis=1,
            )
            self.polygon(unit, points, color * bright, layer=10 * cover + number)

    def ellipse(
        self, unit: Unit, center: np.ndarray, u: np.ndarray, v: np.ndarray, color: np.ndarray,
        visible: np.ndarray | None = None, layers: Layers = _FLAT, layer: int = 0,
    ) -> None:  # fmt: skip
        """Add an ellipse with half-axes `u` and `v` in space, at a point in space (frames, 3)."""
        middle, scale = self.camera.project(center)
        flat_u = self.camera.turn(u)[:, :2] * [1, -1] * scale[:, None]
        flat_v = self.camera.turn(v)[:, :2] * [1, -1] * scale[:, None]
        turn = np.linspace(0, 2 * np.pi, 18, endpoint=False)
        ring = flat_u[:, None] * np.cos(turn)[:, None] + flat_v[:, None] * np.sin(turn)[:, None]
        size = np.linalg.norm(flat_u, axis=-1, keepdims=True)
        for width, move, bright in layers:
            offset = self.light * size * move
            points = (middle + offset)[:, None] + ring * width
            self.polygon(unit, points, color * bright, visible, layer)

    def polygon(
        self, unit: Unit, points: np.ndarray, color: np.ndarray,
        visible: np.ndarray | None = None, layer: int = 0,
    ) -> None:  # fmt: skip
        """Add a convex polygon in the picture, (frames, corners, 2) pixels."""
        lit = np.clip(color * self._view.ambience, 0, 255)
        fixed = np.round(points * (1 << _SHIFT)).astype(np.int32)
        unit.shapes.append(
            _Shape(fixed, (float(lit[0]), float(lit[1]), float(lit[2])), visible, layer)
        )

    @property
    def light(self) -> np.ndarray:
        """Direction toward the light, in the picture."""
        return np.asarray(self._view.light)


class Camera:
    """How space becomes picture."""

    def __init__(self, view: View) -> None:
        self._view = view
        cos, sin = np.cos(view.yaw), np.sin(view.yaw)
        self._rotation = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])

    def turn(self, vectors: np.ndarray) -> np.ndarray:
        """Rotate directions from the person's space to the camera's."""
        return vectors @ self._rotation.T

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Nearness to the camera, in body heights."""
        return self.turn(points)[..., 2]

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (frames, 2) and pixels per body height (frames,) of points in space."""
        view = self._view
        turned = self.turn(points)
        scale = view.scale_px * view.distance / (view.distance - turned[..., 2])
        x = view.center_x_px + scale * turned[..., 0]
        horizon = view.ground_y_px - view.scale_px * view.eye_height
        y = horizon - scale * (turned[..., 1] - view.eye_height)
        return np.stack([x, y], axis=-1), scale


def unit2(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to length one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def _soft_blob() -> np.ndarray:
    y, x = np.mgrid[-1:1:33j, -1:1:65j]
    fall = np.clip(1 - np.hypot(x, y), 0, 1)
    return np.round(255 - 130 * fall**0.8).astype(np.uint8)


_BLOB = _soft_blob()
