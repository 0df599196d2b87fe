"""The weights of a run as it learned: in order, with their epochs, and the newest as it is now."""

import os
import shutil

import numpy
import pytest
from explored import small_network
from trained_runs import change, weights_without_metadata

from minialex.errors import InputError
from minialex.explore.moments import KEPT, LATEST, Moment, Moments, kernels
from minialex.inference import TrainedNetwork
from minialex.io.export import export
from minialex.layers import Flatten, Linear
from minialex.network import Network


def weights_in(file):
    """The weights in a checkpoint, read without minialex."""
    with numpy.load(file) as archive:
        names = [name for name in archive.files if name.startswith("weight/")]
        return {name.removeprefix("weight/"): archive[name] for name in names}


def assert_holds(trained, weights):
    params = trained.network.params
    assert params.keys() == weights.keys()
    for name, array in params.items():
        numpy.testing.assert_array_equal(array, weights[name])


def written_later(file, before):
    """Gives the file a time of change that is one second after `before`, a stat."""
    time = before.st_mtime_ns + 1_000_000_000
    os.utime(file, ns=(time, time))


def test_a_run_s_moments_are_in_the_order_of_the_training(run):
    kept = [Moment("step-00000000", 0), Moment("step-00000002", pytest.approx(2 / 3))]
    assert Moments(str(run.path)).moments() == [*kept, Moment(LATEST, 1)]


def test_of_a_run_that_goes_on_what_was_the_newest_is_a_moment_too(run):
    shutil.copy(run.kept_file(2), run.checkpoint)
    names = [moment.name for moment in Moments(str(run.path)).moments()]
    assert names == ["step-00000000", "step-00000002", "step-00000003", LATEST]


def test_each_moment_has_the_weights_of_its_file(run):
    moments = Moments(str(run.path))
    for moment in moments.moments():
        steps = moment.name.removeprefix("step-")
        file = run.checkpoint if moment.name == LATEST else run.kept_file(int(steps))
        assert_holds(moments.network(moment.name), weights_in(file))
    first, second = (moments.network(name) for name in ("step-00000000", "step-00000002"))
    x = numpy.ones((1, 12, 12, 3), "float32")
    assert (first.network.forward(x) != second.network.forward(x)).any()


def test_more_than_a_hundred_million_steps_come_last(run):
    shutil.copy(run.kept_file(2), run.kept_file(10**9))
    shutil.copy(run.kept_file(2), run.kept_file(99_999_999))
    names = [moment.name for moment in Moments(str(run.path)).moments()]
    assert names[2:] == ["step-00000003", "step-99999999", "step-1000000000", LATEST]


def test_weights_that_are_kept_later_are_found(run):
    moments = Moments(str(run.path))
    kept = run.kept_file(2)
    content = kept.read_bytes()
    kept.unlink()
    assert len(moments.moments()) == 2
    with pytest.raises(InputError, match="there are no weights 'step-00000002' any more"):
        moments.network("step-00000002")
    kept.write_bytes(content)
    assert len(moments.moments()) == 3
    assert_holds(moments.network("step-00000002"), weights_in(kept))


def test_the_newest_weights_are_read_anew_when_the_run_has_saved_again(run):
    moments = Moments(str(run.path))
    before, change_before = moments.network(LATEST), moments.latest_change()
    assert moments.network(LATEST) is before
    status = run.checkpoint.stat()
    os.replace(run.kept_file(0), run.checkpoint)  # as a run replaces it
    written_later(run.checkpoint, status)
    after = moments.network(LATEST)
    assert_holds(after, weights_in(run.checkpoint))
    assert moments.moments()[-1] == Moment(LATEST, 0)
    assert moments.latest_change() != change_before
    assert moments.holds(after)
    assert not moments.holds(before)


def test_a_file_that_is_written_anew_is_read_anew(run, tmp_path):
    file = shutil.copy(run.checkpoint, tmp_path / "net.npz")
    moments = Moments(str(file))
    before = moments.network(LATEST)
    shutil.copy(run.kept_file(0), file)
    written_later(file, run.checkpoint.stat())
    assert_holds(moments.network(LATEST), weights_in(run.kept_file(0)))
    assert not moments.holds(before)


def test_only_a_few_networks_stay_in_memory(run):
    for steps in (5, 6, 7):
        shutil.copy(run.kept_file(2), run.kept_file(steps))
    moments = Moments(str(run.path))
    names = [moment.name for moment in moments.moments()]
    seen = {name: moments.network(name) for name in names}
    assert [name for name in names if moments.holds(seen[name])] == names[-KEPT:]
    assert moments.network(names[-1]) is seen[names[-1]]
    assert_holds(moments.network(names[0]), weights_in(run.kept_file(0)))
    assert sum(moments.holds(trained) for trained in seen.values()) == KEPT - 1


