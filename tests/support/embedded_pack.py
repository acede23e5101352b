"""An InsightFace pack folder made from the embedded weights, so that its own code runs offline.

InsightFace tells models apart by the shape of their graphs: a detector has SCRFD's nine outputs,
a recogniser one square input. YuNet and SFace compute the same things in
another dress; the graphs written here change the dress and leave every weight as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import FacePackError
from thb_dataset.faces.packs import (
    EMBEDDED_LICENCE,
    EMBEDDED_SAME_PERSON,
    PACK_NOTE,
    SFACE_FILE,
    YUNET_FILE,
    find_embedded_weights,
)
from thb_dataset.files import write_json, write_whole

if TYPE_CHECKING:
    import onnx

DETECTOR_FILE: Final = "det_yunet.onnx"
RECOGNISER_FILE: Final = "w112_sface.onnx"
STRIDES: Final = (8, 16, 32)


def build_embedded_pack(folder: Path) -> Path:
    """Write the pack into a folder; files that are there already are kept.

    Args:
        folder: Made if absent. Give it to ``load_face_finder``.

    Returns:
        The folder.

    Raises:
        FacePackError: The embedded weights or the package ``onnx`` are missing.
    """
    try:
        import onnx
    except ImportError as error:
        raise FacePackError(
            "face pack: onnx is not installed; pip install 'talkingheadbench[insightface]'"
        ) from error
    weights = find_embedded_weights()
    folder.mkdir(parents=True, exist_ok=True)
    for name, source, dress in (
        (DETECTOR_FILE, YUNET_FILE, _dress_as_scrfd),
        (RECOGNISER_FILE, SFACE_FILE, _dress_as_arcface),
    ):
        if not (folder / name).is_file():
            model = dress(onnx.load(weights[source]))
            with write_whole(folder / name) as draft:
                draft.write_bytes(model.SerializeToString(deterministic=True))
    note = {"licence": EMBEDDED_LICENCE, "same_person": EMBEDDED_SAME_PERSON}
    write_json(folder / PACK_NOTE, note)
    return folder


class _Rewriter:
    """Adds nodes and constants to a graph."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        self.nodes: list[onnx.NodeProto] = []

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        self.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, *, axis: int | None = None) -> str:
        self.add_many(kind, inputs, [output], axis=axis)
        return output

    def add_many(
        self, kind: str, inputs: list[str], outputs: list[str], *, axis: int | None = None
    ) -> None:
        from onnx import helper

        name = f"thb_{kind}_{outputs[0]}"
        attributes: dict[str, Any] = {} if axis is None else {"axis": axis}
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, **attributes))


def _denormalise(rewriter: _Rewriter, original_input: str) -> None:
    """Turn InsightFace's (x - 127.5) / 128 in RGB back into the 0 to 255 in BGR of YuNet."""
    mean = rewriter.constant("thb_mean", np.array(127.5, np.float32))
    scale = rewriter.constant("thb_std", np.array(128.0, np.float32))
    order = rewriter.constant("thb_bgr", np.array([2, 1, 0], np.int64))
    scaled = rewriter.add("Mul", ["thb_input", scale], "thb_scaled")
    pixels = rewriter.add("Add", [scaled, mean], "thb_pixels")
    rewriter.add("Gather", [pixels, order], original_input, axis=1)


def _dress_as_scrfd(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give YuNet SCRFD's outputs: score, box and points for each of three strides.

    SCRFD has two anchors a cell and YuNet one, so every cell is given twice, the second time
    with score 0. Boxes become distances to the four sides, in strides, as SCRFD's are.
    """
    from onnx import TensorProto, helper

    rewriter = _Rewriter(model)
    _denormalise(rewriter, model.graph.input[0].name)
    head = list(rewriter.nodes)
    rewriter.nodes.clear()
    half = rewriter.constant("thb_half", np.array(0.5, np.float32))
    zero = rewriter.constant("thb_zero", np.array(0.0, np.float32))
    shapes = {
        width: rewriter.constant(f"thb_shape_{width}", np.array([1, -1, width], np.int64))
        for width in (1, 4, 10)
    }
    for s in STRIDES:
        product = rewriter.add("Mul", [f"cls_{s}", f"obj_{s}"], f"thb_product_{s}")
        score = rewriter.add("Sqrt", [product], f"thb_score_{s}")
        nothing = rewriter.add("Mul", [score, zero], f"thb_nothing_{s}")
        rewriter.add_many("Split", [f"bbox_{s}"], [f"thb_off_{s}", f"thb_log_{s}"], axis=2)
        size = rewriter.add("Exp", [f"thb_log_{s}"], f"thb_size_{s}")
        reach = rewriter.add("Mul", [size, half], f"thb_reach_{s}")
        low = rewriter.add("Sub", [reach, f"thb_off_{s}"], f"thb_low_{s}")
        high = rewriter.add("Add", [reach, f"thb_off_{s}"], f"thb_high_{s}")
        kinds: list[tuple[str, list[str], int]] = [
            ("score", [score, nothing], 1),
            ("box", [low, high, low, high], 4),
            ("points", [f"kps_{s}", f"kps_{s}"], 10),
        ]
        for kind, parts, width in kinds:
            joined = rewriter.add("Concat", parts, f"thb_{kind}_both_{s}", axis=2)
            rewriter.add("Reshape", [joined, shapes[width]], f"{kind}_{s}")
    outputs = [
        helper.make_tensor_value_info(f"{kind}_{s}", TensorProto.FLOAT, [1, f"n{s}", width])
        for kind, width in (("score", 1), ("box", 4), ("points", 10))
        for s in STRIDES
    ]
    _replace_graph(
        model, [*head, *model.graph.node, *rewriter.nodes], "thb_input", ["H", "W"], outputs
    )
    return model


def _dress_as_arcface(model: onnx.ModelProto) -> onnx.ModelProto:
    """Leave SFace one input, and its weights as plain float32.

    The published file lists its weights as inputs, which ONNX Runtime refuses, and stores them
    as int8 with scales; widening them once here changes nothing but the time. Its graph begins
    with the subtraction and the multiplication by which InsightFace knows models that take 0 to
    255, so it does not normalise for this one.
    """
    kept = _fold_constants(model)
    name = model.graph.input[0].name
    _replace_graph(model, kept, name, [112, 112], list(model.graph.output))
    used = {name for node in model.graph.node for name in node.input}
    needed = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(needed)
    return model


def _fold_constants(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Compute the nodes that widen weights, and return the others."""
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    known = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        inputs = [name for name in node.input if name]
        foldable = node.op_type in ("DequantizeLinear", "Reshape", "Constant")
        if not (foldable and all(name in known for name in inputs)):
            kept.append(node)
            continue
        single = helper.make_model(
            helper.make_graph(
                [node],
                "fold",
                [helper.make_empty_tensor_value_info(name) for name in inputs],
                [helper.make_empty_tensor_value_info(name) for name in node.output],
            ),
            opset_imports=model.opset_import,
            ir_version=model.ir_version,
        )
        results: Any = ReferenceEvaluator(single).run(None, {name: known[name] for name in inputs})
        value = np.asarray(results[0], order="C")
        known[node.output[0]] = value
        model.graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
    return kept


def _replace_graph(
    model: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    name: str,
    sides: list[int] | list[str],
    outputs: list[onnx.ValueInfoProto],
) -> None:
    """Put nodes, one input and the outputs in place; shapes once inferred no longer hold."""
    from onnx import TensorProto, helper

    graph = model.graph
    for part in (graph.node, graph.input, graph.output, graph.value_info):
        del part[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, *sides]))
    graph.output.extend(outputs)
