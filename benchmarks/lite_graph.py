"""TensorFlow Lite graphs, written tensor by tensor."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tfl

BUILTINS = tfl.BuiltinOperator
# The edition of each operator that knows whole numbers.
_VERSIONS = {BUILTINS.CONV_2D: 3, BUILTINS.DEPTHWISE_CONV_2D: 3, BUILTINS.DEPTH_TO_SPACE: 1}


@dataclass
class Range:
    """How far the values of one tensor reach."""

    low: float = 0.0
    high: float = 0.0

    @property
    def step(self) -> float:
        """What one of 255 steps is worth."""
        return max(self.high - self.low, 1e-3) / 255

    def widen(self, low: float, high: float) -> None:
        """Make room for values."""
        self.low, self.high = min(self.low, low), max(self.high, high)


@dataclass
class Builder:
    """A TensorFlow Lite graph in the making."""

    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [tfl.BufferT()])
    operators: list[Any] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    channels: dict[int, int] = field(default_factory=dict)

    def constant(self, values: np.ndarray, kind: int, scales: Any = None, axis: int = 0) -> int:
        """Add a tensor of fixed values."""
        buffer = tfl.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.buffers.append(buffer)
        tensor = tfl.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(values.shape), kind, len(self.buffers) - 1
        if scales is not None:
            tensor.quantization = _quantization(scales, [0] * len(scales), axis)
        return self._append(tensor)

    def activation(self, channels: int, scale: float | None = None, zero: int = 0) -> int:
        """Add a tensor that is computed, of whole numbers if it has a scale, at any size."""
        tensor = tfl.TensorT()
        tensor.shape, tensor.shapeSignature = [1, 1, 1, channels], [1, -1, -1, channels]
        tensor.type = tfl.TensorType.FLOAT32 if scale is None else tfl.TensorType.INT8
        if scale is not None:
            tensor.quantization = _quantization([scale], [zero], 0)
        index = self._append(tensor)
        self.channels[index] = channels
        return index

    def ranged(self, channels: int, reach: Range | None) -> int:
        """Add a computed tensor for values of a range; None makes it one of floats."""
        if reach is None:
            return self.activation(channels)
        return self.activation(channels, reach.step, round(-128 - reach.low / reach.step))

    def scale_of(self, index: int) -> float:
        """Return what one step of a computed tensor is worth."""
        return float(self.tensors[index].quantization.scale[0])

    def is_float(self, index: int) -> bool:
        """Whether a computed tensor is one of floats."""
        return self.tensors[index].type == tfl.TensorType.FLOAT32

    def operator(self, code: int, inputs: list[int], output: int, kind: int, options: Any) -> int:
        """Add an operator; returns its output."""
        if code not in self.codes:
            self.codes.append(code)
        operator = tfl.OperatorT()
        operator.opcodeIndex = self.codes.index(code)
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.operators.append(operator)
        return output

    def _append(self, tensor: Any) -> int:
        tensor.name = f"t{len(self.tensors)}"
        tensor.hasRank = True
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def pack(self, inputs: list[int], outputs: list[int]) -> bytes:
        """Return the file."""
        graph = tfl.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = inputs, outputs
        model = tfl.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        model.operatorCodes = [_operator_code(code) for code in self.codes]
        packer = flatbuffers.Builder(1 << 20)
        packer.Finish(model.Pack(packer), b"TFL3")
        return bytes(packer.Output())


def _operator_code(code: int) -> Any:
    made = tfl.OperatorCodeT()
    made.builtinCode, made.version = code, _VERSIONS.get(code, 2)
    made.deprecatedBuiltinCode = min(code, 127)
    return made


def _quantization(scales: Sequence[float], zeros: Sequence[int], axis: int) -> Any:
    made = tfl.QuantizationParametersT()
    made.scale = np.asarray(scales, np.float32)
    made.zeroPoint = np.asarray(zeros, np.int64)
    made.quantizedDimension = axis
    return made
