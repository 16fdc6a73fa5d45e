"""Makes the eight-bit YOLOX-nano that ships with the package out of the ONNX file that does.

    python -m benchmarks.quantize_yolox --out yolox_nano.tflite [--shared ../shared]

The network is written anew as TensorFlow Lite, which XNNPACK runs: bytes in, whole numbers behind
the first layers, and of eighty classes the persons and animals out, with the features that classes
and boxes are read from. How far the values between layers reach is measured by
`benchmarks.value_ranges`.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as tfl
from onnx import numpy_helper

from benchmarks.lite_graph import BUILTINS, Builder, Range
from benchmarks.persons_footage import calibration_pictures
from benchmarks.value_ranges import measure_ranges
from hashtag2action.vision.weights import YOLOX_NANO, shipped
from hashtag2action.vision.yolox import ANIMALS, PERSON

KEPT_CLASSES = (PERSON, *ANIMALS)
# Of TensorFlow Lite's `space_to_depth`: rows before columns; YOLOX's own: columns before rows, BGR.
_FOCUS_ORDER = [block * 3 + (2 - color) for block in (0, 2, 1, 3) for color in range(3)]

# Where the features of classes and of boxes go, behind the three answers of a grid.
_FEATURES = {2: 3, 0: 4}


def main() -> None:
    """Measure, convert and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    given = parser.parse_args()
    model = onnx.load(str(shipped(YOLOX_NANO)))
    ranges = measure_ranges(model, calibration_pictures(given.shared))
    given.out.write_bytes(Converter(model, ranges).convert())


