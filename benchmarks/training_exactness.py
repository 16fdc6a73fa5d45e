"""Is what moves the weights what the formulas say? Each part against the formula itself."""

import math
import re
from pathlib import Path

import numpy as np
import torch

from benchmarks.figures import Figure
from hashtag2action.evaluate.recognizer import Network
from hashtag2action.train.average import AverageWeights
from hashtag2action.train.optim import Optimization, make_optimizer, set_lr
from hashtag2action.train.parallel import scale_gradients
from hashtag2action.train.schedule import Schedule

NUM_STEPS = 40
NUM_LOSSES = 7.0
"""The count a sum of losses is divided by."""
TOLERANCE = 1e-10
"""Largest relative difference: float64, in another order. Chosen: a thousand roundings."""


def measure(out: Path) -> list[Figure]:
    """Compare."""
    del out
    found = {
        "AdamW, decay groups, clipping, average: against NumPy": optimizer_difference(),
        "warm-up and cosine: against the closed form": schedule_difference(),
        "layer decay of ViT-B and ViT-g: against the formula": layer_decay_difference(),
    }
    return [
        Figure(name, f"{value:.1e}", f"<= {TOLERANCE:g}", value <= TOLERANCE)
        for name, value in found.items()
    ]


def optimizer_difference() -> float:
    """Take steps with drawn gradients, here and in NumPy; return the largest difference."""
    settings = Optimization(
        layer_decay=0.75, weight_decay=0.05, betas=(0.9, 0.999), max_grad_norm=0.5
    )
    network = Network(variant="vit_micro", num_frames=2, size_px=16, patch_size=8)
    torch.manual_seed(0)
    model = network.build_recognizer(3).double()
    plain = PlainAdamW({name: p.detach().numpy().copy() for name, p in model.named_parameters()})
    optimizer = make_optimizer(model, settings, depth=4)
    average = AverageWeights(model, 0.9)
    schedule = Schedule(NUM_STEPS, 5, 1e-2, 1e-4)
    rng = np.random.default_rng(0)
    for step in range(NUM_STEPS):
        sums = {
            name: rng.normal(size=tuple(p.shape)) * (step % 3)
            for name, p in model.named_parameters()
        }
        for name, parameter in model.named_parameters():
            parameter.grad = torch.from_numpy(sums[name].copy())
        set_lr(optimizer, schedule.at(step))
        count = torch.tensor(NUM_LOSSES, dtype=torch.float64)
        scale_gradients(model.parameters(), 1 / count, 0.5)
        optimizer.step()
        average.update()
        plain.step(sums, closed_form(schedule, step))
    found = [(p.detach().numpy(), plain.weights[name]) for name, p in model.named_parameters()]
    found += [(mean.numpy(), plain.average[name]) for name, mean in average.weights.items()]
    return max(_difference(ours, wanted) for ours, wanted in found)


class PlainAdamW:
    """The optimizer by its formulas, one parameter after the other.

    Source: AdamW (arXiv 1711.05101), algorithm 2; layer decay as BEiT (arXiv 2106.08254).
    """

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights
        self.average = {name: value.copy() for name, value in weights.items()}
        self.first = {name: np.zeros_like(value) for name, value in weights.items()}
        self.second = {name: np.zeros_like(value) for name, value in weights.items()}
        self.steps = 0

    def step(self, sums: dict[str, np.ndarray], lr: float) -> None:
        """Divide sums of gradients by the count, shorten them to 0.5, and step."""
        self.steps += 1
        gradients = {name: value / NUM_LOSSES for name, value in sums.items()}
        norm = math.sqrt(sum(float((value**2).sum()) for value in gradients.values()))
        shorter = min(1.0, 0.5 / (norm + 1e-6))
        for name, before in self.weights.items():
            gradient = gradients[name] * shorter
            rate = lr * 0.75 ** (5 - _layer(name, 4))
            decayed = before * (1 - rate * 0.05) if before.ndim > 1 else before
            self.first[name] = 0.9 * self.first[name] + 0.1 * gradient
            self.second[name] = 0.999 * self.second[name] + 0.001 * gradient**2
            mean = self.first[name] / (1 - 0.9**self.steps)
            square = self.second[name] / (1 - 0.999**self.steps)
            after = decayed - rate * mean / (np.sqrt(square) + 1e-8)
            self.weights[name] = after
            self.average[name] = 0.9 * self.average[name] + 0.1 * after


def schedule_difference() -> float:
    """Compare every rate of a run with the closed form, written down anew."""
    schedule = Schedule(total_steps=3810, warmup_steps=635, peak_lr=2.5e-4, final_lr=2.5e-7)
    return max(
        abs(schedule.at(step) - closed_form(schedule, step)) / schedule.peak_lr
        for step in range(schedule.total_steps)
    )


def closed_form(schedule: Schedule, step: int) -> float:
    """Linear from 0 to the peak at the last step of warm-up; then half a cosine."""
    warm, total = schedule.warmup_steps, schedule.total_steps
    if step < warm:
        return schedule.peak_lr * step / (warm - 1)
    turn = math.pi * (step - warm) / (total - warm)
    low, high = schedule.final_lr, schedule.peak_lr
    return (high + low) / 2 + (high - low) / 2 * math.cos(turn)


def layer_decay_difference() -> float:
    """Compare the groups of the large networks with decay ** (depth + 1 - layer)."""
    worst = 0.0
    for variant, depth, decay in (("vit_b", 12, 0.75), ("vit_g", 40, 0.9)):
        with torch.device("meta"):
            model = Network(variant=variant).build_recognizer(400)
        optimizer = make_optimizer(model, Optimization(layer_decay=decay), depth)
        set_lr(optimizer, 1.0)
        rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
        for name, parameter in model.named_parameters():
            wanted = decay ** (depth + 1 - _layer(name, depth))
            worst = max(worst, abs(rates[id(parameter)] / wanted - 1))
    return worst


def _layer(name: str, depth: int) -> int:
    if name.startswith("patch_embed"):
        return 0
    found = re.search(r"blocks\.(\d+)\.", name)
    return int(found.group(1)) + 1 if found else depth + 1


def _difference(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(found - wanted).max() / (np.abs(wanted).max() + 1e-12))
