"""Weights in every format: equal after every round trip, safe to open, light to convert."""

import argparse
import builtins
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from benchmarks.figures import Figure
from hashtag2action.data.loader import Sampling
from hashtag2action.errors import CheckpointError
from hashtag2action.evaluate.convert import Conversion, convert
from hashtag2action.evaluate.predict import Predictor
from hashtag2action.evaluate.recognizer import Card, Network, save_network
from hashtag2action.models.layouts import Kind, Size, expected_shapes, open_weights
from hashtag2action.models.torch_files import open_torch_file

SMALL = Network(variant="vit_s")
"""The smallest published size, at its published clip."""

MEMORY_BAR = 2.0
"""Largest growth of memory, in largest tensors. Source: what this package promises."""


def formats(shared: Path, out: Path) -> list[Figure]:
    """Send ViT-S there and back, and classify a real video from a folder of Hugging Face."""
    figures = []
    out.mkdir(parents=True, exist_ok=True)
    for kind, names in (("classifier", tuple(f"class {n}" for n in range(400))), ("pretrain", ())):
        first = _weights(out / f"{kind}.safetensors", names)
        for to in ("safetensors", "official", "huggingface"):
            there = convert(first, Conversion(to=to), out / f"{kind}-{to}")
            back = convert(there.path, Conversion(to="safetensors"), out / f"{kind}-{to}-back")
            differing = _differing(first, back.path)
            figures.append(
                Figure(
                    f"{kind}: tensors changed by {to} and back", str(differing), "0", differing == 0
                )
            )
            exact = {k: v for k, v in there.differences.items() if "as delivered" not in k}
            bar = 1e-5 if to == "huggingface" else 0.0
            figures += [_below(f"{kind}: {name}", value, bar) for name, value in exact.items()]
    done = convert(out / "classifier.safetensors", Conversion(to="onnx"), out / "classifier.onnx")
    figures += [_below(f"classifier: {k}", v, 1e-4) for k, v in done.differences.items()]
    figures.append(_pipeline(shared, out))
    shutil.rmtree(out)
    return figures


def hostile(out: Path) -> list[Figure]:
    """Open files that want to run something: all must be refused, and nothing may run."""
    out.mkdir(parents=True, exist_ok=True)
    ran = out / "ran"
    calls = {
        "os.system": (os.system, (f"touch {ran}",)),
        "eval": (builtins.eval, (f"open({str(ran)!r}, 'w')",)),
        "exec": (builtins.exec, (f"open({str(ran)!r}, 'w')",)),
        "open": (open, (str(ran), "w")),
        "getattr": (getattr, ("text", "upper")),
        "subprocess": (subprocess.run, (["touch", str(ran)],)),
        "torch.load": (torch.load, (str(ran),)),
        "a module": (torch.nn.Linear, (2, 2)),
    }
    refused = total = 0
    for function, arguments in calls.values():
        for is_zip in (True, False):
            path = out / "hostile.pth"
            content = {"model": {"a": torch.zeros(2)}, "args": _Calls(function, arguments)}
            torch.save(content, path, _use_new_zipfile_serialization=is_zip)
            total += 1
            try:
                open_torch_file(path)
            except CheckpointError as error:
                refused += "refused: the file asks for" in str(error)
    has_run = ran.exists()
    shutil.rmtree(out)
    return [
        Figure("hostile files refused by name", f"{refused} of {total}", "all", refused == total),
        Figure("hostile files that ran", "some" if has_run else "0", "0", not has_run),
    ]


def memory(out: Path) -> list[Figure]:
    """Convert checkpoints as large as the released ones, in processes of their own."""
    figures = []
    for name, targets in (
        ("vit_b", ("safetensors", "official", "huggingface")),
        ("vit_g", ("safetensors",)),
    ):
        path = write_sparse_checkpoint(out / f"{name}.pth", name, with_optimizer=True)
        gigabytes = path.stat().st_size / 1e9
        for to in targets:
            growth, largest = growth_apart(path, to, out / f"{name}-{to}")
            ratio = growth / largest
            figures.append(
                Figure(
                    f"{name}, {gigabytes:.1f} GB to {to}: own memory / largest tensor",
                    f"{ratio:.2f}",
                    f"<= {MEMORY_BAR:.1f}",
                    ratio <= MEMORY_BAR,
                )
            )
        shutil.rmtree(out)
    return figures


