#!/usr/bin/env bash
# onnx has two answers to how large a MaxPool's output is in ceil_mode, if the model is for operators
# of a version before 22: its shape inference counts a last window that begins in the padding, or
# behind the picture; its reference evaluator, like ONNX Runtime and torch, does not. With version 22
# both say the same.
#
# So onnx.checker.check_model(model, full_check=True) refuses a model that runs everywhere, if what
# follows the pool has the size that the pool really gives, as a linear layer's weight has. The
# specification of the old version was wrong, and the correction came with a new version only.
# Padding at the end instead of ceil_mode means the same to all of them.
#
# expected: a pool of 7×7 pixels with kernel 2, stride 2, padding 1 gives 4×4, as everything computes
# seen:     onnx 1.23.2 infers 5×5 for version 13, and 4×4 for version 22
#
# Exits with 0 while it behaves so, and with 1 otherwise.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

python3 -m venv environment
environment/bin/pip install --quiet onnx==1.23.2 onnxruntime==1.32.0
cat > ceil_mode.py <<'PYTHON'
import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

onnxruntime.set_default_logger_severity(4)
window = dict(kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)
x = numpy.ones((1, 1, 7, 7), numpy.float32)
print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}")
for version in (13, 22):
    node = helper.make_node("MaxPool", ["x"], ["y"], **window)
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    model = helper.make_model(
        helper.make_graph([node], "pool", [given], [result]),
        opset_imports=[helper.make_opsetid("", version)],
        ir_version=8,
    )
    inferred = onnx.shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim
    session = onnxruntime.InferenceSession(model.SerializeToString())
    print(
        f"operators of version {version}:",
        f"inferred {inferred[2].dim_value}×{inferred[3].dim_value},",
        "reference {2}×{3},".format(*ReferenceEvaluator(model).run(None, {"x": x})[0].shape),
        "ONNX Runtime {2}×{3}".format(*session.run(None, {"x": x})[0].shape),
    )
PYTHON
environment/bin/python ceil_mode.py | tee seen
diff seen - <<'SEEN'
onnx 1.23.2, onnxruntime 1.32.0
operators of version 13: inferred 5×5, reference 4×4, ONNX Runtime 4×4
operators of version 22: inferred 4×4, reference 4×4, ONNX Runtime 4×4
SEEN
