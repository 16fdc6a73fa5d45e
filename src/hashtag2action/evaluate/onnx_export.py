"""A classifier as ONNX: bytes in, logits out, any number of clips at once.

Pixels are normalized inside the graph, so who runs it cannot forget to. Checked under onnxruntime
against our own network, for one clip and for several.
"""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hashtag2action.errors import CheckpointError, ConfigError, MissingExtraError
from hashtag2action.evaluate.agreement import relative_difference, require
from hashtag2action.evaluate.recognizer import Card
from hashtag2action.models.layouts import Weights
from hashtag2action.models.vit import VisionTransformer

ONNX_TOLERANCE = 1e-4
"""Largest difference of logits, relative to the largest. Source: what this package promises."""

MAX_FILE_BYTES = 1_900_000_000
"""Largest weights of one file. Source: protobuf's limit of 2 GiB, with room for the graph."""

BATCHES = (1, 3)
"""Numbers of clips that are tried. Chosen: the usual one, and one the exporter has not seen."""


def export_onnx(
    path: Path, weights: Weights, card: Card, opset: int, max_bytes: int = MAX_FILE_BYTES
) -> dict[str, float]:
    """Write a classifier and compare it with ours.

    Args:
        path: File to write.
        weights: A classifier.
        card: What is known about its use; it goes into the file's metadata.
        opset: Version of the operators.
        max_bytes: Weights larger than this go into a second file, `path` with `.data` after it,
            which the first one knows by its name.

    Returns:
        Largest differences, relative to the largest logit, by number of clips.

    Raises:
        ConfigError: It is no classifier.
        MissingExtraError: The packages that write and run ONNX are not installed.
        CheckpointError: The file computes something else.
    """
    onnx, _ = _packages()
    if weights.kind != "classifier":
        raise ConfigError(f"only a classifier is exported to ONNX; this is the {weights.kind}")
    model = _model(weights, card)
    network = card.network
    shape = (2, 3, network.num_frames, network.size_px, network.size_px)
    with _quiet():
        program = torch.onnx.export(
            model,
            (torch.zeros(shape, dtype=torch.uint8),),
            dynamo=True,
            opset_version=opset,
            input_names=["clips"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1 << 16)},),
            verbose=False,
        )
    assert program is not None, "the exporter returns a program unless it writes a file itself"
    for name, value in card.metadata().items():
        program.model.metadata_props[name] = value
    program.model.metadata_props["class_names"] = json.dumps(card.class_names)
    num_bytes = sum(parameter.nbytes for parameter in model.parameters())
    program.save(path, external_data=num_bytes > max_bytes)
    onnx.checker.check_model(str(path))
    return _compare(path, model, card, ONNX_TOLERANCE, "ours against onnxruntime")


def quantize(path: Path, weights: Weights, card: Card) -> dict[str, float]:
    """Write a second file, with weights of eight bits, and say how far it is from ours."""
    onnx, _ = _packages()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = path.with_name(f"{path.stem}-int8.onnx")
    whole = onnx.load(path)
    # Shapes the exporter noted are of weights before they are turned; they are inferred anew.
    del whole.graph.value_info[:]
    with _quiet():
        quantize_dynamic(
            whole, small, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"]
        )
    return _compare(small, _model(weights, card), card, None, "ours against eight bits")


@torch.no_grad()
def _compare(
    path: Path, model: VisionTransformer, card: Card, tolerance: float | None, what: str
) -> dict[str, float]:
    _, runtime = _packages()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    network = card.network
    differences: dict[str, float] = {}
    for batch in BATCHES:
        rng = np.random.default_rng(batch)
        shape = (batch, 3, network.num_frames, network.size_px, network.size_px)
        clips = rng.integers(0, 256, shape, np.uint8)
        (found,) = session.run(["logits"], {"clips": clips})
        expected: Tensor = model(torch.from_numpy(clips))
        difference = relative_difference(expected, torch.from_numpy(np.asarray(found)))
        if tolerance is not None:
            require(difference, tolerance, f"written as ONNX, {batch} clips")
        differences[f"{what}, {batch} clip{'s' if batch > 1 else ''}"] = difference
    return differences


def _model(weights: Weights, card: Card) -> VisionTransformer:
    model = card.network.build_recognizer(len(card.class_names), card.trained_grid)
    state = {name: tensor.read().float() for name, tensor in weights.tensors.items()}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"{weights.path}: does not fit its own card: {error}") from error
    return model.eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to themselves what exporters say about themselves: it concerns their makers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _packages() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - torch's exporter needs it, and says so less clearly
    except ImportError as error:
        raise MissingExtraError("onnx", "onnx") from error
    return onnx, onnxruntime
