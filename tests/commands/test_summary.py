"""The layer table against the counts that the model tests pin, comparisons, the engine's table."""

import re

import pytest
from command_runs import call

from minialex import models, summary
from minialex.fast.gpu import footprint

#: Input, parameters and multiply-adds of each model (README, "The models").
COSTS = {
    "alexnet": ("227×227×3", 60_965_224, 724_406_816),
    "alexnet-227": ("227×227×3", 62_378_344, 1_135_256_096),
    "alexnet-d2l": ("224×224×1", 46_764_746, 938_146_176),
    "alexnet-224": ("224×224×3", 62_378_344, 1_135_256_096),
    "alexnet-owt": ("224×224×3", 61_100_840, 714_188_480),
    "alexnet-cifar": ("32×32×3", 1_468_938, 38_949_888),
    "alexnet-mini": ("32×32×3", 176_426, 10_674_176),
    "alexnet-midi": ("32×32×3", 583_178, 33_925_120),
    "alexnet-maxi": ("32×32×3", 907_530, 52_728_320),
    "alexnet-mega": ("32×32×3", 2_309_130, 133_910_528),
    "lenet": ("28×28×1", 61_706, 416_520),
}


@pytest.fixture
def use(capsys):
    """Calls the command: (exit code, stdout, stderr)."""
    return lambda *arguments: call(summary.main, *arguments, capsys=capsys)


def table(out):
    """The rows of the layer table: {layer: the rest of its line}, the heading left out."""
    _, *lines = out.split("\n\n")[0].splitlines()
    return {line.split()[0]: line for line in lines}


def number(text):
    return int(text.replace(",", ""))


@pytest.mark.parametrize("model", models.MODELS)
def test_totals_are_the_model_s_and_what_the_layers_add_up_to(model, use):
    code, out, err = use(model)
    assert (code, err) == (0, "")
    rows = table(out)
    size, parameters, macs = COSTS[model]
    assert rows.pop("input").split() == ["input", size]
    assert [number(text) for text in rows.pop("total").split()[1:]] == [parameters, macs]
    costs = [
        [number(text) for text in line.split()[-2:]]
        for name, line in rows.items()
        if name.startswith(("conv", "fc"))
    ]
    assert [sum(column) for column in zip(*costs, strict=True)] == [parameters, macs]
    assert max(map(len, out.splitlines())) <= 80


def test_shapes_and_kernels_stand_as_in_the_paper(use):
    _, out, _ = use("alexnet")
    rows = table(out)
    assert re.search(
        r"^conv1 +96 kernels 11×11×3, stride 4 +55×55×96 +34,944 +105,415,200$", rows["conv1"]
    )
    assert re.search(r"^conv2 +256 kernels 5×5×48, pad 2, 2 groups +27×27×256 ", rows["conv2"])
    assert re.search(r"^norm1 +normalised over 5 channels +55×55×96$", rows["norm1"])
    assert re.search(r"^pool5 +max-pool 3×3, stride 2 +6×6×256$", rows["pool5"])
    assert re.search(r"^dropout7 +dropout, p = 0.5 +4096$", rows["dropout7"])
    assert (
        len(
            {
                line.rindex(line.split()[-1]) + len(line.split()[-1])
                for line in rows.values()
                if "kernels" in line
            }
        )
        == 1
    )


def test_options_change_the_model(use):
    _, out, _ = use("alexnet", "--lrn", "off", "--num-classes", 10, "--image-size", 131)
    rows = table(out)
    assert "norm1" not in rows
    assert "31×31×96" in rows["conv1"]
    assert re.search(r" 10 +40,970 ", rows["fc8"])


def test_the_memory_is_listed_by_what_it_is_for(use):
    totals = []
    for size in (128, 500):
        _, out, _ = use("alexnet-cifar", "--batch-size", size, "--workers", 2)
        heading, *lines = out.split("\n\n")[1].splitlines()
        step = f"sgd and a batch of {size}, in float32, on 2 threads"
        assert heading == f"memory for training with {step}"
        rows = [line.rsplit(maxsplit=2) for line in lines]
        amounts = {what: float(n) * {"MB": 1e6, "GB": 1e9}[unit] for what, n, unit in rows}
        on_gpu, total = amounts.pop("on a GPU, at most"), amounts.pop("total")
        assert amounts["weights"] == pytest.approx(4 * 1_468_938, rel=0.02)
        assert amounts["the optimiser's state"] == amounts["weights"]
        assert total == pytest.approx(sum(amounts.values()), rel=0.02)
        network = models.build("alexnet-cifar")
        assert on_gpu == pytest.approx(
            footprint.training_bytes(network, size, 1, 1 << 30), rel=0.02
        )
        totals.append(total)
    assert totals[1] > 1.5 * totals[0]


def test_two_models_are_compared(use):
    code, out, _ = use("alexnet-d2l", "--compare", "lenet")
    assert code == 0
    comparison = out.split("\n\n")[2]
    assert re.search(r"^parameters +46,764,746 +61,706 +758$", comparison, re.M)
    assert re.search(r"^multiply-adds +938,146,176 +416,520 +2,252$", comparison, re.M)
    assert re.search(r"^  of convolutions +895,113,600 +357,600 +2,503$", comparison, re.M)
    assert max(map(len, comparison.splitlines())) <= 80


def test_a_smaller_model_goes_in_less_than_once(use):
    _, out, _ = use("lenet", "--compare", "alexnet")
    assert re.search(r"^parameters +61,706 +60,965,224 +0.00101$", out, re.M)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: MODEL"),
        (["vgg"], "invalid choice: 'vgg'"),
        (["alexnet", "--compare", "vgg"], "invalid choice: 'vgg'"),
        (["lenet", "--lrn", "off"], "lenet has no normalisation"),
        (["alexnet", "--image-size", 20], "alexnet cannot take pictures of 20×20"),
        (
            ["alexnet-cifar", "--image-size", 30, "--compare", "alexnet"],
            "alexnet cannot take pictures of 30×30",
        ),
        (["alexnet", "--batch-size", 0], "expected a whole number of at least 1"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(arguments, said, use):
    code, out, err = use(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err


def test_the_fast_engine_says_what_became_of_each_layer(use):
    code, out, _ = use("alexnet", "--engine", "fast", "--workers", 2, "--batch-size", 128)
    assert code == 0
    text = out[out.index("the fast engine with a batch of 128") : out.index("memory for training")]
    said = " ".join(text.split())
    assert "conv1 to relu5: 2 threads, a share of the batch each" in said
    assert "conv1 FastConv2d Winograd, tiles of 5×5 over blocks of 4×4 pixels, no gradient" in said
    assert "relu5 InPlaceReLU behind pool5, where fewer numbers are left, in place" in said
    assert "fc6 FastLinear products divided among 2 threads" in said
    assert "flatten FastFlatten" in said
    assert max(map(len, text.splitlines())) <= 80
    names = {line.split()[0] for line in text.splitlines()[2:] if line and line[0] != " "}
    assert names == set(models.build("alexnet").layers)


def test_one_picture_keeps_to_one_product_where_all_cores_share_it(use):
    _, out, _ = use("alexnet", "--engine", "fast", "--workers", 2, "--batch-size", 1)
    assert "threads, a share" not in out
    assert "im2col" in out[out.index("conv3      Fast") :].splitlines()[0]
