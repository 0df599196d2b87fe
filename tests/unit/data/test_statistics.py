"""The mean and covariance of the training pictures' pixels, and when they are measured again."""

import os

import numpy
import pytest
from data_helpers import random_pictures
from kept_files import changed
from PIL import Image

from minialex.data.dataset import ArrayImages
from minialex.data.folder_images import FolderImages
from minialex.data.statistics import standardize_from, statistics_of
from minialex.errors import InputError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of the cached statistics."""
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "statistics"


@pytest.mark.parametrize("channels", [1, 3])
def test_mean_and_covariance_are_those_of_all_pixels(channels):
    pictures = random_pictures(257, size=6, channels=channels)  # not a multiple of any chunk
    pictures[..., 0] //= 3
    pictures[..., -1] = pictures[..., 0] + pictures[..., -1] // 4  # so that channels vary together
    found = statistics_of(ArrayImages(pictures, numpy.zeros(257)))
    pixels = pictures.reshape(-1, channels)
    numpy.testing.assert_allclose(found.mean, pixels.mean(axis=0), rtol=1e-12)
    expected = numpy.cov(pixels.T, bias=True).reshape(channels, channels)
    numpy.testing.assert_allclose(found.covariance, expected, rtol=1e-9)
    numpy.testing.assert_allclose(found.standardize().mean, pixels.mean(axis=0), rtol=1e-6)
    numpy.testing.assert_allclose(found.standardize().std, pixels.std(axis=0), rtol=1e-6)


def test_centred_pixels_keep_their_scale():
    pictures = random_pictures(20)
    y = statistics_of(ArrayImages(pictures, numpy.zeros(20))).centre()(pictures).astype(float)
    numpy.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    numpy.testing.assert_allclose(y.std(axis=(0, 1, 2)), pictures.std(axis=(0, 1, 2)), rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_standardized_training_pictures_have_mean_0_and_std_1(channels):
    pictures = random_pictures(257, size=6, channels=channels)  # not a multiple of any chunk
    pictures[..., 0] //= 3
    images = ArrayImages(pictures, numpy.zeros(257))
    y = standardize_from(images)(pictures).astype(float)
    numpy.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    numpy.testing.assert_allclose(y.std(axis=(0, 1, 2)), 1, atol=1e-5)


def test_bright_pictures_do_not_overflow_the_sums():
    pictures = numpy.full((300, 64, 64, 1), 255, numpy.uint8)
    pictures[::2] = 253
    standardize = standardize_from(ArrayImages(pictures, numpy.zeros(300)))
    numpy.testing.assert_allclose([standardize.mean[0], standardize.std[0]], [254, 1], rtol=1e-6)


def test_constant_pictures_become_zero():
    pictures = numpy.full((10, 4, 4, 3), (0, 77, 255), numpy.uint8)
    y = standardize_from(ArrayImages(pictures, numpy.zeros(10)))(pictures)
    numpy.testing.assert_array_equal(y, 0)


class SlowImages:
    """Pictures that are not in memory: half black, then half white. Counts the pictures read."""

    in_memory, image_size, channels = False, 2, 1
    count = 0

    def __len__(self):
        return 1000

    def read_good(self, indices, views):
        self.count += len(indices)
        dark = numpy.asarray(indices) < 500
        x = numpy.where(dark, 0, 255).astype(numpy.uint8)[:, None, None, None] * numpy.ones(
            (1, 2, 2, 1), numpy.uint8
        )
        return x, numpy.ones(len(x), bool), {}


def test_pictures_not_in_memory_are_sampled_evenly_up_to_the_limit():
    images = SlowImages()
    standardize = standardize_from(images, limit=50)
    assert images.count == 50
    assert standardize.mean[0] == 127.5


def files(folder, n=6, seed=0):
    """The paths of n random pictures of 8×8."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{i}.png" for i in range(n)]
    for path, picture in zip(paths, random_pictures(n, seed=seed), strict=True):
        Image.fromarray(picture).save(path)
    return paths


