"""What goes wrong on a GPU only, in each function of lessons/exercises/gpu.py, seen on the
stand-in.

The first trap of a list that shows is named.
"""

from minialex.grader.on_both import Trace, Trap


def gives_double(trace: Trace) -> bool:
    """Whether the result is float64."""
    results = trace.got if isinstance(trace.got, list) else [trace.got]
    return any(getattr(x, "dtype", None) == "float64" for x in results)


def is_double(trace: Trace) -> bool:
    """Whether the result is float64, or was it on the way."""
    return gives_double(trace) or 2 * trace.card in trace.written


def takes_host_array(trace: Trace) -> bool:
    return trace.refuses(TypeError, "Unsupported type")


def fetched_much(trace: Trace) -> bool:
    return trace.fetched >= trace.card


#: What is seen where float64 is made by accident.
DOUBLE = "float32 came in, and became float64"

STAYS = Trap(
    "the result stays on the card",
    "CuPy's sums and means are arrays of shape (), which whoever prints or compares them would "
    "have to wait for, somewhere else. Return float(…) of it: that waits once.",
    lambda trace: trace.error is None and trace.on_card(),
    "the result is an array",
)
MEAN = [
    Trap(
        "each step waits for its loss",
        "float(loss), `if loss` and print wait until the card has computed this step; meanwhile "
        "it is not asked for the next one, and will stand still. Add up on the card, total = "
        "total + loss, and take float once, after the last step.",
        lambda trace: trace.in_steps > 0,
    ),
    Trap(
        "the losses are fetched one by one",
        "Each float(loss) is a journey of its own, which takes longer than adding them up on the "
        "card would. Add first, then take float once.",
        lambda trace: trace.waits > 1,
    ),
    STAYS,
]
SUMS = [
    Trap(
        "Python waits for each label or class",
        "int(label) waits for the card, and so does values[labels == k], because only the card "
        "knows how many these are. xp.add.at(sums, labels, values) is one call for all.",
        lambda trace: trace.waits > 2,
    ),
    Trap(
        "the values are fetched, and added up on the host",
        "That waits for the card, and takes them over the slow path. xp.add.at(sums, labels, "
        "values) adds them up where they are.",
        fetched_much,
    ),
    Trap(
        "Python waits to learn how large the result is",
        "xp.bincount and xp.unique look for the largest label or for different ones first, even "
        "if you know how many there are. xp.add.at into xp.zeros(classes, values.dtype) does not.",
        lambda trace: trace.waits > 0,
    ),
    Trap(
        "float64 by accident",
        "xp.zeros(classes) is float64, which takes a GPU twice the time or far more. Say "
        "xp.zeros(classes, values.dtype).",
        gives_double,
        DOUBLE,
    ),
]
SCALED = [
    Trap(
        "an array on the host meets one on the card",
        "CuPy refuses that, as it would have to send the array each time. Send mean and std "
        "yourself, before the loop: xp.asarray(mean, x.dtype).",
        takes_host_array,
    ),
    Trap(
        "the batches are fetched, and scaled on the host",
        "They are large, and lie where they are needed. Send mean and std to the card instead: "
        "four numbers.",
        fetched_much,
    ),
    Trap(
        "mean and std are sent again for each batch",
        "Each copy costs some microseconds, however small it is. Send both once, before the loop.",
        lambda trace: trace.sent > trace.host,
    ),
    Trap(
        "float64 by accident",
        "mean and std are float64, and so is all that meets them, which takes a GPU twice the "
        "memory, and twice the time or far more. Send them as float32: xp.asarray(mean, x.dtype).",
        is_double,
        DOUBLE,
    ),
]
OF_LABELS = [
    Trap(
        "an array on the host is the index",
        "CuPy would send it each time it is used, and not say so. Send the labels yourself, once: "
        "xp.asarray(labels).",
        lambda trace: trace.refuses(TypeError, "an index of type"),
    ),
    Trap(
        "all numbers are fetched",
        "That waits for the card, and takes them over the slow path. Send the labels to the card "
        "instead.",
        fetched_much,
    ),
    Trap(
        "the card is asked whether the labels are in range",
        "An `if` needs the answer, so Python waits. Ask on the host, where the labels come from, "
        "before they are sent.",
        lambda trace: trace.waits > 0,
    ),
    Trap(
        "more is sent than the labels",
        "Send the labels once. Numbers of rows need not be sent: xp.arange makes them on the card.",
        lambda trace: trace.sent > trace.host,
    ),
    Trap(
        "labels that are too large are not refused",
        "NumPy does that for you, a GPU does not: its indices wrap around, and class 10 of 10 "
        "becomes class 0 without a word. Compare with the number of classes on the host.",
        lambda trace: trace.refused[:1] == [False],
        "the label of one class too many raised no ValueError",
    ),
    Trap(
        "negative labels are not refused",
        "Index −1 is the last class, on NumPy, too. Data sets have such labels for what nobody "
        "knows. Ask for labels.min() on the host.",
        lambda trace: trace.refused[1:] == [False],
        "label −1 raised no ValueError",
    ),
    Trap(
        "float64 by accident",
        "xp.eye and xp.zeros make float64 unless you say numbers.dtype, and so is all that meets "
        "them. Here numbers[xp.arange(N), labels] is enough.",
        is_double,
        DOUBLE,
    ),
]
ACCURACY = [
    Trap(
        "an array on the host meets one on the card",
        "The answers lie on the card, the labels on the host, and CuPy refuses to compare them. "
        "Send the labels: xp.asarray(labels).",
        takes_host_array,
    ),
    Trap(
        "each picture's answer is fetched by itself",
        "Each is a journey of its own, for which Python waits. Compare all of them with the labels "
        "on the card, and fetch the mean.",
        lambda trace: trace.waits > 1,
    ),
    Trap(
        "all logits are fetched",
        "That is one number for each picture and class over the slow path. Send the labels, one "
        "for each picture, compare on the card, and fetch the mean.",
        fetched_much,
    ),
    Trap(
        "all answers are fetched",
        "One number is enough: send the labels, compare on the card, and fetch the mean.",
        lambda trace: trace.fetched > 8,
    ),
    STAYS,
]
