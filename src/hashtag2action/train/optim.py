"""Which parameters decay, how fast each layer learns, and the optimizer over them."""

import math
import re
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn

from hashtag2action.config import Config
from hashtag2action.models.linear_bf16 import leave_copy
from hashtag2action.train.schedule import Schedule, scaled_lr

NO_DECAY_NAMES = ("mask_token",)
"""Parameters that never decay although they are no vectors. Source: VideoMAE V2."""

PART = 2**18
"""Weights changed at a time when their gradients are in bfloat16. Chosen by measurement, with 50
million weights on one core of an AMD Zen 5: 2^14 takes 1.5 times as long, 2^17 1.1, 2^20 1.04."""


class Optimization(Config):
    """How long and how fast a network learns."""

    epochs: Annotated[float, Field(gt=0)] = 200
    """Passes over the clips."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 20
    """Passes over which the learning rate rises from 0."""
    clips_per_step: Annotated[int, Field(gt=0)] = 256
    """Clips decoded for one step."""
    repeated_augmentation: Annotated[int, Field(gt=0)] = 4
    """Samples made from each decoded clip. Source: VideoMAE V2, 4 in pre-training."""
    base_lr: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate for 256 clips per step."""
    min_lr: Annotated[float, Field(ge=0)] = 1e-5
    """Learning rate at the end, for 256 clips per step."""
    lr_counts: Literal["clips", "samples"] = "clips"
    """What counts as a clip in base_lr * clips_per_step / 256: decoded clips, or all samples made
    of them. Source: VideoMAE V2 does not count repeated samples."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's memory of gradients and of their squares. Source: VideoMAE V2, pre-training."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    """AdamW's decay of weights. Source: VideoMAE V2."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Ratio of the learning rates of neighboring layers, towards the input; 1 is the same for
    all."""
    max_grad_norm: Annotated[float, Field(gt=0)] | None = None
    """Gradients longer than this are shortened; None leaves them."""
    average_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the running mean of the weights that stays at each step; the mean is written as
    weights_average.safetensors. None keeps no mean. Source: off in VideoMAE V2's recipes, 0.9999
    where its code is asked for one."""

    @property
    def counted_clips(self) -> int:
        """Clips of a step as the learning rate's rule counts them."""
        repeats = self.repeated_augmentation if self.lr_counts == "samples" else 1
        return self.clips_per_step * repeats

    @property
    def rule(self) -> str:
        """Say how the peak of the learning rate comes about."""
        counted = self.counted_clips
        peak = scaled_lr(self.base_lr, counted)
        return f"peak lr {peak:.4g} = base_lr {self.base_lr:g} * {counted} {self.lr_counts} / 256"

    def schedule(self, num_clips: int) -> Schedule:
        """Return the learning rates over the whole run.

        Args:
            num_clips: Clips of the data set.
        """
        counted = self.counted_clips
        return Schedule(
            total_steps=max(1, math.ceil(self.epochs * num_clips / self.clips_per_step)),
            warmup_steps=round(self.warmup_epochs * num_clips / self.clips_per_step),
            peak_lr=scaled_lr(self.base_lr, counted),
            final_lr=scaled_lr(self.min_lr, counted),
        )


class FusedAdamW(torch.optim.AdamW):
    """AdamW in one pass over the weights; takes gradients in bfloat16 too (`models.linear_bf16`).

    Such a gradient is used up: the weight's copy for the next forward pass is written over it.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Change the weights."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None and weight.grad.dtype is torch.bfloat16:
                    self._step_bf16(weight, group)
        super().step(closure)

    def _step_bf16(self, weight: nn.Parameter, group: dict[str, Any]) -> None:
        gradient, weight.grad = weight.grad, None
        assert gradient is not None
        state = self.state[weight]
        if not state:
            # As torch's own AdamW begins, so that either goes on from a state of the other.
            state["step"] = torch.zeros((), dtype=torch.float32, device=weight.device)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        state["step"] += 1
        wide = torch.empty(min(weight.numel(), PART), device=weight.device)
        whole = weight, gradient, state["exp_avg"], state["exp_avg_sq"]
        for part in zip(*(tensor.view(-1).split(PART) for tensor in whole), strict=True):
            weights, gradients, means, squares = part
            wider = wide[: len(gradients)].copy_(gradients)
            torch._fused_adamw_(  # pyright: ignore[reportPrivateImportUsage]
                [weights],
                [wider],
                [means],
                [squares],
                [],
                [state["step"]],
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )
            gradients.copy_(weights)
        leave_copy(weight, gradient)


def make_optimizer(model: nn.Module, settings: Optimization, depth: int) -> FusedAdamW:
    """Build AdamW over groups that share decay and learning rate.

    Each group's `lr_scale` is its share of the schedule's rate.

    Args:
        model: In pre-training or fine-tuning form.
        settings: Betas, decay, and layer decay.
        depth: Blocks of the encoder.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        decays = parameter.ndim > 1 and name not in NO_DECAY_NAMES
        scale = settings.layer_decay ** (depth + 1 - layer_of(name, depth))
        key = (settings.weight_decay if decays else 0.0, scale)
        groups.setdefault(key, []).append(parameter)
    listed = [
        {"params": members, "weight_decay": decay, "lr_scale": scale}
        for (decay, scale), members in groups.items()
    ]
    return FusedAdamW(listed, lr=0.0, betas=settings.betas, eps=1e-8, fused=True)


def layer_of(name: str, depth: int) -> int:
    """Return a parameter's layer: 0 patch embedding, 1 to depth the blocks, depth + 1 the rest.

    Source: BEiT (arXiv 2106.08254) as used by VideoMAE V2.
    """
    if name.startswith("patch_embed."):
        return 0
    block = re.match(r"blocks\.(\d+)\.", name)
    return int(block[1]) + 1 if block else depth + 1


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group its share of the learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]
