"""Makes the Caffe files in tests/helpers/files, and what OpenCV computes with them.

`python tests/helpers/caffe_files.py` needs opencv-python-headless 4 and caffe2onnx 2.0.1, which has
the messages that Google's compiler makes of caffe.proto; the latter without what it depends on.
"""

import os
import tempfile
from pathlib import Path

import numpy

FILES = Path(__file__).parent / "files"
SIDE = 35


def pictures() -> numpy.ndarray:
    """Two pictures (2, C, H, W) as Caffe takes them: blue, green, red."""
    return numpy.random.default_rng(0).uniform(-120, 130, (2, 3, SIDE, SIDE)).astype(numpy.float32)


def weights() -> dict[str, list[numpy.ndarray]]:
    rng = numpy.random.default_rng(1)
    shapes = {"conv1": (6, 3, 5, 5), "conv2": (8, 3, 3, 3), "fc3": (10, 128), "fc4": (7, 10)}
    return {
        name: [
            rng.standard_normal(shape) / numpy.sqrt(numpy.prod(shape[1:])),
            rng.standard_normal(shape[0]),
        ]
        for name, shape in shapes.items()
    }


def net(caffe, layers: list, old: bool, training: bool):
    """The message of a net of these layers; `old`: in the format of 2014."""
    made = caffe.NetParameter(name="small")
    value = "data"
    if training:
        layer = (made.layers if old else made.layer).add(name="data", top=["data", "label"])
        layer.type = caffe.V1LayerParameter.DATA if old else "Data"
        layer.include.add(phase=caffe.TRAIN)
        layer.transform_param.crop_size = SIDE
        layer.transform_param.mirror = True
        layer.transform_param.mean_file = "data/ilsvrc12/imagenet_mean.binaryproto"
    else:
        made.input.append("data")
        made.input_dim.extend([1, 3, SIDE, SIDE])
    for name, kind, about in layers:
        in_place = kind in ("ReLU", "Dropout")
        layer = (made.layers if old else made.layer).add(name=name, bottom=[value])
        layer.top.append(value if in_place else name)
        value = layer.top[0]
        if old:
            spelled = {"InnerProduct": "INNER_PRODUCT"}.get(kind, kind.upper())
            layer.type = getattr(caffe.V1LayerParameter, spelled)
        else:
            layer.type = kind
        for parameter, fields in about.items():
            for field, number in fields.items():
                target = getattr(layer, f"{parameter}_param")
                if target.DESCRIPTOR.fields_by_name[field].is_repeated:
                    getattr(target, field).append(number)
                else:
                    setattr(target, field, number)
        for array in weights().get(name, []):
            blob = layer.blobs.add(data=array.astype(numpy.float32).ravel().tolist())
            if old:
                shape = (1,) * (4 - array.ndim) + array.shape
                blob.num, blob.channels, blob.height, blob.width = shape
            else:
                blob.shape.dim.extend(array.shape)
    if training:
        loss = (made.layers if old else made.layer).add(name="loss", bottom=[value, "label"])
        loss.type = caffe.V1LayerParameter.SOFTMAX_LOSS if old else "SoftmaxWithLoss"
    return made


def layers(pool_first: bool) -> list:
    """(name, type, parameters) of each layer."""
    pool = dict(pooling=dict(pool=0, kernel_size=3, stride=2))
    norm = ("norm1", "LRN", dict(lrn=dict(local_size=5, alpha=0.001, beta=0.75)))
    pooled = (
        [("pool1", "Pooling", pool), norm] if pool_first else [norm, ("pool1", "Pooling", pool)]
    )
    return [
        ("conv1", "Convolution", dict(convolution=dict(num_output=6, kernel_size=5, stride=2))),
        ("relu1", "ReLU", {}),
        *pooled,
        (
            "conv2",
            "Convolution",
            dict(convolution=dict(num_output=8, kernel_size=3, pad=1, group=2)),
        ),
        ("relu2", "ReLU", {}),
        ("pool2", "Pooling", pool),
        ("fc3", "InnerProduct", dict(inner_product=dict(num_output=10))),
        ("relu3", "ReLU", {}),
        ("drop3", "Dropout", dict(dropout=dict(dropout_ratio=0.5))),
        ("fc4", "InnerProduct", dict(inner_product=dict(num_output=7))),
    ]


def main() -> None:
    os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"  # takes old compilers' messages
    import cv2
    from caffe2onnx.proto import caffe_upsample_pb2 as caffe
    from google.protobuf import text_format

    for old in (False, True):
        described = layers(pool_first=old)
        name = "caffe_2014" if old else "caffe"
        (FILES / f"{name}.caffemodel").write_bytes(
            net(caffe, described, old, training=True).SerializeToString()
        )
        with tempfile.TemporaryDirectory() as folder:
            deploy = net(caffe, described, old, training=False)
            weights_file, text_file = Path(folder) / "net.caffemodel", Path(folder) / "net.prototxt"
            weights_file.write_bytes(deploy.SerializeToString())
            for layer in deploy.layers if old else deploy.layer:
                del layer.blobs[:]
            text_file.write_text(text_format.MessageToString(deploy))
            runs = cv2.dnn.readNetFromCaffe(str(text_file), str(weights_file))
            runs.setInput(pictures())
            numpy.save(FILES / f"{name}_logits.npy", runs.forward("fc4"))
    mean = numpy.random.default_rng(2).uniform(90, 130, (3, 41, 37)).astype(numpy.float32)
    blob = caffe.BlobProto(num=1, channels=3, height=41, width=37, data=mean.ravel().tolist())
    (FILES / "mean.binaryproto").write_bytes(blob.SerializeToString())


if __name__ == "__main__":
    main()
