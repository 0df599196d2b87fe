"""People's own pictures, from training to prediction, as they lie about."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pyarrow
import pytest
import trained_runs
from command_runs import call
from data_helpers import picture_folder
from pyarrow import parquet

from minialex import evaluate, predict, report, train
from minialex.data.own import folder
from minialex.io.export import export
from minialex.visualize import __main__ as visualize


@pytest.fixture(scope="module")
def heaps(tmp_path_factory):
    """40 pictures in heaps/even and heaps/odd, and what else lies there."""
    root = tmp_path_factory.mktemp("own")
    picture_folder(root)
    (root / "train").rename(root / "heaps")
    (root / "heaps/even/2019").mkdir()
    (root / "heaps/even/2.png").rename(root / "heaps/even/2019/2.png")
    (root / "heaps/odd/x.HEIC").touch()
    return root / "heaps"


@pytest.fixture(scope="module")
def run(heaps, tmp_path_factory):
    """A run of two epochs on the heaps."""
    options = [*trained_runs.on_folder(heaps), "--val-share", 0.2]
    return trained_runs.trained(tmp_path_factory.mktemp("run") / "own", *options)


def figures(out):
    """{the name of each line of evaluate's first block: the rest}, but the speed"""
    found = dict(line.split(None, 1) for line in out.split("\n\n")[0].splitlines())
    return {name: value for name, value in found.items() if name != "images/s"}


def test_training_tells_what_it_holds_out_and_leaves_out(heaps, tmp_path, capsys):
    shutil.copy(heaps / "odd/1.png", heaps / "odd/one-again.png")
    shutil.copy(heaps / "odd/1.png", heaps / "odd/one-more.png")
    options = [*trained_runs.on_folder(heaps), "--val-share", 0.5, "--out", tmp_path / "run"]
    code, out, _ = call(train.main, *options, capsys=capsys)
    for name in ("one-again", "one-more"):
        (heaps / f"odd/{name}.png").unlink()
    assert code == 0
    told = " ".join(out.split())
    assert told.startswith(
        "42 pictures of 2 classes in heaps/, 21 held out for testing (--val-share 0.5) "
        "note: 1 file left out: 1 .heic note: "
    )
    assert "a training picture, too: " in told or " are training pictures, too: " in told


def test_evaluate_tests_with_the_pictures_that_were_held_out(run, heaps, capsys, tmp_path):
    code, out, _ = call(evaluate.main, run, capsys=capsys)
    assert code == 0
    shown = figures(out)
    assert shown["pictures"] == "8, held out of the training pictures"
    last = trained_runs.last_epoch(run)
    assert shown["top-1"] == f"{last['test_accuracy']:.2%}"
    assert shown["loss"] == f"{last['test_loss']:.4f}"
    moved = shutil.copytree(heaps, tmp_path / "moved")
    _, again, _ = call(evaluate.main, run, "--data-dir", moved, capsys=capsys)
    assert figures(again) == shown
    (moved / "even/0.png").unlink()  # now these are others
    _, other, _ = call(evaluate.main, run, "--data-dir", moved, capsys=capsys)
    assert figures(other)["pictures"] == "39"


def test_a_resumed_run_holds_out_the_same(run, heaps, tmp_path, capsys):
    options = [*trained_runs.on_folder(heaps), "--val-share", 0.2]
    stopped = trained_runs.trained(tmp_path / "stopped", *options, "--max-steps", 5)
    for share, said in ((0.2, ""), (0.1, "was trained with --val-share 0.2: leave out")):
        if said:
            shutil.copytree(run, tmp_path / "again")
            stopped = tmp_path / "again"
        arguments = ("--resume", stopped, "--val-share", share)
        code, _, err = call(train.main, *arguments, capsys=capsys)
        assert code == (2 if said else 0)
        assert said in err
    trained_runs.assert_same(
        trained_runs.contents(tmp_path / "stopped"), trained_runs.contents(run)
    )


def test_predict_reads_what_training_reads(run, heaps, capsys):
    code, out, _ = call(predict.main, heaps, "--weights", run, "--json", capsys=capsys)
    assert code == 0
    found = {json.loads(line)["picture"] for line in out.splitlines()}
    dataset = folder.load(heaps)
    assert found == {*dataset.train.paths, *dataset.test.paths}


def test_a_table_of_pictures_trains_and_tests(run, heaps, tmp_path, capsys):
    rows = [f"{path}\t{path.relative_to(heaps).parts[0]}" for path in sorted(heaps.rglob("*.png"))]
    table = tmp_path / "labels.tsv"
    table.write_text("\n".join(["path\tlabel", *rows]))
    options = [*trained_runs.on_folder(table), "--epochs", 1, "--out", tmp_path / "run"]
    code, out, err = call(train.main, *options, capsys=capsys)
    assert (code, err) == (0, "")
    assert out.startswith("40 pictures of 2 classes in labels.tsv, 4 held out for testing")
    code, out, _ = call(evaluate.main, tmp_path / "run", capsys=capsys)
    assert (code, figures(out)["pictures"]) == (0, "4, held out of the training pictures")
    code, out, _ = call(train.main, "--resume", tmp_path / "run", "--epochs", 2, capsys=capsys)
    assert code == 0
    # Another run's network is tested with all pictures of another table.
    table.write_text("\n".join(rows[:30]))
    code, out, _ = call(evaluate.main, run, "--data-dir", table, capsys=capsys)
    assert (code, figures(out)["pictures"]) == (0, "30")
    code, _, err = call(evaluate.main, run, "--data-dir", tmp_path / "no.csv", capsys=capsys)
    assert (code, err) == (2, f"error: there is no file {tmp_path / 'no.csv'}\n")


def test_predict_reads_the_pictures_that_a_table_names(run, heaps, tmp_path, capsys):
    table = tmp_path / "labels.csv"
    names = ["even/0.png", "odd/1.png"]
    rows = [f"{heaps / name},{name.partition('/')[0]}" for name in names]
    table.write_text("path,label\n" + "\n".join(rows), encoding="utf-8")
    code, out, _ = call(predict.main, table, "--weights", run, "--json", capsys=capsys)
    assert code == 0
    shown = [json.loads(line)["picture"] for line in out.splitlines()]
    assert shown == [str(heaps / name) for name in names]


def in_tar(heaps, path):
    """Writes the pictures of the heaps to an archive, with their classes; returns their names."""
    pictures = sorted(heaps.rglob("*.png"))
    with tarfile.open(path, "w") as archive:
        for picture in pictures:
            label = picture.relative_to(heaps).parts[0].encode()
            member = tarfile.TarInfo(f"{picture.stem}.cls")
            member.size = len(label)
            archive.addfile(member, io.BytesIO(label))
            archive.add(picture, picture.name)
    return [picture.name for picture in pictures]


def in_parquet(heaps, path):
    """The same in a parquet file."""
    pictures = sorted(heaps.rglob("*.png"))
    cells = [{"bytes": picture.read_bytes(), "path": picture.name} for picture in pictures]
    labels = [picture.relative_to(heaps).parts[0] for picture in pictures]
    parquet.write_table(pyarrow.table({"image": cells, "label": labels}), path)
    return [picture.name for picture in pictures]


@pytest.mark.parametrize(("kind", "write"), [("tar", in_tar), ("parquet", in_parquet)])
def test_pictures_in_large_files_are_used_by_every_command(
    kind, write, run, heaps, tmp_path, capsys
):
    path = tmp_path / f"pets.{kind}"
    names = write(heaps, path)
    options = [*trained_runs.on_folder(path), "--val-share", 0.2, "--out", tmp_path / "run"]
    code, out, err = call(train.main, *options, capsys=capsys)
    assert (code, err) == (0, "")
    assert f"40 pictures of 2 classes in pets.{kind}, 8 held out" in out
    code, out, _ = call(evaluate.main, tmp_path / "run", capsys=capsys)
    assert (code, figures(out)["pictures"]) == (0, "8, held out of the training pictures")
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.copy(path, tmp_path / "elsewhere" / f"dogs.{kind}")
    code, again, _ = call(evaluate.main, tmp_path / "run", "--data-dir", moved, capsys=capsys)
    assert (code, figures(again)) == (0, figures(out))
    # The same pictures give the same answers, as files and here.
    answers = []
    for pictures in (heaps, path):
        code, out, _ = call(predict.main, pictures, "--weights", run, "--json", capsys=capsys)
        assert code == 0
        found = [json.loads(line) for line in out.splitlines()]
        answers.append({Path(each["picture"]).name.split(": ")[-1]: each["predictions"]
                        for each in found})  # fmt: skip
    assert answers[0].keys() == set(names)
    assert answers[1] == answers[0]
    assert {each["picture"] for each in found} == {f"{path}: {name}" for name in names}
    (tmp_path / "folder").mkdir()
    shutil.copy(path, tmp_path / "folder")
    arguments = (tmp_path / "folder", "--weights", run, "--json")
    code, out, _ = call(predict.main, *arguments, capsys=capsys)
    assert (code, len(out.splitlines())) == (0, len(names))
    # Of the training pictures the nearest to one is itself.
    arguments = ("--weights", tmp_path / "run", "--out", tmp_path / "nearest.png")
    code, _, err = call(visualize.main, "nearest", path, *arguments, capsys=capsys)
    assert (code, err) == (0, "")
    code, out, _ = call(report.main, tmp_path / "run", capsys=capsys)
    assert code == 0
    page = Path(out.strip()).read_text(encoding="utf-8")
    assert f"pets.{kind}: " in page


def test_what_was_held_out_is_only_tested_if_the_pictures_are_the_same(heaps, tmp_path, capsys):
    """One more picture changes which are held out: some would have been trained on."""
    pictures = shutil.copytree(heaps, tmp_path / "changed")
    run = trained_runs.trained(tmp_path / "run", pictures, "--epochs", 1, "--max-steps", 1)
    first = next(pictures.rglob("*.png"))
    shutil.copy(first, first.with_name("another.png"))
    code, _, err = call(evaluate.main, run, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "was trained on other pictures than there are now" in err


@pytest.fixture
def begun(heaps, tmp_path):
    """The pictures in a folder of their own, and a run of one step on them."""
    own = shutil.copytree(heaps, tmp_path / "own")
    options = [*trained_runs.on_folder(own), "--val-share", 0.2, "--max-steps", 1]
    return own, trained_runs.trained(tmp_path / "run", *options)


def rename_some(pictures):
    """Gives ten pictures of a class names that come last in the alphabet."""
    for path in sorted((pictures / "odd").glob("*.png"))[:10]:
        path.rename(path.with_name(f"z{path.name}"))


def test_renamed_pictures_are_not_taken_for_those_held_out(begun, capsys):
    own, run = begun
    rename_some(own)
    link = own.with_name("link")
    link.symlink_to(own)
    commands = [(evaluate.main, run), (report.main, run)]
    for place in (own, own.parent / "run" / ".." / "own", link):
        commands.append((evaluate.main, run, "--data-dir", place))
    for command in commands:
        code, _, err = call(*command, capsys=capsys)
        assert (code, err.count("\n")) == (2, 1)
        assert "in another order or with other names or labels, so" in err
        assert "may have been trained on: name others with --data-dir" in err
    code, _, err = call(train.main, "--resume", run, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    checkpoint = run / "checkpoint.npz"
    trained_runs.change(checkpoint, about=lambda about: about["progress"].pop("digest"))
    code, out, err = call(evaluate.main, run, capsys=capsys)  # of an earlier version
    assert (code, err) == (0, "")
    assert figures(out)["pictures"] == "8, held out of the training pictures"


def test_as_many_other_pictures_are_all_tested(begun, heaps, tmp_path, capsys):
    """By a run and by what was exported from it."""
    _, run = begun
    other = shutil.copytree(heaps, tmp_path / "other")
    rename_some(other)
    export(run, tmp_path / "net.safetensors")
    for weights in (run, tmp_path / "net.safetensors"):
        for place, tested in ((other, "40"), (heaps, "8, held out of the training pictures")):
            options = ("--data-dir", place, "--out", tmp_path)
            code, out, err = call(evaluate.main, weights, *options, capsys=capsys)
            assert (code, err, figures(out)["pictures"]) == (0, "", tested)


def test_a_note_is_of_bounded_length(capsys):
    train.say_notes(["x" * 60_000, "y" * 60_000])
    assert len(capsys.readouterr().out) < 2100


def test_the_pictures_are_looked_for_once(heaps, tmp_path, capsys, monkeypatch):
    """That takes seconds where there are half a million."""
    looked, find = [], folder.find

    def noted(data_dir):
        looked.append(data_dir)
        return find(data_dir)

    monkeypatch.setattr(folder, "find", noted)
    options = [heaps, "--max-steps", 1, "--epochs", 1, "--out", tmp_path / "run"]
    assert call(train.main, *options, capsys=capsys)[0] == 0
    assert looked == [heaps]
