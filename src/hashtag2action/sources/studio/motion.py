"""How the people of the rendered world move: a pose for each action and each moment of it."""

from collections.abc import Callable

import numpy as np

from hashtag2action.sources.studio.body import (
    SIDES,
    Body,
    Joints,
    Stance,
    Style,
    around_shoulders,
    pair,
    pose_trunk,
    set_arms,
    stack,
    unit,
)

# Names of the actions, written as their hashtags are.
ACTIONS = (
    "jumpingjacks",
    "squats",
    "waving",
    "walking",
    "clapping",
    "pushups",
    "lunges",
    "armcircles",
    "boxing",
    "highknees",
)

# Actions that are still recognizable when only the upper half of the body is in the picture.
UPPER_BODY_ACTIONS = ("waving", "clapping", "armcircles", "boxing")


def move(action: str, body: Body, phase: np.ndarray, style: Style) -> Joints:
    """Pose a person at the given phases of an action.

    Args:
        action: One of `ACTIONS`, or `talking`: standing with small gestures.
        body: The person's proportions.
        phase: Radians (frames,); one repetition is 2 pi.
        style: What is particular to this performance.
    """
    return _MOVES[action](body, phase, style)


_DOWN_BACK = np.array([0.0, -0.5, -1.0])
_OUT_DOWN = np.array([[-0.6, -1.0, -0.4], [0.6, -1.0, -0.4]])


def _standing(body: Body, phase: np.ndarray, bounce: np.ndarray | float = 0.0) -> np.ndarray:
    return stack(0.012 * np.sin(phase * 0.5), body.hip_height - 0.012 + bounce + 0 * phase, 0.0)


def _talking(body: Body, phase: np.ndarray, style: Style) -> Joints:
    slow = phase * 0.5
    stance = Stance(
        _standing(body, slow), twist=0.08 * np.sin(slow), sway=0.02 * np.sin(slow * 0.7),
        nod=0.1 + 0.1 * np.sin(phase * 0.9),
    )  # fmt: skip
    joints = pose_trunk(body, stance, len(phase))
    lift = style.between(0, 0.0, 0.16) * (0.5 + 0.5 * np.sin(slow + 1.0))
    up = pair(-0.2 + lift, -0.3 if style.choose(1, 2) else -0.2 + lift[::-1], phase)
    wrists = around_shoulders(
        joints, pair(0.02 + 0.03 * np.sin(slow), 0.03, phase), up, 0.12 + 0.3 * (up + 0.25)
    )
    return set_arms(body, joints, wrists, _OUT_DOWN)


def _jumpingjacks(body: Body, phase: np.ndarray, style: Style) -> Joints:
    opened = 0.5 - 0.5 * np.cos(phase)
    bounce = 0.035 * np.abs(np.sin(phase)) - 0.03 * opened
    width = style.between(0, 0.13, 0.19)
    ankles = stack(
        SIDES * (0.06 + width * opened)[:, None],
        (0.035 + 0.03 * np.abs(np.sin(phase)))[:, None], 0.0,
    )  # fmt: skip
    joints = pose_trunk(body, Stance(_standing(body, phase, bounce), ankles=ankles), len(phase))
    angle = np.deg2rad(12 + style.between(1, 145, 162) * opened)
    reach = body.arm * style.between(2, 0.93, 0.99)
    out = pair(1, 1, phase) * (np.sin(angle) * reach)[:, None]
    wrists = around_shoulders(joints, out, -np.cos(angle)[:, None] * reach * [1, 1], 0.03)
    return set_arms(body, joints, wrists, np.array([0.0, 0.0, -1.0]))


def _squats(body: Body, phase: np.ndarray, style: Style) -> Joints:
    depth = (0.5 - 0.5 * np.cos(phase)) * style.between(0, 0.8, 1.0)
    pelvis = stack(0 * phase, body.hip_height - 0.012 - 0.23 * depth, -0.15 * depth)
    width = style.between(1, 0.1, 0.16)
    ankles = stack(SIDES[None] * width + 0 * phase[:, None], 0.035, 0.0)
    lean = 0.62 * depth
    pole = np.array([[-0.45, 0.1, 1.0], [0.45, 0.1, 1.0]])
    joints = pose_trunk(body, Stance(pelvis, lean, ankles=ankles, knee_pole=pole), len(phase))
    way = style.choose(2, 3)
    if way == 0:  # arms rise to the front as a counterweight
        rise = depth[:, None] * [1, 1]
        wrists = joints.shoulders + stack(
            SIDES[None] * 0.01, -0.3 + 0.33 * rise, 0.04 + 0.26 * np.sqrt(rise)
        )
    elif way == 1:  # hands together before the chest
        wrists = around_shoulders(joints, pair(-0.085, -0.085, phase), -0.06, 0.16)
    else:  # hands behind the head
        wrists = around_shoulders(joints, pair(-0.015, -0.015, phase), 0.12, -0.09)
    return set_arms(body, joints, wrists, _OUT_DOWN + np.array([0.0, 0.5, 0.0]))


