"""Our step against a plain one, Hugging Face's, and its own matrix products alone.

ViT-B, 16 frames of 224 px, two clips, one thread. All sides of a comparison take turns in one
process, and what is compared is CPU time: each figure is the median over rounds of the ratio of a
round, with the least and the largest. Where two others are named, the faster one counts. Ours is
set up as training sets it up: in bf16 the gradients of linear layers stay in bf16. A CPU that has
to emulate bf16 says nothing about it, and would take hours: its rows of bf16 are not measured.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.figures import Figure, Part
from benchmarks.plain_videomae import PlainClassifier, PlainPretraining
from benchmarks.step_products import matrix_products
from hashtag2action.data.loader import Batch
from hashtag2action.models.huggingface import configuration
from hashtag2action.models.linear_bf16 import bf16_gradients
from hashtag2action.models.masking import MaskPair
from hashtag2action.models.pixels import IMAGENET_MEAN, IMAGENET_STD
from hashtag2action.models.processor import multiplies_bf16
from hashtag2action.models.variants import VARIANTS
from hashtag2action.models.videomae import VideoMAE
from hashtag2action.models.vit import VisionTransformer
from hashtag2action.train.objective import MaskedReconstruction, Masking
from hashtag2action.train.optim import Optimization, make_optimizer

SIZE = VARIANTS["vit_b"]
CLIPS = 2
CLASSES = 400
WIDTHS = {"embed_dim": SIZE.embed_dim, "depth": SIZE.depth, "num_heads": SIZE.num_heads}
DECODER = {
    "decoder_embed_dim": SIZE.decoder_embed_dim,
    "decoder_depth": SIZE.decoder_depth,
    "decoder_num_heads": SIZE.decoder_num_heads,
}
Step = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """A figure: which step against the fastest of which others, and the bars of both precisions."""

    name: str
    one: str
    others: tuple[str, ...]
    bars: dict[str, float]


PRETRAINING = (
    Row("pre-train, dual: ours / plain", "ours", ("plain",), {"bf16": 0.83, "fp32": 0.60}),
    Row(
        "pre-train, dual, with AdamW: ours / plain",
        "ours and AdamW",
        ("plain and AdamW",),
        {"bf16": 0.75, "fp32": 0.60},
    ),
    Row(
        "pre-train: ours, dual / Hugging Face, single mask",
        "ours",
        ("sdpa", "eager"),
        {"bf16": 0.42, "fp32": 0.45},
    ),
    Row(
        "pre-train, V1: ours / Hugging Face",
        "ours, V1",
        ("sdpa", "eager"),
        {"bf16": 0.68, "fp32": 0.67},
    ),
    Row(
        "pre-train: ours / the same products alone",
        "ours",
        ("products",),
        {"bf16": 1.25, "fp32": 1.25},
    ),
)
RECOGNITION = (
    Row(
        "fine-tune: ours / the faster other",
        "ours, train",
        ("plain, train", "sdpa, train", "eager, train"),
        {"bf16": 0.80, "fp32": 0.90},
    ),
    Row(
        "inference: ours / the faster other",
        "ours",
        ("plain", "sdpa", "eager"),
        {"bf16": 0.70, "fp32": 0.90},
    ),
)
MEMORY = Row(
    "pre-train: peak memory of the step, ours / plain",
    "ours",
    ("plain",),
    {"bf16": 0.80, "fp32": 0.80},
)


def parts() -> list[Part]:
    """Return the parts, each resumable by itself."""
    kinds = (
        ("pretrain", pretraining, PRETRAINING),
        ("finetune", recognition, RECOGNITION),
        ("memory", memory, (MEMORY,)),
    )
    found: list[Part] = [("step-equality", equality)]
    for precision in ("bf16", "fp32"):
        is_emulated = precision == "bf16" and not multiplies_bf16("cpu")
        for kind, measured, rows in kinds:
            part = partial(not_measured, rows) if is_emulated else partial(measured, precision)
            found.append((f"step-{precision}-{kind}", part))
    return found


def not_measured(rows: Sequence[Row], _: Path) -> list[Figure]:
    """Say of rows of bf16 that this CPU does not multiply it, which is not ok."""
    value = "not measured: no bf16 instructions"
    return [Figure(f"{row.name}, bf16", value, _bar(row, "bf16"), False) for row in rows]


class Sides:
    """The same clips and masks for all sides."""

    def __init__(self, decoder_mask_ratio: float = 0.5) -> None:
        generator = torch.Generator().manual_seed(0)
        shape = (CLIPS, 3, 16, 224, 224)
        self.clips = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1, 1)
        std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1, 1)
        self.pixels = (self.clips / 255 - mean) / std
        self.labels = torch.tensor([3, 5])
        self.batch = Batch(0, self.clips, self.labels, ["a", "b"], 0, list(range(CLIPS)))
        torch.manual_seed(0)
        self.ours = VideoMAE.from_variant("vit_b")
        masking = Masking(decoder_mask_ratio=decoder_mask_ratio)
        self.objective = MaskedReconstruction(masking, self.ours.grid, 16, 2, seed=0)
        self.masks: MaskPair = self.objective.masks(0, self.batch.numbers)
        hidden = torch.ones(CLIPS, self.ours.grid.num_tokens, dtype=torch.bool)
        self.hidden = hidden.scatter(1, self.masks.visible_idx, value=False)
        self.not_decoded = hidden.scatter(1, self.masks.decoded_idx, value=False)

    def our_loss(self) -> Tensor:
        outcome = self.objective(self.ours, self.batch)
        return outcome.loss / outcome.num_losses

    def plain(self) -> PlainPretraining:
        model = PlainPretraining(**WIDTHS, **DECODER)
        model.load_state_dict(self.ours.state_dict())
        return model


def equality(_: Path) -> list[Figure]:
    """Compare loss and gradients of ours and the plain form, in float32."""
    torch.set_num_threads(1)
    sides = Sides()
    plain = sides.plain()
    ours, theirs = sides.our_loss(), plain.loss(sides.pixels, sides.hidden, sides.not_decoded)
    ours.backward()
    theirs.backward()
    others = dict(plain.named_parameters())
    worst = max(
        _relative(parameter.grad, others[name].grad)
        for name, parameter in sides.ours.named_parameters()
    )
    return [
        _below("pre-train step: loss against the plain form's", _relative(ours, theirs), 1e-5),
        _below("pre-train step: worst gradient against the plain form's", worst, 1e-5),
    ]


def pretraining(precision: str, _: Path) -> list[Figure]:
    """Time the pre-training steps."""
    torch.set_num_threads(1)
    dual, single = Sides(), Sides(decoder_mask_ratio=0.0)
    plain, theirs = dual.plain(), _huggingface(None)
    optimizer = make_optimizer(dual.ours, Optimization(), SIZE.depth)
    plain_optimizer = torch.optim.AdamW(plain.parameters())
    plain_loss = partial(plain.loss, dual.pixels, dual.hidden, dual.not_decoded)
    videos = dual.pixels.transpose(1, 2)

    def their_loss() -> Tensor:
        return theirs(pixel_values=videos, bool_masked_pos=single.hidden).loss

    trains = partial(train, precision)
    steps: dict[str, Step] = {
        "ours": partial(trains, dual.ours, dual.our_loss),
        "plain": partial(trains, plain, plain_loss),
        "ours, V1": partial(trains, single.ours, single.our_loss),
        "sdpa": partial(trains, theirs, their_loss, "sdpa"),
        "eager": partial(trains, theirs, their_loss, "eager"),
        "products": matrix_products(SIZE, CLIPS, precision),
        "ours, AdamW": optimizer.step,
        "plain, AdamW": plain_optimizer.step,
    }
    with gradients(precision, dual.ours), gradients(precision, single.ours):
        seconds = _take_turns(steps, rounds=15 if precision == "bf16" else 4)
    for one in ("ours", "plain"):
        pairs = zip(seconds[one], seconds[f"{one}, AdamW"], strict=True)
        seconds[f"{one} and AdamW"] = [sum(pair) for pair in pairs]
    return [_ratio(row, seconds, precision) for row in PRETRAINING]


def recognition(precision: str, _: Path) -> list[Figure]:
    """Time fine-tuning and inference, on all 1,568 tokens."""
    torch.set_num_threads(1)
    sides = Sides()
    ours = VisionTransformer.from_variant("vit_b", num_classes=CLASSES)
    plain = PlainClassifier(num_classes=CLASSES, **WIDTHS)
    plain.load_state_dict(ours.state_dict())
    theirs = _huggingface(CLASSES)
    videos = sides.pixels.transpose(1, 2)
    logits: dict[str, tuple[torch.nn.Module, Callable[[], Tensor], str]] = {
        "ours": (ours, lambda: ours(sides.clips), ""),
        "plain": (plain, lambda: plain(sides.pixels), ""),
        "sdpa": (theirs, lambda: theirs(pixel_values=videos).logits, "sdpa"),
        "eager": (theirs, lambda: theirs(pixel_values=videos).logits, "eager"),
    }
    steps: dict[str, Step] = {}
    for name, (model, forward, attention) in logits.items():
        steps[f"{name}, train"] = partial(
            train, precision, model, partial(_entropy, forward, sides.labels), attention
        )
        steps[name] = partial(_infer, precision, model, forward, attention)
    with gradients(precision, ours):
        seconds = _take_turns(steps, rounds=3 if precision == "bf16" else 2)
    return [_ratio(row, seconds, precision) for row in RECOGNITION]


def memory(precision: str, _: Path) -> list[Figure]:
    """Measure the peak of a pre-training step, each side in a process of its own."""
    peaks = {}
    for side in ("ours", "plain"):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.step_memory", side, precision],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[1],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        peaks[side] = json.loads(done.stdout.splitlines()[-1])
    ratio = peaks["ours"]["step_bytes"] / peaks["plain"]["step_bytes"]
    name, is_ok = f"{MEMORY.name}, {precision}", ratio <= MEMORY.bars[precision]
    return [Figure(name, f"{ratio:.2f}", _bar(MEMORY, precision), is_ok)]


def gradients(precision: str, ours: torch.nn.Module) -> AbstractContextManager[None]:
    """Return the context in which our network gets its gradients as in training."""
    return bf16_gradients(ours) if precision == "bf16" else nullcontext()


def train(
    precision: str, model: torch.nn.Module, loss_of: Callable[[], Tensor], attention: str = ""
) -> None:
    """Do one step but for the optimizer's part."""
    if attention:
        model.set_attn_implementation(attention)  # pyright: ignore[reportCallIssue]
    model.train()
    model.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        loss = loss_of()
    loss.backward()


