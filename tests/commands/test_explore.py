"""The explore command as it is started and stopped; its page is in test_explore_page.py."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from command_runs import call, start
from trained_runs import weights_without_metadata
from waitress.server import BaseWSGIServer

from minialex.explore import __main__ as explore


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of weights that does not say what they were trained on."""
    return weights_without_metadata(tmp_path_factory.mktemp("weights") / "net.safetensors")


@pytest.fixture(autouse=True)
def nothing_is_served_here(monkeypatch):
    """A command that is called in this process, and serves by mistake, would never end."""
    monkeypatch.setattr(BaseWSGIServer, "run", lambda server: pytest.fail("it serves a page"))


@contextlib.contextmanager
def started(*arguments, **options):
    """The command in a process of its own: (the address that it prints, the process)."""
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with start("minialex.explore", *arguments, **streams, **options) as process:
        try:
            said = ""
            for line in process.stdout:
                said += line
                if "Ctrl-C" in line:
                    break
            else:
                pytest.fail(f"it ended: {process.stderr.read()}")
            yield re.search(r"http://\S+", said)[0], process
        finally:
            process.terminate()


def asked(address):
    """What the server at the address says when it is asked for the network: (status, JSON)."""
    port, token = re.search(r":(\d+)/\?token=(.+)", address).groups()
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", int(port))) as connection:
        headers = {"Authorization": f"Bearer {token}"}
        connection.request("GET", "/api/network", headers=headers)
        response = connection.getresponse()
        return response.status, json.load(response)


def port_of(address):
    return int(re.search(r":(\d+)/", address)[1])


def test_help_shows_examples(capsys):
    code, out, _ = call(explore.main, "--help", capsys=capsys)
    assert code == 0
    assert "examples:\n  python -m minialex.explore runs/" in out
    assert "Only this machine can connect." in out
    assert max(map(len, out.splitlines())) <= 80


def test_weights_that_cannot_be_read_are_an_error_of_one_line(weights, tmp_path, capsys):
    halved, text, empty = tmp_path / "half.safetensors", tmp_path / "a.txt", tmp_path / "empty"
    halved.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    (tmp_path / "half.npz").write_bytes(b"PK\3\4" + bytes(200))
    text.write_text("no weights")
    empty.mkdir()
    for path, said in [
        (tmp_path / "nowhere", "nowhere"),
        (empty, f"there is no checkpoint {empty / 'checkpoint.npz'}"),
        (halved, str(halved)),
        (tmp_path / "half.npz", "is not a whole minialex checkpoint"),
        (text, "holds no weights that can be read"),
    ]:
        code, out, err = call(explore.main, path, "--no-browser", capsys=capsys)
        assert (code, out, err.count("\n")) == (2, "", 1), path
        assert err.startswith("error: ")
        assert said in err


def test_a_folder_of_pictures_that_is_not_there_is_an_error(weights, tmp_path, capsys):
    code, out, err = call(
        explore.main, weights, "--data-dir", tmp_path / "nowhere", "--no-browser", capsys=capsys
    )
    assert (code, out, err) == (2, "", f"error: there is no folder {tmp_path / 'nowhere'}\n")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80.5"])
def test_a_port_that_cannot_be_is_an_error(port, capsys):
    code, out, err = call(explore.main, "any", f"--port={port}", capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"--port: expected a whole number of at least 1 and under 65536, got '{port}'" in err


def other_program():
    """A socket that listens on a port which the command might try."""
    for port in range(explore.PORT + 20, explore.PORT + explore.TRIES):
        with contextlib.suppress(OSError):  # then it is taken already, and may be free again soon
            return socket.create_server(("127.0.0.1", port))
    pytest.skip("all ports that the command would try are taken")


def test_a_port_that_is_named_and_taken_is_an_error(weights, capsys):
    with other_program() as other:
        port = other.getsockname()[1]
        code, out, err = call(explore.main, weights, "--port", port, "--no-browser", capsys=capsys)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"error: port {port} cannot be used: ")


def test_where_the_default_port_is_taken_the_next_is_used(weights):
    with started(weights, "--no-browser") as (one, _), started(weights, "--no-browser") as (two, _):
        assert port_of(one) != port_of(two)
        for address in (one, two):
            assert explore.PORT <= port_of(address) <= explore.PORT + explore.TRIES
            assert asked(address)[1]["model"] == "alexnet-cifar"


def test_ctrl_c_ends_it_quietly(weights):
    with started(weights, "--no-browser") as (address, process):
        with socket.create_connection(("127.0.0.1", port_of(address))):  # of a page that is open
            assert asked(address)[0] == 200
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "")
        assert [line for line in err.splitlines() if not line.startswith("note: ")] == []


@pytest.mark.parametrize("name", ["flask", "waitress.server"])
def test_without_flask_or_waitress_it_says_what_to_install(name, weights, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)  # an import of it fails
    code, out, err = call(explore.main, weights, "--no-browser", capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "the page needs Flask and waitress: python -m pip install -e '.[explore]'" in err


def test_weights_without_a_data_set_are_shown_without_pictures_and_a_note_says_why(weights):
    with started(weights, "--no-browser") as (address, process):
        _, found = asked(address)
        process.terminate()
        (note,) = (line for line in process.stderr if line.startswith("note: "))
    assert f"{weights} does not say what it was trained on" in note
    assert (found["pictures"], found["classes"]) == (0, ["class 0", "class 1"])


def test_many_requests_at_once_leave_the_terminal_quiet(weights):
    with started(weights, "--no-browser") as (address, process):
        with ThreadPoolExecutor(20) as pages:
            assert {status for status, _ in pages.map(asked, 40 * [address])} == {200}
        process.terminate()
        assert [line for line in process.stderr if not line.startswith("note: ")] == []


def test_only_this_machine_can_connect(weights):
    with started(weights, "--no-browser") as (address, _):
        assert address.startswith("http://127.0.0.1:")
        socket.create_connection(("127.0.0.1", port_of(address)), 30).close()
        # A server that listened on all addresses would answer these, too.
        for other in ("127.0.0.2", "::1"):
            with pytest.raises(OSError):
                socket.create_connection((other, port_of(address)), 30)


def test_each_start_has_a_token_of_its_own(weights):
    with started(weights, "--no-browser") as (one, _), started(weights, "--no-browser") as (two, _):
        token, other = (address.partition("?token=")[2] for address in (one, two))
        assert token != other
        assert min(len(token), len(other)) >= 32
        status, said = asked(two.replace(other, token))
        assert (status, list(said)) == (401, ["error"])
        assert (
            "the token is missing, or of an earlier start: open the address in the terminal"
            in said["error"]
        )


@pytest.mark.skipif(sys.platform != "linux", reason="DISPLAY and BROWSER choose the browser there")
@pytest.mark.parametrize(
    ("options", "display", "opens"),
    [([], ":0", True), (["--no-browser"], ":0", False), ([], "", False)],
    ids=["a screen", "--no-browser", "no screen"],
)
def test_a_browser_is_opened_at_the_address(options, display, opens, weights, tmp_path):
    program, opened = tmp_path / "browser", tmp_path / "opened"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    env = os.environ | {"BROWSER": f"{program} %s", "DISPLAY": display, "WAYLAND_DISPLAY": ""}
    with started(weights, *options, env=env) as (address, _):
        asked(address)  # is answered only after a browser has been opened
        assert opened.exists() == opens
        if opens:
            assert opened.read_text().strip() == address
