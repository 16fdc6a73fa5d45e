"""The README of exported weights: what they are, and which figures are whose."""

from typing import Any

import yaml

from hashtag2action.evaluate.cards import FRAMES_PER_S
from hashtag2action.evaluate.paper import PAPER, PAPER_TOP1
from hashtag2action.evaluate.recognizer import Card
from hashtag2action.models.layouts import Kind, Weights

NOT_SAID = "not said"
"""Stands where nobody told: a card does not guess."""


def model_card(
    weights: Weights,
    card: Card,
    license_name: str | None,
    data: str | None,
    measured: dict[str, Any] | None,
    difference_as_delivered: float,
) -> str:
    """Write the card as Markdown with the header that Hugging Face reads.

    Args:
        weights: What was exported.
        card: What is known about its use.
        license_name: Licence of the weights, as its user knows it.
        data: What they were trained on, in the user's words.
        measured: A `metrics.json` of `h2a evaluate` for these weights.
        difference_as_delivered: How far outputs of `transformers` are from ours, as a share.
    """
    header: dict[str, Any] = {
        "library_name": "transformers",
        "tags": ["videomae", "video-classification", "hashtag2action"],
    }
    if weights.kind == "classifier":
        header["pipeline_tag"] = "video-classification"
    if license_name:
        header["license"] = license_name
    parts = [
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n",
        f"# VideoMAE V2, {card.network.variant}, {weights.kind}\n",
        _what(weights, card),
        _use(weights.kind, card),
        f"## Data\n\nTrained on: {data or NOT_SAID}.\n",
        _measured(measured),
        _reported(),
        f"## Licence\n\n{license_name or NOT_SAID}. The licence of weights is a matter between you "
        "and who trained them; this export changes nothing about it.\n",
        _limits(weights.kind, card, difference_as_delivered),
    ]
    return "\n".join(parts)


def _what(weights: Weights, card: Card) -> str:
    network = card.network
    dtype = str(next(iter(weights.tensors.values())).dtype).removeprefix("torch.")
    rows = {
        "network": f"{network.variant}, patches of {_patch(weights)} px, tubelets of 2 frames",
        "clip": f"{network.num_frames} frames of {network.size_px} x {network.size_px} px",
        "sampling": f"{card.sampling.kind}, {card.sampling.stride_s:.4g} s from frame to frame",
        "classes": str(len(card.class_names) or "none: pre-training form"),
        "numbers": dtype,
        "converted from": weights.origin,
    }
    lines = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"## What it is\n\n| | |\n|---|---|\n{lines}\n"


def _patch(weights: Weights) -> int:
    name = next(name for name in weights.tensors if name.endswith("patch_embed.proj.weight"))
    return weights.tensors[name].shape[-1]


def _use(kind: Kind, card: Card) -> str:
    if kind == "classifier":
        # Whole frames, at the usual rate: the pipeline counts frames, not time.
        rate = max(1, round(card.sampling.stride_s * FRAMES_PER_S))
        code = (
            "from transformers import pipeline\n"
            'classify = pipeline("video-classification", model="PATH")\n'
            f'print(classify("video.mp4", frame_sampling_rate={rate}))\n'
        )
    else:
        code = (
            "from transformers import VideoMAEForPreTraining\n"
            'model = VideoMAEForPreTraining.from_pretrained("PATH")\n'
        )
    return f"## Use\n\n```python\n{code}```\n"


def _measured(measured: dict[str, Any] | None) -> str:
    title = "## Results measured for these weights\n\n"
    if measured is None:
        return f"{title}None. Nobody measured these weights with this package.\n"
    rows = "\n".join(
        f"| {label} | {measured[key]:.4g} |"
        for key, label in (
            ("top1", "top-1"),
            ("top5", "top-5"),
            ("mean_class_accuracy", "mean class accuracy"),
        )
        if isinstance(measured.get(key), (int, float))
    )
    clips, views = measured.get("num_clips", NOT_SAID), measured.get("num_views", NOT_SAID)
    return (
        f"{title}By `h2a evaluate`, {clips} clips, {views} views of each.\n\n"
        f"| figure | value |\n|---|---|\n{rows}\n"
    )


def _reported() -> str:
    rows = "\n".join(f"| {name} | {value:.4f} |" for name, value in PAPER_TOP1.items())
    return (
        f"## Results reported by the paper\n\nBy {PAPER}, for its own ViT-g, in its own "
        "measurement. They say nothing about these weights unless these are the paper's.\n\n"
        f"| benchmark | top-1, ViT-g |\n|---|---|\n{rows}\n"
    )


def _limits(kind: Kind, card: Card, difference: float) -> str:
    lines = [
        "`transformers` computes two norms with another epsilon (1e-5 for 1e-6): outputs as "
        f"delivered differ by {difference:.2g} of the largest, and by rounding alone once it is "
        "set.",
    ]
    if kind == "classifier":
        lines += [
            "It names the class it finds most likely, also where none of them is to be seen.",
            "Its classes are those of its training set; people and places that are rare there are "
            "recognized less well.",
            f"`pipeline` looks at the first frames of a video ({card.network.num_frames} times "
            "`frame_sampling_rate`), one view; figures above are means over views.",
        ]
    else:
        lines += [
            "It recognizes nothing before it is fine-tuned.",
            "The class of `transformers` decodes all hidden tokens; weights trained to decode half "
            "of them, as VideoMAE V2's, meet more tokens there than in training.",
        ]
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines) + "\n"