def sizes(shared: Path, out: Path) -> list[Figure]:
    """Compare names and shapes of all published sizes with the official ones."""
    path = shared / "fixtures/videomaev2_keys.json"
    if not path.is_file():
        return [Figure("names and shapes equal upstream's", f"no {path}", "10 of 10", False)]
    upstream = json.loads(path.read_text(encoding="utf-8"))
    patches = {"vit_g": 14}
    equal = 0
    for name, word in zip("sblhg", ("small", "base", "large", "huge", "giant"), strict=True):
        variant = f"vit_{name}"
        patch = patches.get(variant, 16)
        kinds: list[tuple[Kind, str, Size]] = [
            ("classifier", f"finetune_{word}_k400", Size(variant, patch, None, 400)),
            ("pre-training form", f"pretrain_{word}", Size(variant, patch, 4, 0)),
        ]
        for kind, key, size in kinds:
            expected = {k: tuple(shape) for k, shape in upstream[key].items()}
            equal += expected_shapes(kind, size) == expected
    return [Figure("names and shapes equal upstream's", f"{equal} of 10", "10 of 10", equal == 10)]


def write_sparse_checkpoint(path: Path, variant: str, *, with_optimizer: bool) -> Path:
    """Write a checkpoint in the official layout that takes no room: all its numbers are holes.

    Args:
        path: File to write.
        variant: Size of the network, in pre-training form.
        with_optimizer: Add AdamW's two moments, as the released files have them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shapes = expected_shapes(
        "pre-training form", Size(variant, 14 if variant == "vit_g" else 16, 4, 0)
    )
    # Memory that is never touched is never given.
    content = {
        "model": {name: torch.empty(shape) for name, shape in shapes.items()},
        "epoch": 298,
        "scaler": {"scale": 65536.0},
        "args": argparse.Namespace(num_frames=16, input_size=224, sampling_rate=4),
    }
    if with_optimizer:
        moments = {
            place: {"step": 1, "exp_avg": torch.empty(shape), "exp_avg_sq": torch.empty(shape)}
            for place, shape in enumerate(shapes.values())
        }
        content["optimizer"] = {"state": moments, "param_groups": [{"lr": 1e-3}]}
    with torch.serialization.skip_data():
        torch.save(content, path)
    return path


def growth_apart(path: Path, to: str, out: Path) -> tuple[int, int]:
    """Convert in a process of its own; return growth of its memory and largest tensor, in bytes."""
    command = [sys.executable, "-m", "benchmarks.weights_memory", str(path), "--to", to]
    done = subprocess.run(
        [*command, "--out", str(out)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return found["growth_bytes"], found["largest_bytes"]


class _Calls:
    """Pickles as a call."""

    def __init__(self, function: object, arguments: tuple[object, ...]) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


def _weights(path: Path, names: tuple[str, ...]) -> Path:
    torch.manual_seed(0)
    model = SMALL.build_recognizer(len(names)) if names else SMALL.build_pretraining()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.02)
    save_network(model, path, Card(SMALL, names, Sampling(), SMALL.grid))
    return path


def _differing(one: Path, other: Path) -> int:
    before, after = load_file(one), load_file(other)
    changed = [
        name for name in before.keys() & after.keys() if not torch.equal(before[name], after[name])
    ]
    return len(changed) + len(before.keys() ^ after.keys())


def _below(name: str, value: float, bar: float) -> Figure:
    return Figure(name, f"{value:.2g}", f"<= {bar:.2g}", value <= bar)


def _pipeline(shared: Path, out: Path) -> Figure:
    """Compare `pipeline` with our network on the frames that `pipeline` looks at."""
    name = "classifier: pipeline opens offline and names our top class"
    video = shared / "data/samples/basketball.mp4"
    if not video.is_file():
        return Figure(name, f"no {video}", "yes", False)
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import pipeline

    folder = out / "classifier-huggingface"
    found = pipeline("video-classification", model=str(folder))(str(video), top_k=1)
    predictor = Predictor.open(folder)
    weights = open_weights(folder)
    ours = predictor.guesses(_first_frames(video, folder, weights.settings["num_frames"]), top=1)
    is_same = found[0]["label"] == ours[0].name
    return Figure(
        name, "yes" if is_same else f"{found[0]['label']}, {ours[0].name}", "yes", is_same
    )


def _first_frames(video: Path, folder: Path, num_frames: int) -> torch.Tensor:
    import av
    from transformers import AutoImageProcessor

    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    processor = AutoImageProcessor.from_pretrained(folder)
    pixels = processor(frames[:num_frames], return_tensors="pt").pixel_values
    return pixels.transpose(1, 2)
