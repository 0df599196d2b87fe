"""A small net like AlexNet, with random weights, as other programs save it."""

from pathlib import Path

import numpy
from onnx import TensorProto, helper, numpy_helper

#: The side of its pictures, for which no window reaches beyond an edge.
SIDE = 33

LRN = dict(size=5, alpha=0.5, beta=0.75, bias=1.0)


def arrays(rng) -> dict[str, numpy.ndarray]:
    """Its weights, in the layout that Caffe, torch and ONNX share."""
    return {
        "conv1_w": rng.standard_normal((6, 3, 5, 5), numpy.float32) / 5,
        "conv1_b": rng.standard_normal(6, numpy.float32),
        "conv2_w": rng.standard_normal((8, 3, 3, 3), numpy.float32) / 3,
        "conv2_b": rng.standard_normal(8, numpy.float32),
        "fc3_w": rng.standard_normal((4, 8 * 3 * 3), numpy.float32) / 5,
        "fc3_b": rng.standard_normal(4, numpy.float32),
    }


def nodes() -> list[tuple[str, list[str], dict]]:
    """(operator, constants, attributes) of each ONNX node."""
    return [
        ("Conv", ["conv1_w", "conv1_b"], dict(kernel_shape=[5, 5], strides=[2, 2])),
        ("Relu", [], {}),
        ("LRN", [], LRN),
        ("MaxPool", [], dict(kernel_shape=[3, 3], strides=[2, 2])),
        ("Conv", ["conv2_w", "conv2_b"], dict(kernel_shape=[3, 3], pads=[1] * 4, group=2)),
        ("Relu", [], {}),
        ("MaxPool", [], dict(kernel_shape=[3, 3], strides=[2, 2])),
        ("Reshape", ["shape"], {}),
        ("Dropout", [], {}),
        ("Gemm", ["fc3_w", "fc3_b"], dict(transB=1)),
        ("Softmax", [], {}),
    ]


def onnx_file(
    path: Path,
    constants: dict[str, numpy.ndarray],
    operators: list[tuple[str, list[str], dict]],
    side: int = SIDE,
    producer: str = "onnx-caffe2",
) -> Path:
    """Writes the net as ONNX, as if by `producer`; returns the path."""
    made, value = [], "data_0"
    for i, (kind, inputs, about) in enumerate(operators):
        made.append(helper.make_node(kind, [value, *inputs], [f"v{i}"], f"layer {i}", **about))
        value = f"v{i}"
    tensors = [
        numpy_helper.from_array(array.astype(numpy.float32), name)
        for name, array in constants.items()
    ]
    tensors.append(numpy_helper.from_array(numpy.array([0, -1]), "shape"))
    graph = helper.make_graph(
        made,
        "net",
        [helper.make_tensor_value_info("data_0", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, None)],
        tensors,
    )
    opset = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, producer_name=producer, opset_imports=opset, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def onnxruntimes(path: Path, x: numpy.ndarray, bgr: bool = False) -> numpy.ndarray:
    """What ONNX Runtime computes of pictures (N, H, W, C) in red, green, blue. bgr: whether the
    net's are blue, green, red."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    pictures = (x[..., ::-1] if bgr else x).transpose(0, 3, 1, 2)
    (given,) = session.get_inputs()
    step = 1 if given.shape[0] == 1 else len(x)
    batches = [pictures[i : i + step].copy() for i in range(0, len(x), step)]
    return numpy.concatenate([session.run(None, {given.name: batch})[0] for batch in batches])


def assert_agrees(network, expected: numpy.ndarray, x: numpy.ndarray) -> None:
    """The network computes what is expected of x, to 1e-4."""
    logits = network.forward(x)
    assert logits.std() > 0.01
    assert abs(logits - expected).max() < 1e-4 * max(1, abs(logits).max())