def _waving(body: Body, phase: np.ndarray, style: Style) -> Joints:
    stance = Stance(
        _standing(body, phase), twist=0.06 * np.sin(phase * 0.5), sway=0.03 * np.sin(phase * 0.5)
    )
    joints = pose_trunk(body, stance, len(phase))
    swing = np.sin(phase)
    height = style.between(0, 0.1, 0.2)
    out = 0.1 + style.between(1, 0.07, 0.11) * swing
    up = height - 0.03 * swing**2
    both = style.choose(2, 4) == 0
    side = style.choose(3, 2)
    raised = np.array([True, True]) if both else np.arange(2) == side
    wrists = around_shoulders(
        joints,
        np.where(raised, out[:, None], 0.04),
        np.where(raised, up[:, None], -0.3),
        np.where(raised, 0.09, 0.03),
    )
    return set_arms(body, joints, wrists, np.array([[-0.25, -1.0, -0.2], [0.25, -1.0, -0.2]]))


def _walking(body: Body, phase: np.ndarray, style: Style) -> Joints:
    stride = style.between(0, 0.16, 0.22)
    leg = stack(phase, phase + np.pi)
    ankles = stack(
        SIDES[None] * 0.05,
        0.035 + 0.1 * np.maximum(np.sin(leg), 0) ** 1.2,
        -stride * np.cos(leg) - 0.02,
    )
    pelvis = stack(0.012 * np.sin(phase), body.hip_height - 0.03 + 0.014 * np.cos(2 * phase), 0.0)
    lift = np.maximum(np.sin(leg - 0.5), 0)
    toes = unit(stack(SIDES[None] * 0.15, -0.2 - 0.5 * lift, 1.0))
    stance = Stance(pelvis, 0.05, 0.12 * np.cos(phase), ankles=ankles, toe_direction=toes)
    joints = pose_trunk(body, stance, len(phase))
    swing = -np.cos(stack(phase + np.pi, phase)) * style.between(1, 0.45, 0.7)
    reach = body.arm * 0.96
    wrists = joints.shoulders + stack(
        SIDES[None] * 0.03, -np.cos(swing) * reach, np.sin(swing) * reach + 0.03
    )
    return set_arms(body, joints, wrists, _DOWN_BACK)


def _clapping(body: Body, phase: np.ndarray, style: Style) -> Joints:
    apart = 0.5 - 0.5 * np.cos(phase)
    stance = Stance(
        _standing(body, phase), sway=0.04 * np.sin(phase * 0.5), nod=0.06 * np.sin(phase)
    )
    joints = pose_trunk(body, stance, len(phase))
    overhead = style.choose(0, 3) == 0
    spread = style.between(1, 0.12, 0.2) * apart
    out = spread - body.shoulder + 0.012
    up = 0.25 if overhead else style.between(2, -0.16, -0.02)
    wrists = around_shoulders(
        joints, pair(out, out, phase), up - 0.04 * apart[:, None] * [1, 1],
        0.08 if overhead else 0.17,
    )  # fmt: skip
    return set_arms(body, joints, wrists, _OUT_DOWN, flat=0.6)


def _pushups(body: Body, phase: np.ndarray, style: Style) -> Joints:
    depth = (0.5 - 0.5 * np.cos(phase)) * style.between(0, 0.75, 1.0)
    shoulder_height = body.arm * 0.97 + 0.02 - 0.16 * depth
    length = body.thigh + body.shin + body.spine - 0.02
    slope = np.arcsin((shoulder_height - 0.04) / length)
    toes_z = -length * np.cos(slope)
    line = stack(0 * phase, np.sin(slope), np.cos(slope))
    start = stack(0 * phase, 0.05, toes_z)
    sag = style.between(1, -0.01, 0.02)
    pelvis = start + line * (body.thigh + body.shin) + stack(0 * phase, sag, 0.0)
    ankles = start[:, None] + SIDES[None, :, None] * np.array([0.045, 0, 0])
    toes = unit(stack(0 * phase[:, None] * [1, 1], -1.0, 0.25))
    stance = Stance(
        pelvis, lean=np.pi / 2 - slope, ankles=ankles, toe_direction=toes * 0.5,
        knee_pole=np.array([0.0, -1.0, 0.2]),
    )  # fmt: skip
    joints = pose_trunk(body, stance, len(phase))
    hands = stack(SIDES[None] * style.between(2, 0.13, 0.19) + 0 * phase[:, None], 0.025, -0.02)
    joints = set_arms(body, joints, hands, np.array([[-0.8, 0.3, -1.0], [0.8, 0.3, -1.0]]))
    joints.fingers = joints.wrists + np.array([0.0, -0.01, 1.0]) * body.hand
    return joints


