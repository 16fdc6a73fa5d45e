"""How far the values between the layers of YOLOX-nano reach, for whole numbers of eight bits.

The first layers keep floats: their channels differ a hundredfold, and one step for all of them
costs half of the accuracy. They end at `FLOATS_END`; chosen: with it, the area under the curve of
persons in composed footage stays within 0.001 of that of the floats, at three fifths of the time.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime

from benchmarks.lite_graph import Range
from hashtag2action.vision.yolox import GRAY, whole_cells

FLOATS_END = "input.83"
"""Output of the first convolution behind the second halving."""
LONG_SIDES_PX = (416, 640)
_SAMPLES = 800  # a tensor and picture; chosen: enough of the tails
_HEAD = Range(-9.0, 5.0)  # log odds; chosen: 0.0001 to 0.993, and nothing asks beyond
# Candidates for the ends of a range: silu of less than -10 is a hair below none.
_LOWS = (-10.0, -8.0, -6.0, -5.0, -4.0, -3.5, -3.0, -2.5, -2.0)
_SHARES = (1.0, 0.9, 0.8, 0.7)


def measure_ranges(model: onnx.ModelProto, pictures: Sequence[np.ndarray]) -> dict[str, Range]:
    """Return the range of each tensor that becomes whole numbers.

    Args:
        model: YOLOX-nano.
        pictures: RGB, each uint8 (H, W, 3) of any size.
    """
    nodes = [node for node in model.graph.node if node.op_type in {"Conv", "Mul", "Add"}]
    names = [node.output[0] for node in nodes]
    ranges, samples = _run(model, names, pictures)
    heads = {node.output[0]: node.input[1] for node in nodes if "head." in "".join(node.input)}
    for node in nodes:
        name = node.output[0]
        if name in heads:
            ranges[name] = ranges[name] if "reg_preds" in heads[name] else _HEAD
        elif node.op_type == "Conv":
            ranges[name] = _least_error(ranges[name], samples[name])
    _tie(model, ranges, set(heads))
    for node in model.graph.node:
        if node.output[0] == FLOATS_END:
            break
        ranges.pop(node.output[0], None)
    return ranges


def _run(
    model: onnx.ModelProto, names: Sequence[str], pictures: Sequence[np.ndarray]
) -> tuple[dict[str, Range], dict[str, np.ndarray]]:
    """Return how far each tensor reaches over all pictures, and samples of its values."""
    open_model = onnx.ModelProto()
    open_model.CopyFrom(model)
    for name in names:
        open_model.graph.output.append(onnx.helper.make_tensor_value_info(name, 1, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        open_model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    rng = np.random.default_rng(0)
    ranges: dict[str, Range] = defaultdict(Range)
    samples: dict[str, list[np.ndarray]] = defaultdict(list)
    for number, picture in enumerate(pictures):
        given = {"images": _fit(picture, LONG_SIDES_PX[number % len(LONG_SIDES_PX)])}
        for name, values in zip(names, session.run(names, given), strict=True):
            flat = np.asarray(values).ravel()
            ranges[name].widen(float(flat.min()), float(flat.max()))
            samples[name].append(flat[rng.integers(0, len(flat), _SAMPLES)])
    return dict(ranges), {name: np.concatenate(some) for name, some in samples.items()}


def _fit(picture: np.ndarray, long_side_px: int) -> np.ndarray:
    height, width = picture.shape[:2]
    ratio = long_side_px / max(height, width)
    inner = round(width * ratio), round(height * ratio)
    resampling = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    fitted = np.full((whole_cells(inner[1]), whole_cells(inner[0]), 3), GRAY, np.uint8)
    fitted[: inner[1], : inner[0]] = cv2.resize(picture, inner, interpolation=resampling)
    return np.ascontiguousarray(fitted[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)


def _least_error(reach: Range, values: np.ndarray) -> Range:
    """Cut a range where that makes the error of silu, which follows, least."""
    wanted = _silu(values)
    best, least = reach, np.inf
    for low in _LOWS:
        for share in _SHARES:
            tried = Range(max(low, reach.low), reach.high * share)
            step = tried.step
            zero = round(-128 - tried.low / step)
            rounded = (np.clip(np.round(values / step) + zero, -128, 127) - zero) * step
            error = float(((_silu(rounded) - wanted) ** 2).mean())
            if error < least:
                best, least = tried, error
    return best


def _silu(values: np.ndarray) -> np.ndarray:
    return values / (1 + np.exp(-values))


def _tie(model: onnx.ModelProto, ranges: dict[str, Range], heads: set[str]) -> None:
    """Give tensors that are only joined, pooled or doubled one range."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.get(name, name) != name:
            name = root[name]
        return name

    for node in model.graph.node:
        if node.op_type in {"Concat", "MaxPool", "Resize"}:
            first, *rest = [*node.input[: 1 if node.op_type == "Resize" else None], *node.output]
            for name in rest:
                root[find(name)] = find(first)
    groups: dict[str, list[Any]] = defaultdict(list)
    for name in {*root, *root.values()}:
        groups[find(name)].append(name)
    for names in groups.values():
        known = [ranges[name] for name in names if name in ranges]
        if known and not heads & set(names):
            joint = Range(min(one.low for one in known), max(one.high for one in known))
            ranges.update(dict.fromkeys(names, joint))
