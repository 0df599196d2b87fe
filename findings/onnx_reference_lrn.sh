#!/usr/bin/env bash
# onnx's reference evaluator, which defines what operators mean, normalises (LRN) only as many
# channels as the batch has pictures: it counts the channels along the wrong axis. The others are
# returned as if their neighbours were 0. With more pictures than channels it fails.
#
# onnx's own tests do not notice: their input has five pictures of five channels. ONNX Runtime is
# right. AlexNet is nearly the only net for which that matters. (Reported as onnx/onnx#7805 and
# corrected since, after version 1.23.2.)
#
# expected: channels that are all 1, with alpha = size = 3, beta = 1 and bias = 1, become 1 / (1 + 3)
#           = 0.25, at the ends, where one neighbour is missing, 1 / (1 + 2) = 0.33
# seen:     with onnx 1.23.2's reference one picture has 0.33 in its first channel, and 1 in the rest
#
# Exits with 0 while it behaves so, and with 1 otherwise.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

python3 -m venv environment
environment/bin/pip install --quiet onnx==1.23.2 onnxruntime==1.32.0
cat > lrn.py <<'PYTHON'
import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

shape = ["N", 6, 1, 1]
node = helper.make_node("LRN", ["x"], ["y"], size=3, alpha=3.0, beta=1.0, bias=1.0)
graph = helper.make_graph(
    [node],
    "lrn",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
runtime = onnxruntime.InferenceSession(model.SerializeToString())
print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}")
for pictures in (1, 3, 6):
    x = {"x": numpy.ones((pictures, 6, 1, 1), numpy.float32)}
    for name, result in (
        ("ONNX Runtime", runtime.run(None, x)),
        ("reference", ReferenceEvaluator(model).run(None, x)),
    ):
        first = " ".join(f"{number:.2f}" for number in result[0][0].ravel())
        print(f"first of {pictures} pictures, {name}: {first}")
PYTHON
environment/bin/python lrn.py | tee seen
diff seen - <<'SEEN'
onnx 1.23.2, onnxruntime 1.32.0
first of 1 pictures, ONNX Runtime: 0.33 0.25 0.25 0.25 0.25 0.33
first of 1 pictures, reference: 0.33 1.00 1.00 1.00 1.00 1.00
first of 3 pictures, ONNX Runtime: 0.33 0.25 0.25 0.25 0.25 0.33
first of 3 pictures, reference: 0.33 0.25 0.25 1.00 1.00 1.00
first of 6 pictures, ONNX Runtime: 0.33 0.25 0.25 0.25 0.25 0.33
first of 6 pictures, reference: 0.33 0.25 0.25 0.25 0.25 0.33
SEEN
