"""A fitted style as an ONNX file: the kernel machine in a handful of operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from dancecoach.partner.model import FittedModel, described_by
from dancecoach.partner.regression import WIDTH, KernelRegression

_OPSET = 17


def export(model: FittedModel, path: Path) -> None:
    """Write a model as the file that `partner.model.OnnxModel` reads; centres in half precision."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    inputs, outputs = [], []
    for name, part in (("whole", model.whole), ("upper", model.upper), ("back", model.back)):
        _add(name, part, nodes, constants)
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, len(part.mean)]))
        outputs.append(helper.make_tensor_value_info(f"{name}_answer", TensorProto.FLOAT, [1, len(part.bias)]))
        outputs.append(helper.make_tensor_value_info(f"{name}_familiarity", TensorProto.FLOAT, [1]))
    graph = helper.make_graph(nodes, "partner", inputs, outputs, constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="dancecoach")
    made.ir_version = 9
    helper.set_model_props(made, described_by(model.style))
    onnx.checker.check_model(made)
    path.write_bytes(made.SerializeToString())


def _add(name: str, part: KernelRegression, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> None:
    """Append y = b + exp(-g |x - c|^2) L R, with |x - c|^2 = |x|^2 + |c|^2 - 2 x c."""
    centres = part.centres.astype(np.float16)
    rounded = centres.astype(np.float32)

    def constant(label: str, values: NDArray[np.generic]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values), f"{name}_{label}"))
        return f"{name}_{label}"

    def node(operator: str, given: list[str], label: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, given, [f"{name}_{label}"], **attributes))
        return f"{name}_{label}"

    def single(label: str, values: NDArray[np.generic]) -> str:
        return constant(label, np.asarray(values).astype(np.float32))

    x = node("Mul", [node("Sub", [name, single("mean", part.mean)], "moved"), single("scale", part.scale)], "x")
    wide = node("Cast", [constant("centres", centres.T)], "wide", to=TensorProto.FLOAT)
    product = node("MatMul", [x, wide], "product")
    own = node("ReduceSumSquare", [x], "own", axes=[1], keepdims=1)
    length = single("length", (rounded**2).sum(axis=1)[None])
    twice = node("Mul", [product, single("two", np.array(-2.0))], "twice")
    squared = node("Relu", [node("Sum", [own, length, twice], "sum")], "squared")
    exponent = node("Mul", [squared, single("width", np.array(-WIDTH / len(part.mean)))], "exponent")
    near = node("Exp", [exponent], "near")
    inner = node("MatMul", [near, single("left", part.left)], "inner")
    outer = node("MatMul", [inner, single("right", part.right)], "outer")
    node("Add", [outer, single("bias", part.bias)], "answer")
    node("ReduceMax", [near], "familiarity", axes=[1], keepdims=0)
