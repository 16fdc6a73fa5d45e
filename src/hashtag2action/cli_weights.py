"""Verbs that take weights: fetch, inspect, convert, predict, reconstruct. A part of `cli`."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hashtag2action.errors import MissingExtraError
from hashtag2action.terminal import render_table

app = typer.Typer(
    help="Weights of detectors and models.", no_args_is_help=True, rich_markup_mode=None
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
AnyWeights = Annotated[
    Path,
    typer.Argument(
        help="A .pth, .pt or .ckpt (official, DeepSpeed, Lightning), a safetensors file, a folder "
        "of Hugging Face or of a run.",
        show_default=False,
    ),
]
WeightsOption = Annotated[
    Path, typer.Option("--weights", help="A run's folder, or weights of any form.")
]
Video = Annotated[Path, typer.Argument(help="A video file.", show_default=False)]


@app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="A detector's release, for example yolox-nano.")],
    as_json: Json = False,
) -> None:
    """Bring a further detector from its official release, checked by SHA-256."""
    from hashtag2action.vision.releases import fetch, release_named

    release = release_named(name)
    files = fetch(release)
    lines = [f"{file.path}  SHA-256 {file.sha256} ({file.known})" for file in files]
    recipe = release.recipe.format(path=files[-1].path, folder=files[-1].path.parent)
    said = [{"path": f.path, "sha256": f.sha256, "known": f.known} for f in files]
    say({"files": said, "recipe": recipe}, "\n".join([*lines, f"recipe: {recipe}"]), as_json)


@app.command("inspect")
def inspect(file: AnyWeights, as_json: Json = False) -> None:
    """Say what a file of weights is: its form, size, classes, and what does not fit."""
    needs_torch()
    from hashtag2action.evaluate.inspection import in_words
    from hashtag2action.evaluate.inspection import inspect as run

    found = run(file)
    say(found, render_table(str(file), ["", ""], in_words(found)), as_json)


@app.command("convert")
def convert(
    file: AnyWeights,
    to: Annotated[str, typer.Option(help="safetensors, official, huggingface or onnx.")],
    out: Annotated[
        Path | None, typer.Option(help="File or folder to write; by default beside FILE.")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="Names of the classes, one a line, in label order.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Classes to keep, one a line: names, or places in the old order from 0."),
    ] = None,
    license_name: Annotated[
        str | None, typer.Option("--license", help="Licence of the weights, for the model card.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="What they were trained on, for the model card.")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="metrics.json of h2a evaluate, for the model card.")
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="ONNX: also weights of 8 bits.")] = False,
    as_json: Json = False,
) -> None:
    """Convert weights to another form, and check that both compute the same."""
    needs_torch()
    from hashtag2action.config import checked
    from hashtag2action.evaluate.convert import Conversion
    from hashtag2action.evaluate.convert import convert as run

    values = {
        "to": to,
        "classes": classes,
        "keep": keep,
        "license": license_name,
        "data": data,
        "results": results,
        "int8": int8,
    }
    done = run(file, checked(Conversion, values, "weights convert", are_options=True), out)
    rows = [
        ["from", done.source],
        ["network", f"{done.variant}, {done.kind}"],
        ["tensors", f"{done.num_tensors} with {done.num_parameters:,} numbers"],
        *([f"same input: {what}", f"{value:.3g}"] for what, value in done.differences.items()),
        *(["assumed", note] for note in done.notes),
    ]
    say(asdict(done), render_table(str(done.path), ["", ""], rows), as_json)


def predict(
    video: Video,
    weights: WeightsOption,
    top: Annotated[int, typer.Option(min=1, help="How many classes to name.")] = 5,
    picture: Annotated[
        Path | None, typer.Option(help="Draw frames and bars into this file, such as x.png.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Name the action in a video."""
    needs_torch()
    from hashtag2action.evaluate.predict import (
        Predictor,
        draw,
        require_picture_name,
        write_picture,
    )

    if picture is not None:
        require_picture_name(picture)
    predictor = Predictor.open(weights)
    views = predictor.look(video)
    guesses = predictor.guesses(views, top)
    if picture is not None:
        write_picture(picture, draw(views, guesses))
    rows = [[guess.name, f"{guess.probability:.4f}"] for guess in guesses]
    found = {"video": str(video), "guesses": [asdict(guess) for guess in guesses]}
    say(found, render_table(str(video), ["class", "probability"], rows), as_json)


def reconstruct(
    video: Video,
    weights: WeightsOption,
    out: Annotated[
        Path | None, typer.Option(help="Picture to write; by default VIDEO-reconstructed.png.")
    ] = None,
    mask_ratio: Annotated[float, typer.Option(help="Share hidden from the encoder.")] = 0.9,
    decoder_mask_ratio: Annotated[
        float, typer.Option(help="As in training; 0 for weights of the first VideoMAE.")
    ] = 0.5,
    columns: Annotated[int, typer.Option(min=1, help="Frames of the picture.")] = 8,
    as_json: Json = False,
) -> None:
    """Draw a clip of a video: original, what the encoder saw, what the network made of it."""
    needs_torch()
    from hashtag2action.config import checked
    from hashtag2action.train.objective import Masking
    from hashtag2action.train.reconstruct import reconstruct_video

    ratios = {"mask_ratio": mask_ratio, "decoder_mask_ratio": decoder_mask_ratio}
    path = out or Path(f"{video.stem}-reconstructed.png")
    masking = checked(Masking, ratios, "reconstruct", are_options=True)
    error = reconstruct_video(video, weights, path, masking, columns)
    text = f"{path}: original, seen, reconstructed; mean error of hidden pixels {error:.4f} of 1"
    say({"picture": str(path), "error": error}, text, as_json)


def needs_torch() -> None:
    """Refuse early, with the name of the extra."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise MissingExtraError("torch", "train")


def say(values: Any, text: str, as_json: bool) -> None:
    """Print for a person or for a machine; of several processes of torchrun, the first does."""
    if os.environ.get("RANK", "0") != "0":
        return
    print(json.dumps(values, indent=1, default=str) if as_json else text)