def numbers(found):
    return found.mean.tolist(), found.covariance.tolist()


def test_the_statistics_of_files_are_cached_exactly(tmp_path, cache, monkeypatch):
    images = FolderImages(files(tmp_path / "a"), range(6), 8)
    measured = statistics_of(images)
    pixels = random_pictures(6).reshape(-1, 3)
    numpy.testing.assert_allclose(measured.covariance, numpy.cov(pixels.T, bias=True), rtol=1e-9)
    monkeypatch.setattr(FolderImages, "read_good", None)  # from now on, reading fails
    assert numbers(statistics_of(images)) == numbers(measured)


@pytest.mark.parametrize("change", ["content", "time", "gone", "size", "channels", "limit"])
def test_any_change_of_files_or_sizes_is_measured_again(tmp_path, cache, change):
    paths = files(tmp_path / "a")
    before = statistics_of(FolderImages(paths, range(6), 8))
    if change == "content":
        Image.fromarray(random_pictures(6, seed=1)[5]).resize((9, 9)).save(paths[5])
    elif change == "time":
        Image.fromarray(random_pictures(6, seed=1)[5]).save(paths[5])
        os.utime(paths[5], (0, 0))
    elif change == "gone":
        paths[5].unlink()
    size, channels, limit = (
        (4 if change == "size" else 8),
        (1 if change == "channels" else 3),
        (3 if change == "limit" else 99),
    )
    after = statistics_of(FolderImages(paths, range(6), size, channels), limit)
    assert numbers(after) != numbers(before)
    assert len(list(cache.iterdir())) == 2


def test_each_crop_size_has_its_own_statistics(tmp_path, cache):
    paths = files(tmp_path / "a", 1)
    assert (
        len({str(numbers(statistics_of(FolderImages(paths, [0], size)))) for size in (224, 227)})
        == 2
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-3],
        lambda content: content.replace(b'"mean": [1', b'"mean": [2'),
        changed(lambda kept: kept.update(about="other pictures")),
        changed(lambda kept: kept.update(content=[])),
        changed(lambda kept: kept.update(content={})),
        changed(lambda kept: kept["content"].update(mean=[1], covariance=[[1]])),
        changed(lambda kept: kept["content"].update(mean="a", covariance=2)),
        changed(lambda kept: kept["content"].update(mean=[1, None, 3])),
        changed(lambda kept: kept["content"]["mean"].__setitem__(0, float("nan"))),
        changed(lambda kept: kept["content"]["covariance"][0].__setitem__(0, float("inf"))),
    ],
)
def test_a_damaged_cache_only_costs_time(tmp_path, cache, damage):
    images = FolderImages(files(tmp_path / "a"), range(6), 8)
    measured = statistics_of(images)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert file.read_bytes() != whole
    assert numbers(statistics_of(images)) == numbers(measured)
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path, cache):
    cache.parent.write_text("a file where the folder should be")
    images = FolderImages(files(tmp_path / "a"), range(6), 8)
    assert numbers(statistics_of(images)) == numbers(statistics_of(images))


def test_unreadable_pictures_are_left_out(tmp_path, cache):
    paths = files(tmp_path / "a")
    expected = statistics_of(FolderImages(paths, range(6), 8))
    (tmp_path / "a" / "bad.png").write_bytes(b"no picture")
    found = statistics_of(
        FolderImages([paths[0], tmp_path / "a" / "bad.png", *paths[1:]], range(7), 8)
    )
    assert numbers(found) == numbers(expected)


def test_a_majority_of_unreadable_pictures_is_an_error(tmp_path, cache):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    paths = [*files(tmp_path / "a", 2), *[tmp_path / f"{i}.png" for i in range(3)]]
    with pytest.raises(InputError, match="3 of 5 pictures cannot be read"):
        statistics_of(FolderImages(paths, range(5), 8))
    assert not cache.exists()
