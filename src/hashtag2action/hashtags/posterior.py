"""What is believed of a share after some trials: Beta posteriors, and how beliefs are shared."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Share:
    """A Beta posterior of a share; `hits` and `misses` may be fractions of a trial."""

    hits: float = 0.0
    misses: float = 0.0

    @property
    def num_trials(self) -> float:
        """Trials behind the belief, the prior not counted."""
        return self.hits + self.misses

    def add(self, hits: float, misses: float, memory: float = 1.0) -> None:
        """Add trials; `memory` below 1 lets older ones fade."""
        self.hits = memory * self.hits + hits
        self.misses = memory * self.misses + misses

    def mean(self, prior: "Share") -> float:
        """Return the posterior mean."""
        hits = self.hits + prior.hits
        return hits / (hits + self.misses + prior.misses)

    def draw(self, prior: "Share", rng: np.random.Generator, weight: float = 1.0) -> float:
        """Draw a share the posterior believes in; a `weight` above 1 draws nearer to its mean."""
        hits, misses = self.hits + prior.hits, self.misses + prior.misses
        return float(rng.beta(weight * hits, weight * misses))

    def interval(self, prior: "Share", mass: float = 0.9) -> tuple[float, float]:
        """Return the bounds between which the share lies with a probability, roughly.

        Quantiles of a fixed sample: exact enough for a table, and the same in every run.
        """
        rng = np.random.default_rng(0)
        drawn = rng.beta(self.hits + prior.hits, self.misses + prior.misses, 4_000)
        low, high = np.quantile(drawn, [(1 - mass) / 2, (1 + mass) / 2])
        return float(low), float(high)

    def above(self, share: float, prior: "Share") -> float:
        """Return the probability that the share is at least `share`, roughly."""
        rng = np.random.default_rng(0)
        drawn = rng.beta(self.hits + prior.hits, self.misses + prior.misses, 4_000)
        return float((drawn >= share).mean())


def prior_of(shares: list[Share], strength: float, base: Share) -> Share:
    """Return a prior as strong as `strength` trials, centered on what was seen so far.

    Args:
        shares: Beliefs of the same kind, for example the yields of all tags of a group.
        strength: Trials the prior counts as.
        base: What is believed before anything was seen.
    """
    hits = base.hits + sum(share.hits for share in shares)
    trials = base.hits + base.misses + sum(share.num_trials for share in shares)
    mean = min(max(hits / trials, 0.01), 0.99)
    return Share(strength * mean, strength * (1 - mean))
