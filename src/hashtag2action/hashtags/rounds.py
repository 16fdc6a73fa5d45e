"""What one round of the loop did."""

from dataclasses import dataclass, field

from hashtag2action.hashtags.arms import Arm


@dataclass
class Round:
    """What one round did, for the report."""

    number: int
    num_requests: int = 0
    num_roll_calls: int = 0
    """Requests for many tags at once."""
    num_rows: int = 0
    num_new: int = 0
    num_judged: int = 0
    num_usable: int = 0
    opened: list[str] = field(default_factory=list)
    closed: dict[str, str] = field(default_factory=dict)
    proposed: list[str] = field(default_factory=list)
    requests_by_hashtag: dict[str, int] = field(default_factory=dict)
    entropy_groups: float = 0.0
    entropy_regions: float = 0.0
    entropy_languages: float = 0.0


@dataclass
class AskedPage:
    """A page, or the part of it that belongs to one arm."""

    arm: Arm
    posts: list[str]
    """All readable posts, those gathered before among them."""
    num_judged: int
    """How many of them are judged at most."""
