"""Draw people: from joints in space to shaded limbs, clothes, hands and a face."""

from collections.abc import Callable

import numpy as np

from hashtag2action.sources.studio.body import SIDES, Body, Joints
from hashtag2action.sources.studio.look import Look
from hashtag2action.sources.studio.paint import LAYERS, Camera, Painting, Unit, View, unit2


def paint_person(joints: Joints, body: Body, look: Look, view: View) -> Painting:
    """Prepare one person for all frames of a scene."""
    figure = Painting(view, _ground_extent(joints, Camera(view)))
    _add_trunk(figure, joints, body, look)
    _add_legs(figure, joints, body, look)
    _add_arms(figure, joints, body, look)
    _add_head(figure, joints, body, look)
    return figure.finish()


def _ground_extent(joints: Joints, camera: Camera) -> np.ndarray:
    low = np.concatenate([joints.ankles, joints.toes, joints.wrists, joints.pelvis[:, None]], 1)
    low = low * np.array([1.0, 0.0, 1.0])
    near = np.concatenate([joints.ankles, joints.toes, joints.wrists], 1)[..., 1] < 0.2
    near = np.concatenate([near, np.ones((len(near), 1), bool)], 1)
    points, scale = camera.project(low)
    left = np.where(near, points[..., 0], np.inf).min(1)
    right = np.where(near, points[..., 0], -np.inf).max(1)
    middle = points[..., -1, 1]
    return np.stack([(left + right) / 2, middle, (right - left) / 2 + 0.16 * scale[:, -1]], -1)


# Trunk: share of the spine, half width and half depth at each level, from seat to neck.
_LEVELS = np.array(
    [
        [-0.13, 0.055, 0.06],
        [-0.06, 0.08, 0.07],
        [0.06, 0.084, 0.068],
        [0.34, 0.074, 0.055],
        [0.62, 0.087, 0.066],
        [0.8, 0.093, 0.066],
        [0.88, 0.094, 0.058],
        [0.94, 0.08, 0.05],
        [0.985, 0.055, 0.042],
        [1.03, 0.034, 0.034],
    ]
)


def _trunk_slice(
    figure: Painting, unit: Unit, joints: Joints, body: Body, span: tuple[float, float],
    color: np.ndarray, width: float = 1.0, cover: int = 0,
) -> None:  # fmt: skip
    inner = _LEVELS[(_LEVELS[:, 0] > span[0]) & (_LEVELS[:, 0] < span[1]), 0]
    shares = np.concatenate([[span[0]], inner, [span[1]]])
    spine = joints.chest - joints.pelvis
    centers = joints.pelvis[:, None] + spine[:, None] * shares[:, None]
    middle, scale = figure.camera.project(centers)
    along = unit2(middle[:, -1] - middle[:, 0])
    normal = np.stack([-along[:, 1], along[:, 0]], axis=-1)
    across = np.abs((figure.camera.turn(joints.across)[:, :2] * [1, -1] * normal).sum(-1))
    ahead = np.abs((figure.camera.turn(joints.forward)[:, :2] * [1, -1] * normal).sum(-1))
    half_w = np.interp(shares, _LEVELS[:, 0], _LEVELS[:, 1]) * body.shoulder / 0.1
    half_d = np.interp(shares, _LEVELS[:, 0], _LEVELS[:, 2])
    half_w, half_d = half_w * body.girth**0.6, half_d * body.girth
    radius = np.hypot(across[:, None] * half_w, ahead[:, None] * half_d) * scale * width
    toward = normal @ figure.light
    for number, (share, move, bright) in enumerate(figure.layers):
        offset = normal[:, None] * (toward[:, None] * radius * move)[..., None]
        edge = normal[:, None] * (radius * share)[..., None]
        points = np.concatenate([middle + offset + edge, (middle + offset - edge)[:, ::-1]], 1)
        figure.polygon(unit, points, color * bright, layer=10 * cover + number)


def _add_folds(figure: Painting, unit: Unit, joints: Joints, body: Body, color: np.ndarray) -> None:
    """Creases of the shirt: thin strokes on the visible side of the trunk, darker or lighter."""
    spine = joints.chest - joints.pelvis
    ahead = figure.camera.depth(joints.forward)[:, None]
    front = joints.forward * np.where(ahead > 0, 1.0, -1.0)
    for across, low, slant, bright in _FOLDS:
        side = joints.across * across * 0.075 * body.shoulder / 0.1
        inward = joints.across * slant * 0.05
        start = joints.pelvis + spine * low + side + front * 0.05 * (1 - abs(across))
        end = start + spine * 0.13 + inward
        figure.capsule(unit, start, end, (0.0025, 0.006), color * bright, 2, ((1.0, 0.0, 1.0),))