@torch.no_grad()
def _infer(
    precision: str, model: torch.nn.Module, forward: Callable[[], Tensor], attention: str
) -> None:
    if attention:
        model.set_attn_implementation(attention)  # pyright: ignore[reportCallIssue]
    model.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        forward()


def _entropy(forward: Callable[[], Tensor], labels: Tensor) -> Tensor:
    return F.cross_entropy(forward().float(), labels)


def _huggingface(num_classes: int | None) -> torch.nn.Module:
    import transformers

    names = [f"class {number}" for number in range(num_classes or 0)]
    depth = None if num_classes else SIZE.decoder_depth
    values = configuration(SIZE, depth, 16, 224, names)
    (name,) = values.pop("architectures")
    return getattr(transformers, name)(transformers.VideoMAEConfig(**values))


def _take_turns(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            spent = _cpu_seconds(step)
            if number:
                seconds[name].append(spent)
    return seconds


def _cpu_seconds(step: Step) -> float:
    begun = time.process_time()
    step()
    return time.process_time() - begun


def _ratio(row: Row, seconds: dict[str, list[float]], precision: str) -> Figure:
    other = min(row.others, key=lambda which: statistics.median(seconds[which]))
    ratios = [a / b for a, b in zip(seconds[row.one], seconds[other], strict=True)]
    middle = statistics.median(ratios)
    value = f"{middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    is_ok = middle <= row.bars[precision]
    return Figure(f"{row.name}, {precision}", value, _bar(row, precision), is_ok)


def _bar(row: Row, precision: str) -> str:
    return f"<= {row.bars[precision]:.2f}"


def _relative(ours: Tensor | None, theirs: Tensor | None) -> float:
    assert ours is not None
    assert theirs is not None
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def _below(name: str, value: float, bar: float) -> Figure:
    return Figure(name, f"{value:.1e}", f"<= {bar:.0e}", value <= bar)
