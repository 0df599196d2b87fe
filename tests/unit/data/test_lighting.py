"""The paper's PCA colour augmentation: a case by hand, the units, the sources of components."""

import json
import math
import os

import numpy
import pytest
from data_helpers import needs_pipes

from minialex.data import lighting
from minialex.data.lighting import IMAGENET, Lighting, lighting_from
from minialex.errors import InputError


class Drawn:
    """A random generator that returns these numbers."""

    def __init__(self, numbers):
        self.numbers = numpy.array(numbers, float)

    def standard_normal(self, shape):
        assert shape == self.numbers.shape
        return self.numbers


def test_a_shift_computed_by_hand():
    """Two channels with the covariance [[0.05, 0.03], [0.03, 0.05]] of pixels in 0..1.

    Its eigenvalues are λ = 0.08 along (1, 1) / √2 and 0.02 along (1, −1) / √2. Draws of 1 and 3
    mean α = (0.1, 0.3), so α λ = (0.008, 0.006); in grey levels, 255 times that: (2.04, 1.53). The
    sum 2.04 · (1, 1) / √2 + 1.53 · (1, −1) / √2 is (3.57, 0.51) / √2.
    """
    root = math.sqrt(0.5)
    found = Lighting.of_covariance(255**2 * numpy.array([[0.05, 0.03], [0.03, 0.05]]))
    numpy.testing.assert_allclose(found.eigenvalues, [0.08, 0.02])
    numpy.testing.assert_allclose(abs(found.eigenvectors), root)
    by_hand = Lighting(numpy.array([0.08, 0.02]), numpy.array([[root, root], [root, -root]]))
    numpy.testing.assert_allclose(by_hand.shifts(1, Drawn([[1, 3]])), [[3.57 * root, 0.51 * root]])
    # The sign of an eigenvector is arbitrary. The draw's sign, also random, makes up for it.
    signs = numpy.sign(found.eigenvectors[0])
    numpy.testing.assert_allclose(
        found.shifts(1, Drawn([[1, 3] * signs])), [[3.57 * root, 0.51 * root]]
    )


def test_each_channel_is_shifted_by_its_own_row():
    """Red varies the most here, green less, blue not at all; so must the shifts."""
    found = Lighting.of_covariance(255**2 * numpy.diag([0.04, 0.01, 0.0]))
    shifts = found.shifts(20_000, numpy.random.default_rng(0))
    assert shifts.shape == (20_000, 3)
    numpy.testing.assert_allclose(
        shifts.std(axis=0), [255 * 0.1 * 0.04, 255 * 0.1 * 0.01, 0], rtol=0.02
    )
    numpy.testing.assert_allclose(shifts.mean(axis=0), 0, atol=0.03)
    assert abs(numpy.corrcoef(shifts[:, :2].T)[0, 1]) < 0.03


def test_imagenet_components_are_orthonormal_and_ordered_red_green_blue():
    numpy.testing.assert_allclose(
        IMAGENET.eigenvectors.T @ IMAGENET.eigenvectors, numpy.eye(3), atol=1e-3
    )
    blue_against_red, green_against_both = IMAGENET.eigenvectors[:, 1], IMAGENET.eigenvectors[:, 2]
    assert blue_against_red[0] > 0.5 > -0.5 > blue_against_red[2]
    assert green_against_both[1] < -0.5
    # The same source has standard deviations of 0.229, 0.224 and 0.225 for pixels in 0..1.
    covariance = IMAGENET.eigenvectors * IMAGENET.eigenvalues @ IMAGENET.eigenvectors.T
    assert covariance[0, 0] == pytest.approx(covariance.trace() / 3, rel=0.1)
    # A picture is shifted by about 3 grey levels per channel: just visible.
    assert 2 < IMAGENET.shifts(10_000, numpy.random.default_rng(0)).std() < 4


def test_grey_pictures_have_one_component():
    found = Lighting.of_covariance(numpy.array([[255**2 * 0.09]]))
    numpy.testing.assert_allclose(found.eigenvalues, [0.09])
    assert found.shifts(5, numpy.random.default_rng(0)).shape == (5, 1)


def test_eigenvalues_are_never_negative():
    """Rounding could make one negative if some direction has no variance."""
    found = Lighting.of_covariance(numpy.array([[1, 1, 1], [1, 1, 1], [1, 1, 1]]) * 3000.0)
    assert (found.eigenvalues >= 0).all()


