"""How much a mining run may ask of a platform, and how that is spread."""

from datetime import date
from typing import Annotated, Any

from pydantic import Field, model_validator

from hashtag2action.config import Config
from hashtag2action.sources.query import MAX_DAYS


class Budget(Config):
    """How much may be asked, where, and how it is spread."""

    num_requests: Annotated[int, Field(ge=1)] = 1_000
    """Requests in all. Source: the Research API allows 1,000 a day."""
    requests_per_round: Annotated[int, Field(ge=1)] = 10
    """Requests between two looks at what the posts were worth (chosen: 100 rounds a day)."""
    first_day: date
    """First day of the posts asked for."""
    last_day: date
    """Last day of the posts asked for."""
    window_days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = MAX_DAYS
    """Days asked for at once: short ones spread a tag's posts over time, and cost more."""
    regions: tuple[str, ...] = ()
    """Country codes asked for one by one; empty asks for all together."""
    explore_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of a round's requests for tags that were never asked (chosen)."""
    floor_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of a round's requests for the groups and regions that have least (chosen)."""
    tags_per_question: Annotated[int, Field(ge=1)] = 50
    """Tags asked for together to see which are used at all, where the platform takes several and
    no regions are given; 1 asks one by one (chosen: an answer has 100 rows to show them in)."""
    judged_per_page: Annotated[int, Field(ge=1)] = 20
    """Posts of each page that are curated to learn what a tag is worth (chosen)."""
    min_beside_posts: Annotated[int, Field(ge=1)] = 5
    """Fewest posts beside an action group, each creator counted once, for a tag to be proposed
    (chosen)."""
    min_beside_creators: Annotated[int, Field(ge=1)] = 3
    """Fewest creators of those posts: one creator's spam is not reach."""
    min_group_npmi: Annotated[float, Field(ge=-1, le=1)] = 0.3
    """Smallest NPMI of a proposed tag with an action group (chosen)."""
    promising_yield: Annotated[float, Field(ge=0, le=1)] = 0.45
    """Yield a tag must be expected to have before anything was asked of it, to be explored."""
    dry_gain: Annotated[float, Field(ge=0)] = 2.0
    """New usable posts a request is expected to bring, below which a tag is closed (chosen)."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of every draw."""

    def key_fields(self) -> dict[str, Any]:
        """Return the settings that may change a result, days as text."""
        days = {"first_day": self.first_day.isoformat(), "last_day": self.last_day.isoformat()}
        return super().key_fields() | days

    @model_validator(mode="after")
    def _days_are_in_order(self) -> "Budget":
        if self.first_day > self.last_day:
            raise ValueError(f"first_day {self.first_day} is after last_day {self.last_day}")
        return self
