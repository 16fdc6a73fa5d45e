"""A body of the rendered world: its proportions, its joints, and how they hang together.

Space is measured in body heights: x to the right of the picture when the person faces the camera,
y up from the ground, z toward the camera. Everything here is vectorized over the frames of a scene.
"""

from dataclasses import dataclass, field

import numpy as np

SIDES = np.array([-1.0, 1.0])  # the two sides of the body: picture left, picture right


@dataclass(frozen=True)
class Body:
    """Proportions of one person as shares of the body height (chosen near the human average)."""

    thigh: float = 0.245
    shin: float = 0.245
    spine: float = 0.29
    neck: float = 0.09
    upper_arm: float = 0.175
    forearm: float = 0.15
    hand: float = 0.085
    foot: float = 0.13
    shoulder: float = 0.1
    hip: float = 0.047
    girth: float = 1.0
    head: float = 0.07

    @property
    def hip_height(self) -> float:
        """Height of the hips of a person who stands with straight legs."""
        return self.thigh + self.shin + 0.035

    @property
    def arm(self) -> float:
        """Length from shoulder to wrist."""
        return self.upper_arm + self.forearm


@dataclass(frozen=True)
class Style:
    """What differs between two people who do the same: each value is uniform in [0, 1)."""

    values: tuple[float, ...]
    """Eight numbers."""

    def between(self, index: int, low: float, high: float) -> float:
        """Map one of the values to a range."""
        return low + (high - low) * self.values[index]

    def choose(self, index: int, num_ways: int) -> int:
        """Map one of the values to one of several ways of doing it."""
        return int(self.values[index] * num_ways)


@dataclass
class Joints:
    """Where everything is; each array is (frames, 3), for paired joints (frames, 2, 3)."""

    pelvis: np.ndarray
    chest: np.ndarray
    head: np.ndarray
    across: np.ndarray
    forward: np.ndarray
    look: np.ndarray
    hips: np.ndarray
    knees: np.ndarray
    ankles: np.ndarray
    toes: np.ndarray
    shoulders: np.ndarray
    elbows: np.ndarray
    wrists: np.ndarray
    fingers: np.ndarray


@dataclass
class Stance:
    """What an action sets; the rest of the body follows from it."""

    pelvis: np.ndarray
    lean: np.ndarray | float = 0.0
    twist: np.ndarray | float = 0.0
    sway: np.ndarray | float = 0.0
    ankles: np.ndarray | None = None
    toe_direction: np.ndarray | None = None
    knee_pole: np.ndarray = field(default_factory=lambda: np.array([0.0, 0.1, 1.0]))
    nod: np.ndarray | float = 0.0


def stack(*columns: np.ndarray | float) -> np.ndarray:
    """Join coordinates that broadcast against each other along a new last axis."""
    return np.stack(np.broadcast_arrays(*[np.asarray(c, np.float64) for c in columns]), axis=-1)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to length one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def two_bones(
    root: np.ndarray, target: np.ndarray, first: float, second: float, pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bend a limb of two bones so that its end comes as near to the target as it can."""
    reach = target - root
    distance = np.linalg.norm(reach, axis=-1, keepdims=True)
    along = reach / np.maximum(distance, 1e-9)
    length = np.clip(distance, abs(first - second) + 1e-3, (first + second) * 0.998)
    lower = (first**2 - second**2 + length**2) / (2 * length)
    height = np.sqrt(np.maximum(first**2 - lower**2, 0.0))
    pole = np.broadcast_to(pole, root.shape)
    side = unit(pole - (pole * along).sum(-1, keepdims=True) * along)
    return root + along * lower + side * height, root + along * length


def pose_trunk(body: Body, stance: Stance, num_frames: int) -> Joints:
    """Place trunk, head and legs; the arms hang until `set_arms`."""
    ones = np.ones(num_frames)
    lean, sway = stance.lean * ones, stance.sway * ones
    twist, nod = stance.twist * ones, stance.nod * ones
    up = unit(stack(np.sin(sway), np.cos(lean) * np.cos(sway), np.sin(lean)))
    across = unit(stack(np.cos(twist), -np.sin(sway) * np.cos(twist), -np.sin(twist)))
    across = unit(across - (across * up).sum(-1, keepdims=True) * up)
    forward = np.cross(across, up)
    chest = stance.pelvis + up * body.spine
    # A head rights itself: it follows only part of the trunk's lean.
    head_up = unit(up + stack(0 * ones, 0.6 * ones, 0 * ones) + forward * 0.15)
    look = unit(forward - (forward * head_up).sum(-1, keepdims=True) * head_up)
    look = unit(look * np.cos(nod)[:, None] - head_up * np.sin(nod)[:, None])
    head = chest + head_up * (body.neck + 0.005)
    hips = stance.pelvis[:, None] + SIDES[None, :, None] * across[:, None] * body.hip
    if stance.ankles is None:
        ankles = stack(SIDES[None] * 0.075 * ones[:, None], 0.035, 0.0)
    else:
        ankles = stance.ankles
    knees, ankles = two_bones(hips, ankles, body.thigh, body.shin, stance.knee_pole)
    if stance.toe_direction is None:
        toe_direction = unit(np.array([[-0.3, -0.2, 1.0], [0.3, -0.2, 1.0]]))[None]
    else:
        toe_direction = stance.toe_direction
    toes = ankles + toe_direction * body.foot
    shoulders = (chest - up * 0.032)[:, None] + (
        SIDES[None, :, None] * across[:, None] * body.shoulder
    )
    hang = shoulders - up[:, None] * body.arm
    return Joints(
        stance.pelvis, chest, head, across, forward, look, hips, knees, ankles, toes,
        shoulders, hang, hang, hang,
    )  # fmt: skip


def set_arms(
    body: Body,
    joints: Joints,
    wrists: np.ndarray,
    pole: np.ndarray,
    flat: float = 0.0,
    grip: float = 1.0,
) -> Joints:
    """Reach for the wrists' targets; `flat` turns hands up, a small `grip` makes fists."""
    elbows, wrists = two_bones(joints.shoulders, wrists, body.upper_arm, body.forearm, pole)
    pointing = unit(unit(wrists - elbows) + flat * np.array([0.0, 1.0, 0.0]))
    joints.elbows, joints.wrists = elbows, wrists
    joints.fingers = wrists + pointing * body.hand * grip
    return joints


def around_shoulders(
    joints: Joints,
    out: np.ndarray | float,
    up: np.ndarray | float,
    ahead: np.ndarray | float,
) -> np.ndarray:
    """Points relative to the shoulders: outward, upward and ahead, each (frames, 2)."""
    frame_up = unit(np.cross(joints.forward, joints.across))
    return (
        joints.shoulders
        + (SIDES * out)[..., None] * joints.across[:, None]
        + np.asarray(up)[..., None] * frame_up[:, None]
        + np.asarray(ahead)[..., None] * joints.forward[:, None]
    )


def pair(left: np.ndarray | float, right: np.ndarray | float, like: np.ndarray) -> np.ndarray:
    """Values for the two sides of the body, (frames, 2)."""
    return stack(left + 0 * like, right + 0 * like)