# Creases: place across and along the trunk, slant, brightness (chosen by eye).
_FOLDS = (
    (-0.85, 0.5, 0.7, 0.72), (0.85, 0.52, -0.7, 0.72), (-0.5, 0.08, 0.9, 0.8),
    (0.55, 0.1, -0.9, 0.8), (0.1, 0.2, 0.6, 0.86), (-0.2, 0.42, -0.5, 1.1),
    (0.7, 0.26, -0.8, 0.8), (-0.75, 0.28, 0.8, 0.82), (0.3, 0.6, 0.4, 1.08),
)  # fmt: skip


def _add_trunk(figure: Painting, joints: Joints, body: Body, look: Look) -> None:
    depth = figure.camera.depth((joints.chest + joints.pelvis) / 2)
    seat = figure.unit(depth - 0.02)
    _trunk_slice(figure, seat, joints, body, (-0.13, 0.2), look.trousers)
    unit = figure.unit(depth)
    _trunk_slice(figure, unit, joints, body, (look.hem, 1.01), look.shirt, 1.03)
    for low, high in look.stripes:
        _trunk_slice(figure, unit, joints, body, (low, high), look.accent, 1.03, 1)
    _add_folds(figure, unit, joints, body, look.shirt)
    facing = figure.camera.depth(joints.forward)
    if look.has_badge:
        center = joints.pelvis + (joints.chest - joints.pelvis) * 0.72
        center = center + joints.forward * 0.062 * body.girth
        up = unit2(joints.chest - joints.pelvis)
        figure.ellipse(
            unit, center, joints.across * 0.035, up * 0.028, look.accent, facing > 0.25, layer=10
        )
    neck = figure.unit(depth + 0.004)
    figure.capsule(
        neck, joints.chest - (joints.chest - joints.pelvis) * 0.03,
        joints.chest + (joints.head - joints.chest) * 0.6, (0.036, 0.031), look.skin * 0.93,
    )  # fmt: skip


def _add_legs(figure: Painting, joints: Joints, body: Body, look: Look) -> None:
    thick = body.girth**0.7
    for side in range(2):
        hip, knee = joints.hips[:, side], joints.knees[:, side]
        ankle, toe = joints.ankles[:, side], joints.toes[:, side]
        depth = figure.camera.depth((hip + knee * 2 + ankle) / 4) - 0.11
        leg = figure.unit(depth)
        calf = knee + (ankle - knee) * 0.35
        figure.capsule(leg, knee, calf, (0.04 * thick, 0.042 * thick), look.leg_color(1.5))
        figure.capsule(leg, calf, ankle, (0.042 * thick, 0.026 * thick), look.leg_color(1.5))
        figure.capsule(leg, hip, knee, (0.051 * thick, 0.04 * thick), look.leg_color(0.5))
        if look.trouser_length < 0.9:  # shorts: cloth to above the knee, wider than the leg
            end = hip + (knee - hip) * look.trouser_length
            figure.capsule(leg, hip, end, (0.053 * thick, 0.052 * thick), look.trousers, 1)
        if look.trouser_length > 1.5:
            low = knee + (ankle - knee) * 0.55
            figure.capsule(leg, low, ankle, (0.038 * thick, 0.034 * thick), look.trousers)
        foot = figure.unit(figure.camera.depth((ankle + toe) / 2) - 0.01)
        heel = ankle - (toe - ankle) * 0.25 - np.array([0.0, 0.006, 0.0])
        tip = ankle + (toe - ankle) * 0.95
        drop = np.array([0.0, 0.012, 0.0])
        figure.capsule(foot, heel - drop, tip - drop, (0.026, 0.022), look.sole)
        figure.capsule(foot, heel, tip, (0.026, 0.021), look.shoes, 1)


def _add_arms(figure: Painting, joints: Joints, body: Body, look: Look) -> None:
    thick = body.girth**0.7
    for side in range(2):
        shoulder, elbow = joints.shoulders[:, side], joints.elbows[:, side]
        wrist, tip = joints.wrists[:, side], joints.fingers[:, side]
        arm = figure.unit(figure.camera.depth((shoulder + elbow + wrist) / 3) + 0.04)
        figure.capsule(arm, shoulder, elbow, (0.032 * thick, 0.028 * thick), look.skin)
        figure.capsule(arm, elbow, wrist, (0.03 * thick, 0.02 * thick), look.skin)
        if look.sleeve_length > 0:
            share = min(look.sleeve_length, 1.0)
            end = shoulder + (elbow - shoulder) * share
            radii = (0.035 * thick, (0.036 - 0.003 * share) * thick)
            figure.capsule(arm, shoulder, end, radii, look.shirt, 1)
        if look.sleeve_length > 1:
            end = elbow + (wrist - elbow) * (look.sleeve_length - 1)
            figure.capsule(arm, elbow, end, (0.033 * thick, 0.026 * thick), look.shirt, 1)
        _add_hand(figure, joints, look, side, wrist, tip)