def _lunges(body: Body, phase: np.ndarray, style: Style) -> Joints:
    step = np.sin(phase)
    depth = np.abs(step) ** 0.8 * style.between(0, 0.8, 1.0)
    reach = 0.3 * np.sign(step) * depth
    along = stack(reach, -reach)
    ankles = stack(SIDES[None] * 0.06, 0.035 + 0.05 * np.maximum(-along, 0) / 0.3, along)
    pelvis = stack(0 * phase, body.hip_height - 0.012 - 0.21 * depth, 0.0)
    back = np.maximum(-along, 0) / 0.3
    toes = unit(stack(SIDES[None] * 0.1, -0.2 - 0.6 * back, 1.0))
    stance = Stance(pelvis, 0.06 + 0.1 * depth, ankles=ankles, toe_direction=toes)
    joints = pose_trunk(body, stance, len(phase))
    if style.choose(1, 2):  # hands on the hips
        wrists = joints.hips + stack(SIDES[None] * 0.06, 0.05, 0.04)
        return set_arms(body, joints, wrists, np.array([[-1, 0, -0.4], [1, 0, -0.4]]))
    swing = stack(-step, step) * 0.6
    wrists = joints.shoulders + stack(
        SIDES[None] * 0.03, -0.24 + 0.1 * np.abs(swing), 0.08 + 0.16 * swing
    )
    return set_arms(body, joints, wrists, _DOWN_BACK)


def _armcircles(body: Body, phase: np.ndarray, style: Style) -> Joints:
    stance = Stance(_standing(body, phase), sway=0.02 * np.sin(phase))
    joints = pose_trunk(body, stance, len(phase))
    turn = phase * (1 if style.choose(0, 2) else -1)
    reach = body.arm * 0.97
    way = style.choose(1, 3)
    if way == 0:  # windmill beside the body, both arms or one after the other
        lag = np.pi if style.choose(2, 2) else 0.0
        angle = stack(turn, turn + lag)
        out, up, ahead = 0.06 + 0 * angle, -np.cos(angle) * reach, np.sin(angle) * reach
    elif way == 1:  # large circles across the front
        angle = turn[:, None] * [1, 1]
        out, up, ahead = np.sin(angle) * reach, -np.cos(angle) * reach, 0.06 + 0 * angle
    else:  # arms spread, the hands draw circles
        angle, wide = turn[:, None] * [1, 1], style.between(3, 0.3, 0.55)
        out = np.cos(wide) * reach + 0 * angle
        up, ahead = np.sin(angle) * np.sin(wide) * reach, np.cos(angle) * np.sin(wide) * reach
    wrists = around_shoulders(joints, out, up, ahead)
    return set_arms(body, joints, wrists, np.array([0.0, -0.3, -1.0]))


def _boxing(body: Body, phase: np.ndarray, style: Style) -> Joints:
    punch = np.maximum(np.sin(stack(phase, phase + np.pi)), 0) ** 2
    twist = 0.3 * np.sin(phase)
    ankles = stack(SIDES[None] * 0.08, 0.035, SIDES[None] * 0.08 + 0 * phase[:, None])
    pelvis = _standing(body, phase, 0.012 * np.sin(phase * 2) - 0.035)
    stance = Stance(pelvis, 0.12, twist, ankles=ankles, nod=0.1)
    joints = pose_trunk(body, stance, len(phase))
    hook = style.between(0, 0.0, 0.1)
    wrists = around_shoulders(
        joints, -0.04 + (0.01 + hook) * punch, -0.02 + 0.07 * punch, 0.13 + 0.18 * punch
    )
    return set_arms(body, joints, wrists, _OUT_DOWN, grip=0.6)


def _highknees(body: Body, phase: np.ndarray, style: Style) -> Joints:
    leg = stack(phase, phase + np.pi)
    lift = np.maximum(np.sin(leg), 0) ** 1.1 * style.between(0, 0.75, 1.0)
    ankles = stack(SIDES[None] * 0.055, 0.035 + 0.3 * lift, 0.06 * lift)
    bounce = 0.02 * np.abs(np.sin(phase)) - 0.01
    toes = unit(stack(SIDES[None] * 0.15, -0.25 - 0.35 * lift, 1.0))
    stance = Stance(
        _standing(body, phase, bounce), -0.03, 0.1 * np.sin(phase), ankles=ankles,
        toe_direction=toes,
    )  # fmt: skip
    joints = pose_trunk(body, stance, len(phase))
    pump = np.sin(stack(phase + np.pi, phase)) * style.between(1, 0.5, 1.0)
    wrists = joints.shoulders + stack(SIDES[None] * 0.02, -0.16 + 0.12 * pump, 0.12 + 0.08 * pump)
    return set_arms(body, joints, wrists, _DOWN_BACK)


_MOVES: dict[str, Callable[[Body, np.ndarray, Style], Joints]] = {
    "talking": _talking,
    "jumpingjacks": _jumpingjacks,
    "squats": _squats,
    "waving": _waving,
    "walking": _walking,
    "clapping": _clapping,
    "pushups": _pushups,
    "lunges": _lunges,
    "armcircles": _armcircles,
    "boxing": _boxing,
    "highknees": _highknees,
}