class Converter:
    """Writes the nodes of YOLOX-nano anew, one after the other."""

    def __init__(self, model: onnx.ModelProto, ranges: dict[str, Range]):
        self._nodes = list(model.graph.node)
        self._weights = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
        self._made = Builder()
        self._ranges = ranges
        self._at: dict[str, int] = {}
        self._outputs: dict[str, int] = {}

    def convert(self) -> bytes:
        """Return the file."""
        start = self._made.activation(3, 1.0, -128)
        options = tfl.SpaceToDepthOptionsT()
        options.blockSize = 2
        focused = self._made.activation(12, 1.0, -128)
        self._made.operator(
            BUILTINS.SPACE_TO_DEPTH, [start], focused,
            tfl.BuiltinOptions.SpaceToDepthOptions, options,
        )  # fmt: skip
        # The first layers, whose channels differ a hundredfold, stay numbers with a point.
        focused = self._made.operator(
            BUILTINS.DEQUANTIZE, [focused], self._made.activation(12),
            tfl.BuiltinOptions.NONE, None,
        )  # fmt: skip
        first = next(k for k, node in enumerate(self._nodes) if node.op_type == "Conv")
        self._at[self._nodes[first].input[0]] = focused
        for node in self._nodes[first:]:
            if all(name in self._at or name in self._weights for name in node.input if name):
                self._convert(node)
        return self._made.pack([start], [self._outputs[name] for name in sorted(self._outputs)])

    def _convert(self, node: onnx.NodeProto) -> None:
        match node.op_type:
            case "Conv":
                self._conv(node)
            case "Sigmoid":
                self._sigmoid(node)
            case "Mul":
                self._pairwise(node, BUILTINS.MUL, tfl.BuiltinOptions.MulOptions, tfl.MulOptionsT())
            case "Add":
                self._pairwise(node, BUILTINS.ADD, tfl.BuiltinOptions.AddOptions, tfl.AddOptionsT())
            case "Concat":
                self._at[node.output[0]] = self._concat(
                    [self._at[name] for name in node.input], self._ranges.get(node.output[0])
                )
            case "MaxPool":
                self._pool(node)
            case "Resize" | "Upsample":
                self._double(node)
            case _:
                raise ValueError(f"no way to write {node.op_type}")

    def _conv(self, node: onnx.NodeProto) -> None:
        values = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        kernel, bias = (self._weights[name] for name in node.input[1:])
        if "head.cls_preds" in node.input[1]:
            kernel, bias = kernel[list(KEPT_CLASSES)], bias[list(KEPT_CLASSES)]
        if kernel.shape[1] == 12:
            kernel = kernel[:, _FOCUS_ORDER]
        start, stride = self._at[node.input[0]], values["strides"][0]
        if stride == 2:
            start = self._pad(start)
        is_deep = values["group"] > 1
        axes = (1, 2, 3, 0) if is_deep else (0, 2, 3, 1)
        kernel = np.ascontiguousarray(kernel.transpose(axes))
        channels = kernel.shape[3] if is_deep else kernel.shape[0]
        weights, biases = self._constants(start, kernel, bias, 3 if is_deep else 0)
        target = self._made.ranged(channels, self._ranges.get(node.output[0]))
        padding = tfl.Padding.VALID if stride == 2 else tfl.Padding.SAME
        options = tfl.DepthwiseConv2DOptionsT() if is_deep else tfl.Conv2DOptionsT()
        options.padding, options.strideH, options.strideW = padding, stride, stride
        options.dilationHFactor = options.dilationWFactor = 1
        if is_deep:
            options.depthMultiplier = 1
        self._at[node.output[0]] = self._made.operator(
            BUILTINS.DEPTHWISE_CONV_2D if is_deep else BUILTINS.CONV_2D,
            [start, weights, biases],
            target,
            tfl.BuiltinOptions.DepthwiseConv2DOptions if is_deep
            else tfl.BuiltinOptions.Conv2DOptions,
            options,
        )  # fmt: skip
        for place, head in enumerate(("reg", "obj", "cls")):
            if f"head.{head}_preds" in node.input[1]:
                level = node.input[1].split(".")[2]
                self._outputs[f"{level}{place}"] = self._at[node.output[0]]
                if place in _FEATURES:
                    self._outputs[f"{level}{_FEATURES[place]}"] = start

    def _constants(
        self, start: int, kernel: np.ndarray, bias: np.ndarray, axis: int
    ) -> tuple[int, int]:
        """Add a convolution's kernel, one scale a channel, and its bias."""
        made = self._made
        if made.is_float(start):
            kind = tfl.TensorType.FLOAT32
            return made.constant(kernel.astype(np.float32), kind), made.constant(bias, kind)
        others = tuple(k for k in range(4) if k != axis)
        scales = np.maximum(np.abs(kernel).max(axis=others) / 127, 1e-8)
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        steps = np.clip(np.round(kernel / scales.reshape(shape)), -127, 127).astype(np.int8)
        joint = scales * made.scale_of(start)
        biases = np.clip(np.round(bias / joint), -(2**31) + 1, 2**31 - 1).astype(np.int32)
        return (
            made.constant(steps, tfl.TensorType.INT8, scales, axis),
            made.constant(biases, tfl.TensorType.INT32, joint, 0),
        )

    def _like(self, index: int, channels: int) -> int:
        if self._made.is_float(index):
            return self._made.activation(channels)
        said = self._made.tensors[index].quantization
        return self._made.activation(channels, float(said.scale[0]), int(said.zeroPoint[0]))

    def _pad(self, start: int) -> int:
        rows = np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)
        around = self._made.constant(rows, tfl.TensorType.INT32)
        target = self._like(start, self._made.channels[start])
        kind = tfl.BuiltinOptions.PadOptions
        return self._made.operator(BUILTINS.PAD, [start, around], target, kind, tfl.PadOptionsT())

    def _sigmoid(self, node: onnx.NodeProto) -> None:
        start = self._at[node.input[0]]
        if start in self._outputs.values():
            return
        scale = None if self._made.is_float(start) else 1 / 256
        target = self._made.activation(self._made.channels[start], scale, -128)
        kind = tfl.BuiltinOptions.NONE
        self._at[node.output[0]] = self._made.operator(
            BUILTINS.LOGISTIC, [start], target, kind, None
        )

    def _pairwise(self, node: onnx.NodeProto, code: int, kind: int, options: Any) -> None:
        starts = [self._at[name] for name in node.input]
        reach = self._ranges.get(node.output[0])
        channels = self._made.channels[starts[0]]
        is_float = self._made.is_float(starts[0])
        target = self._made.ranged(channels, None if is_float else reach)
        made = self._made.operator(code, starts, target, kind, options)
        if is_float and reach:
            made = self._made.operator(
                BUILTINS.QUANTIZE, [made], self._made.ranged(channels, reach),
                tfl.BuiltinOptions.NONE, None,
            )  # fmt: skip
        self._at[node.output[0]] = made

    def _concat(self, starts: list[int], reach: Range | None) -> int:
        channels = sum(self._made.channels[start] for start in starts)
        options = tfl.ConcatenationOptionsT()
        options.axis = 3
        return self._made.operator(
            BUILTINS.CONCATENATION, starts, self._made.ranged(channels, reach),
            tfl.BuiltinOptions.ConcatenationOptions, options,
        )  # fmt: skip

    def _pool(self, node: onnx.NodeProto) -> None:
        values = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        start = self._at[node.input[0]]
        options = tfl.Pool2DOptionsT()
        options.padding, options.strideH, options.strideW = tfl.Padding.SAME, 1, 1
        options.filterHeight, options.filterWidth = values["kernel_shape"]
        target = self._like(start, self._made.channels[start])
        self._at[node.output[0]] = self._made.operator(
            BUILTINS.MAX_POOL_2D, [start], target, tfl.BuiltinOptions.Pool2DOptions, options
        )

    def _double(self, node: onnx.NodeProto) -> None:
        """Repeat rows and columns: as channels, which then become places, at any size."""
        start = self._at[node.input[0]]
        four = self._concat([start] * 4, self._ranges.get(node.input[0]))
        options = tfl.DepthToSpaceOptionsT()
        options.blockSize = 2
        self._at[node.output[0]] = self._made.operator(
            BUILTINS.DEPTH_TO_SPACE, [four], self._like(start, self._made.channels[start]),
            tfl.BuiltinOptions.DepthToSpaceOptions, options,
        )  # fmt: skip


if __name__ == "__main__":
    main()