def _add_hand(
    figure: Painting, joints: Joints, look: Look, side: int, wrist: np.ndarray, tip: np.ndarray
) -> None:
    unit = figure.unit(figure.camera.depth(wrist) + 0.06)
    along = tip - wrist
    spread = np.cross(along, joints.look) * 0.24
    palm = wrist + along * 0.42
    thin = LAYERS[::2]
    figure.capsule(unit, wrist + along * 0.05, palm, (0.02, 0.024), look.skin)
    for finger in (-1.0, -0.33, 0.33, 1.0):
        knuckle = palm + spread * finger * 0.75
        end = tip + spread * finger - along * 0.1 * abs(finger)
        figure.capsule(unit, knuckle, end, (0.0085, 0.0065), look.skin, layers=thin)
    inward = joints.across * -SIDES[side]
    thumb = wrist + along * 0.55 + inward * 0.035
    figure.capsule(unit, wrist + along * 0.2, thumb, (0.011, 0.008), look.skin, layers=thin)


def _add_head(figure: Painting, joints: Joints, body: Body, look: Look) -> None:
    size = body.head
    look_at = joints.look
    right = joints.across - (joints.across * look_at).sum(-1, keepdims=True) * look_at
    right = right / np.maximum(np.linalg.norm(right, axis=-1, keepdims=True), 1e-6)
    up = np.cross(look_at, right)
    up = np.where(up[:, 1:2] < -0.5, -up, up)
    head = joints.head + up * size * 0.2
    near = figure.camera.depth(joints.head)
    facing = figure.camera.depth(look_at)

    def at(x: float, y: float, z: float) -> np.ndarray:
        return head + (right * x + up * y + look_at * z) * size

    if look.hair_length > 0:
        back = figure.unit(near - 0.07)
        nape = joints.chest - joints.forward * 0.06 - at(0, 0.3, -0.4)
        fall = at(0, 0.3, -0.4) + nape * (0.6 + 0.6 * look.hair_length)
        figure.capsule(back, at(0, 0.3, -0.4), fall, (size * 0.85, size * 0.6), look.hair)
    unit = figure.unit(near + 0.02)
    side = right * size
    tall = up * size
    deep = look_at * size * 0.92
    wide = np.abs(figure.camera.turn(right)[:, :1])
    # The widest visible extent of the skull is between its width and its depth.
    broad = side * 0.84 * wide + deep * (1 - wide) * np.sign(figure.camera.turn(deep)[:, :1])
    figure.ellipse(
        unit, at(0, 0.16, -0.16), broad * 1.08, tall * 1.08, look.hair, None, figure.layers
    )
    for ear in SIDES:
        shows = ear * figure.camera.depth(right) > -0.35
        figure.ellipse(
            unit, at(0.82 * ear, -0.05, -0.1), deep * 0.2 + side * 0.08, tall * 0.26,
            look.skin * 0.85, shows,
        )  # fmt: skip
    skin_layers = ((1.0, 0.0, 0.8), (0.9, 0.06, 0.92), (0.7, 0.18, 1.02), (0.4, 0.3, 1.08))
    shows = facing > -0.25
    figure.ellipse(
        unit, at(0, -0.12, 0.2), broad * 0.86, tall * 0.94, look.skin, shows, skin_layers
    )
    shows = facing > 0.05
    _add_face(figure, unit, at, side, tall, look, shows)
    cap_wide, cap_tall = broad * (0.8 + look.fringe * 0.1), tall * (0.34 + look.fringe * 0.2)
    figure.ellipse(unit, at(0, 0.78, 0.12), cap_wide, cap_tall, look.hair * 0.92)


def _add_face(
    figure: Painting,
    unit: Unit,
    at: Callable[[float, float, float], np.ndarray],
    side: np.ndarray,
    tall: np.ndarray,
    look: Look,
    shows: np.ndarray,
) -> None:
    across = figure.camera.depth(side)
    dark = look.skin * 0.62
    for eye in SIDES:
        seen = shows & (eye * across > -0.045)
        figure.ellipse(unit, at(0.34 * eye, 0.06, 0.82), side * 0.2, tall * 0.12, dark, seen)
        white = np.array([235.0, 232.0, 228.0])
        figure.ellipse(unit, at(0.34 * eye, 0.03, 0.86), side * 0.15, tall * 0.075, white, seen)
        iris = np.array([40.0, 30.0, 24.0])
        figure.ellipse(unit, at(0.34 * eye, 0.03, 0.88), side * 0.075, tall * 0.08, iris, seen)
        brow = look.hair * 0.8
        figure.ellipse(unit, at(0.35 * eye, 0.25, 0.84), side * 0.2, tall * 0.045, brow, seen)
    figure.ellipse(unit, at(0.06, -0.2, 1.02), side * 0.13, tall * 0.2, look.skin * 0.8, shows)
    figure.ellipse(unit, at(0.0, -0.18, 1.05), side * 0.09, tall * 0.2, look.skin * 1.06, shows)
    lips = look.skin * np.array([0.82, 0.55, 0.55])
    figure.ellipse(unit, at(0, -0.58, 0.88), side * 0.26, tall * 0.085, lips, shows)
    figure.ellipse(unit, at(0, -0.575, 0.9), side * 0.2, tall * 0.025, lips * 0.5, shows)