def test_the_network_that_was_looked_at_longest_ago_leaves_memory(run):
    moments = Moments(str(run.path))  # which looks at the newest
    first, second = (moments.network(f"step-0000000{steps}") for steps in (0, 2))
    newest = moments.network(LATEST)
    third = moments.network("step-00000003")
    assert [moments.holds(each) for each in (first, second, newest, third)] == [0, 1, 1, 1]


@pytest.mark.parametrize(
    "name",
    [
        *("", "LATEST", "step-00000001", "step-2", "step-00000002.npz", "../checkpoint"),
        *("checkpoint", "weights/step-00000002", "/etc/passwd", "step-00000002/../step-00000002"),
    ],
)
def test_weights_that_are_not_there_are_refused(name, run):
    with pytest.raises(InputError, match="there are no weights"):
        Moments(str(run.path)).network(name)


def test_a_file_has_only_its_newest_moment(run, tmp_path):
    npz = tmp_path / "net.npz"
    shutil.copy(run.kept_file(2), npz)
    export(run.path, tmp_path / "net.safetensors")
    export(run.path, tmp_path / "hub")
    for file, epoch in [(npz, pytest.approx(2 / 3)), (tmp_path / "net.safetensors", 1)]:
        moments = Moments(str(file))
        assert moments.moments() == [Moment(LATEST, epoch)]
        with pytest.raises(InputError, match="there are no weights"):
            moments.network("step-00000002")
    assert_holds(Moments(str(npz)).network(LATEST), weights_in(npz))
    for file in ("net.safetensors", "hub"):
        trained = Moments(str(tmp_path / file)).network(LATEST)
        assert_holds(trained, weights_in(run.checkpoint))


def test_a_folder_of_another_program_is_read_anew_when_its_file_changes(run, tmp_path):
    export(run.path, tmp_path / "hub")
    moments = Moments(str(tmp_path / "hub"))
    assert moments.moments() == [Moment(LATEST, 1)]
    assert_holds(moments.network(LATEST), weights_in(run.checkpoint))
    shutil.copy(run.kept_file(0), run.checkpoint)
    export(run.path, tmp_path / "other")
    file = tmp_path / "hub" / "model.safetensors"
    status = file.stat()
    os.replace(tmp_path / "other" / file.name, file)
    written_later(file, status)
    assert_holds(moments.network(LATEST), weights_in(run.kept_file(0)))


def test_of_other_programs_weights_no_epoch_is_known(tmp_path):
    file = weights_without_metadata(tmp_path / "net.safetensors")
    moments = Moments(str(file), "alexnet-cifar")
    assert moments.moments() == [Moment(LATEST, None)]
    assert moments.network(LATEST).assumed


def test_what_cannot_be_read_is_refused_at_once(run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npz").write_text("no weights")
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:-3000])
    for path in (tmp_path / "nowhere", tmp_path / "empty", tmp_path / "text.npz", run.path):
        with pytest.raises(InputError):
            Moments(str(path))


def test_newest_weights_that_have_gone_are_missed(run):
    moments = Moments(str(run.path))
    run.checkpoint.unlink()
    with pytest.raises(InputError, match=r"there is no checkpoint .*checkpoint\.npz"):
        moments.network(LATEST)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b"no weights"),
        lambda file: file.write_bytes(file.read_bytes()[:-3000]),
        lambda file: change(file, about=lambda about: about["progress"].pop("pictures")),
        lambda file: change(file, about=lambda about: about["progress"].update(epochs="1")),
    ],
    ids=["no weights", "cut off", "without its pictures", "an epoch in words"],
)
def test_a_damaged_kept_file_hides_no_other_weights(damage, run):
    damage(run.kept_file(2))
    moments = Moments(str(run.path))
    found = [moment for moment in moments.moments() if moment.name != "step-00000002"]
    assert found == [Moment("step-00000000", 0), Moment(LATEST, 1)]
    assert_holds(moments.network("step-00000003"), weights_in(run.kept_file(3)))


def test_the_kernels_are_those_of_the_first_convolution(run):
    trained = Moments(str(run.path)).network("step-00000000")
    found = kernels(trained)
    numpy.testing.assert_array_equal(found, small_network().params["conv1.weight"])
    found[...] = 0
    assert trained.network.params["conv1.weight"].all()


def test_a_network_without_a_convolution_has_no_kernels(run):
    progress = Moments(str(run.path)).network(LATEST).progress
    network = Network([Flatten(), Linear(432, 3)], (12, 12, 3))
    assert kernels(TrainedNetwork(network, progress, engine=network)) is None
