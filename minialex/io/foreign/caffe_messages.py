"""The messages of Caffe's files, as far as AlexNet needs them, for the library protobuf.

The numbers of the fields are those of caffe.proto. Runs of numbers are declared as bytes, as which
they lie in the file, so that NumPy can read them at once.
"""

from functools import cache
from typing import Any

#: {message: {field: (number, kind)}}. The kind is a scalar or another message; with a * behind it
#: the field may occur several times, behind a = is what it is if it does not occur.
MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Net": {
        "name": (1, "string"),
        "old_layers": (2, "OldLayer*"),
        "input_dim": (4, "int64*"),
        "input_shape": (8, "Shape*"),
        "layers": (100, "Layer*"),
    },
    "Layer": {
        "name": (1, "string"),
        "type": (2, "string"),
        "bottom": (3, "string*"),
        "top": (4, "string*"),
        "blobs": (7, "Blob*"),
        "include": (8, "Rule*"),
        "transform": (100, "Transform"),
        "convolution": (106, "Convolution"),
        "dropout": (108, "Dropout"),
        "linear": (117, "Linear"),
        "normalization": (118, "Normalization"),
        "pooling": (121, "Pooling"),
        "relu": (123, "ReLU"),
        "input": (143, "Input"),
    },
    "OldLayer": {  # V1LayerParameter, of 2014
        "bottom": (2, "string*"),
        "top": (3, "string*"),
        "name": (4, "string"),
        "type": (5, "int32"),
        "blobs": (6, "Blob*"),
        "convolution": (10, "Convolution"),
        "dropout": (12, "Dropout"),
        "linear": (17, "Linear"),
        "normalization": (18, "Normalization"),
        "pooling": (19, "Pooling"),
        "relu": (30, "ReLU"),
        "include": (32, "Rule*"),
        "transform": (36, "Transform"),
    },
    "Shape": {"dim": (1, "int64*")},
    "Blob": {
        "num": (1, "int64"),
        "channels": (2, "int64"),
        "height": (3, "int64"),
        "width": (4, "int64"),
        "floats": (5, "bytes"),
        "shape": (7, "Shape"),
        "doubles": (8, "bytes"),
    },
    "Rule": {"phase": (1, "int32")},
    "Transform": {
        "scale": (1, "float=1"),
        "crop_size": (3, "uint64"),
        "mean_value": (5, "float*"),
    },
    "Convolution": {
        "pad": (3, "uint64*"),
        "kernel_size": (4, "uint64*"),
        "group": (5, "uint64=1"),
        "stride": (6, "uint64*"),
        "pad_h": (9, "uint64"),
        "pad_w": (10, "uint64"),
        "stride_h": (13, "uint64"),
        "stride_w": (14, "uint64"),
        "dilation": (18, "uint64*"),
    },
    "Dropout": {"dropout_ratio": (1, "float=0.5"), "scale_train": (2, "bool=true")},
    "Linear": {"transpose": (6, "bool")},
    "Normalization": {
        "local_size": (1, "uint64=5"),
        "alpha": (2, "float=1"),
        "beta": (3, "float=0.75"),
        "norm_region": (4, "int32"),
        "k": (5, "float=1"),
    },
    "Pooling": {
        "pool": (1, "int32"),
        "kernel_size": (2, "uint64*"),
        "stride": (3, "uint64*"),
        "pad": (4, "uint64*"),
        "kernel_h": (5, "uint64"),
        "kernel_w": (6, "uint64"),
        "stride_h": (7, "uint64"),
        "stride_w": (8, "uint64"),
        "pad_h": (9, "uint64"),
        "pad_w": (10, "uint64"),
        "global_pooling": (12, "bool"),
        "round_mode": (13, "int32"),
    },
    "ReLU": {"negative_slope": (1, "float")},
    "Input": {"shape": (1, "Shape*")},
}


@cache
def message_class(name: str) -> Any:
    """protobuf's class for one of MESSAGES. ImportError if protobuf is not installed."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field_kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="minialex/caffe", package="minialex.caffe")
    for message_name, fields in MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number)
            field.label = (
                field_kind.LABEL_REPEATED if kind[-1] == "*" else field_kind.LABEL_OPTIONAL
            )
            kind, _, default = kind.removesuffix("*").partition("=")
            if default:
                field.default_value = default
            if kind in MESSAGES:
                field.type, field.type_name = field_kind.TYPE_MESSAGE, f".minialex.caffe.{kind}"
            else:
                field.type = getattr(field_kind, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"minialex.caffe.{name}"))
