"""Who the people of the rendered world are: proportions, skin, hair and clothes.

People and outfits come from numbered pools, so that two sets of videos can be kept apart: nobody
and no outfit of one pool appears in another.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from hashtag2action.sources.studio.body import Body

# Skin tones from light to dark (chosen), RGB.
_SKINS = ((241, 205, 180), (232, 190, 160), (222, 173, 138), (205, 152, 116), (188, 132, 97),
          (158, 106, 76), (126, 82, 58), (98, 62, 44))  # fmt: skip
_HAIRS = ((28, 22, 20), (48, 34, 26), (74, 50, 34), (112, 76, 46), (168, 128, 80), (122, 54, 34),
          (120, 116, 112), (202, 172, 120))  # fmt: skip


@dataclass(frozen=True)
class Look:
    """Colors (RGB, float) and cuts of one dressed person."""

    skin: np.ndarray
    hair: np.ndarray
    hair_length: float
    fringe: float
    shirt: np.ndarray
    accent: np.ndarray
    trousers: np.ndarray
    shoes: np.ndarray
    sole: np.ndarray
    hem: float
    """Where the shirt ends, as a share of the spine above the hips."""
    sleeve_length: float
    """0 none, 1 to the elbow, 2 to the wrist."""
    trouser_length: float
    """1 to the knee, 2 to the ankle."""
    stripes: tuple[tuple[float, float], ...]
    has_badge: bool

    def leg_color(self, share: float) -> np.ndarray:
        """Color of the thigh (share 0.5) or the shin (share 1.5)."""
        return self.trousers if share + 0.5 <= self.trouser_length else self.skin


def rng_for(*parts: int | str) -> np.random.Generator:
    """A generator that depends on its parts alone, the same on every machine and every run."""
    words: list[int] = []
    for part in parts:
        data = part.encode() if isinstance(part, str) else str(part).encode()
        words += [len(data), *data]
    return np.random.default_rng(np.random.SeedSequence(words))


def body_of(pool: str, person: int) -> Body:
    """Proportions of a person of a pool."""
    rng = rng_for(pool, "body", person)
    leg = rng.uniform(0.95, 1.05)
    girth = rng.uniform(0.88, 1.25)
    return Body(
        thigh=0.245 * leg,
        shin=0.245 * leg,
        spine=0.29 / leg,
        upper_arm=0.175 * rng.uniform(0.95, 1.06),
        forearm=0.15 * rng.uniform(0.95, 1.06),
        shoulder=0.1 * rng.uniform(0.9, 1.1),
        hip=0.047 * rng.uniform(0.9, 1.15),
        girth=girth,
        head=0.072 * rng.uniform(0.94, 1.1),
    )


def look_of(pool: str, person: int, outfit: int) -> Look:
    """Skin and hair of a person, in an outfit of the same pool."""
    who = rng_for(pool, "face", person)
    skin = np.array(_SKINS[who.integers(len(_SKINS))], float) * who.uniform(0.95, 1.04, 3)
    hair = np.array(_HAIRS[who.integers(len(_HAIRS))], float) * who.uniform(0.85, 1.1)
    hair_length = float(who.choice([0.0, 0.0, 0.4, 0.8, 1.2]))
    fringe = float(who.uniform())
    wear = rng_for(pool, "outfit", outfit)
    shirt, accent = _cloth(wear), _cloth(wear)
    way = wear.choice(["plain", "plain", "badge", "band", "stripes"])
    stripes: tuple[tuple[float, float], ...] = ()
    if way == "band":
        stripes = ((0.55, 0.75),)
    elif way == "stripes":
        stripes = tuple((low, low + 0.07) for low in (0.1, 0.26, 0.42, 0.58, 0.74))
    return Look(
        skin=skin,
        hair=hair,
        hair_length=hair_length,
        fringe=fringe,
        shirt=shirt,
        accent=accent,
        trousers=_cloth(wear, dark=0.7),
        shoes=np.array(wear.choice([35, 70, 150, 225]) * np.ones(3)) * wear.uniform(0.85, 1.1, 3),
        sole=np.array([225.0, 225, 220]) if wear.uniform() < 0.6 else np.array([45.0, 45, 48]),
        hem=float(wear.choice([0.08, 0.02, -0.04])),
        sleeve_length=float(wear.choice([0.0, 0.45, 0.55, 0.6, 1.9])),
        trouser_length=float(wear.choice([0.55, 0.75, 0.8, 2.0, 2.0, 2.0])),
        stripes=stripes,
        has_badge=bool(way == "badge"),
    )


def _cloth(rng: np.random.Generator, dark: float = 1.0) -> np.ndarray:
    hue, saturation = rng.uniform(0, 180), rng.choice([20, 90, 150, 200])
    value = rng.uniform(60, 240) * dark
    pixel = np.array([[[hue, saturation, value]]]).astype(np.uint8)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(float)