def test_json_keeps_every_bit():
    found = Lighting.of_covariance(numpy.cov(numpy.random.default_rng(0).integers(0, 256, (3, 50))))
    again = Lighting.from_json(json.loads(json.dumps(found.to_json())))
    assert again.eigenvalues.tobytes() == found.eigenvalues.tobytes()
    assert again.eigenvectors.tobytes() == numpy.ascontiguousarray(found.eigenvectors).tobytes()
    assert (
        again.shifts(9, numpy.random.default_rng(1)) == found.shifts(9, numpy.random.default_rng(1))
    ).all()


def test_the_three_sources(tmp_path):
    covariance = 255**2 * numpy.diag([0.2, 0.1, 0.05])
    assert lighting_from("computed", covariance).eigenvalues == pytest.approx([0.2, 0.1, 0.05])
    assert lighting_from("imagenet", covariance) is IMAGENET
    (tmp_path / "my.json").write_text(json.dumps(IMAGENET.to_json()))
    assert (
        lighting_from(str(tmp_path / "my.json"), covariance).eigenvectors.tolist()
        == IMAGENET.eigenvectors.tolist()
    )
    with pytest.raises(InputError, match=r"3 channels \(red, green, blue\), got 1$"):
        lighting_from("imagenet", numpy.eye(1))
    assert set(lighting.SOURCES) == {"computed", "imagenet"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "expected {"),
        ("[]", "expected {"),
        ("[" * 100_000, "expected {"),
        ('{"eigenvalues": [1e999], "eigenvectors": 1' + "0" * 5000 + "}", "expected {"),
        ('{"eigenvalues": [0.2, 0.1, 0]}', "KeyError: 'eigenvectors'"),
        (
            '{"eigenvalues": [0.2, 0.1], "eigenvectors": [[1, 0], [0, 1]]}',
            "got shapes (2,) and (2, 2)",
        ),
        (
            '{"eigenvalues": [0.2, 0.1, 0], "eigenvectors": [[1, 0, 0], [0, 1], [0, 0, 1]]}',
            "expected {",
        ),
        (
            '{"eigenvalues": [0.2, 0.1, "x"], "eigenvectors": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}',
            "expected {",
        ),
        (
            '{"eigenvalues": [0.2, 0.1, -0.1], "eigenvectors": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}',
            "from 0 to 0.75, got [0.2, 0.1, -0.1]",
        ),
        (
            '{"eigenvalues": [0.2, 0.1, NaN], "eigenvectors": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}',
            "from 0 to 0.75, got [0.2, 0.1, nan]",
        ),
        (
            '{"eigenvalues": [0.2, 0.1, 0], "eigenvectors": [[1, 0, 0], [0, 1, 0], [0, 0, 2]]}',
            "expected orthonormal eigenvectors, got [[1.0",
        ),
        (
            '{"eigenvalues": [0.2, 0.1, 0], "eigenvectors": [[1, 0, 0], [1, 0, 0], [0, 0, 1]]}',
            "expected orthonormal eigenvectors, got [[1.0",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, content, said):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError) as caught:
        Lighting.from_file(tmp_path / "a.json", 3)
    assert said in str(caught.value)
    assert str(tmp_path / "a.json") in str(caught.value)
    assert "\n" not in str(caught.value)


@needs_pipes
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(InputError, match=r"a\.json: it is a folder, a pipe or a device"):
        Lighting.from_file(tmp_path / "a.json", 3)


def test_eigenvalues_in_the_wrong_units_are_refused(tmp_path):
    """Those of pixels in 0..255 would shift pictures by thousands of grey levels."""
    (tmp_path / "a.json").write_text(
        json.dumps({"eigenvalues": [14143, 1222, 292], "eigenvectors": numpy.eye(3).tolist()})
    )
    with pytest.raises(InputError, match=r"pixels in the range 0\.\.1"):
        Lighting.from_file(tmp_path / "a.json", 3)


def test_the_random_factors_have_the_papers_standard_deviation():
    shifts = Lighting(numpy.array([1.0]), numpy.eye(1)).shifts(50_000, numpy.random.default_rng(0))
    assert shifts.std() / 255 == pytest.approx(0.1, rel=0.02)
