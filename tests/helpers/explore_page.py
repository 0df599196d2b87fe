"""Shared by the tests of the explorer's page: a browser's tabs on it, what they show in numbers,
and what the layers make of the same picture."""

import importlib.util
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy

from benchmarks.browser import chromium_path
from minialex.inference import TrainedNetwork
from minialex.layers import Dropout

#: A number as the page writes it, "−1.25e−5" or ".5".
NUMBER = re.compile(r"(?<![A-Za-z\d.])−?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?:e[+−]?\d+)?")

#: What layers compute in 32 bits may differ by this share of their largest number.
ROUNDING = 1e-5

Change = Callable[[str, numpy.ndarray, numpy.ndarray], numpy.ndarray]


def missing() -> str | None:
    """Why there is no browser to test with; None if there is one."""
    if importlib.util.find_spec("playwright") is None:
        return "a browser is driven by Playwright, which is not installed"
    return None if chromium_path() else "needs Chromium, which is not installed"


class Tab:
    """A tab of the browser.

    page         Playwright's Page
    complaints   the errors that have been in its console
    asked        the addresses of all that it has asked for
    """

    def __init__(self, context: Any, address: str):
        self.page, self.address = context.new_page(), address
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def heard(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def open(self, **wanted: Any) -> "Tab":
        """Opens the address, with layer=…, unit=… or picture=… behind its #, until all is drawn."""
        if self.page.url != "about:blank":  # else a change behind the # would not load it anew
            self.page.goto("about:blank")
        self.page.goto(f"{self.address}#{urlencode(wanted, safe=',/')}")
        return self.settle()

    def settle(self) -> "Tab":
        """Waits until no answer is awaited."""
        self.find("#look[aria-busy=false]").wait_for(state="attached")
        self.find("#unit:not([aria-busy=true])").wait_for(state="attached")
        return self

    def eventually(self, condition: Callable[[], bool]) -> None:
        """Waits until the condition holds."""
        for _ in range(300):
            if condition():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("it was still not so after half a minute")

    def find(self, selector: str, **options: Any) -> Any:
        """What the CSS selector finds, and `options`, has_text=… say, as Playwright's Locator."""
        return self.page.locator(selector, **options)

    def labelled(self, text: str) -> Any:
        """The control whose label has this text."""
        return self.page.get_by_label(text)

    def button(self, name: str, **options: Any) -> Any:
        return self.page.get_by_role("button", name=name, **options)

    def panel(self, name: str) -> Any:
        """The tab on the page that is called so."""
        return self.page.get_by_role("tab", name=name)

    @property
    def message(self) -> Any:
        """Where the page says what went wrong."""
        return self.page.get_by_role("alert")

    def point(self, layer: str, *unit: int) -> "Tab":
        """Selects a unit: (row, column, map), or its number alone."""
        self.page.evaluate(
            """async ([layer, unit]) => (await import("/page/store.js")).select(layer, unit)""",
            [layer, [int(at) for at in unit]],
        )
        return self.settle()

    def choose(self, picture: int) -> "Tab":
        """Clicks a picture on the first sheet."""
        self.find("#thumbnails button").nth(picture).click()
        return self.settle()

    def give(self, file: Any) -> None:
        """Chooses a file as the picture: its path, or the bytes of a PNG."""
        if isinstance(file, bytes):
            file = {"name": "picture.png", "mimeType": "image/png", "buffer": file}
        self.page.set_input_files("#file", file)

    def looks(self) -> Any:
        """A with block that ends when the network has looked at a picture, as all of its picture's
        bytes must have been sent before."""
        return self.page.expect_response("**/api/look")

    def store(self, what: str) -> Any:
        """Something in the page's store, "fields" or "state.picture" say; arrays as lists."""
        return self.page.evaluate(
            """async (what) => {
              const { store } = await import("/page/store.js");
              return what.split(".").reduce((found, name) => found?.[name], store);
            }""",
            what,
        )

    def shown(self, layer: str | None) -> numpy.ndarray:
        """The numbers that the maps of a layer, or of the picture, show."""
        found = self.page.evaluate(
            """async (layer) => {
              const { shape, data } = (await import("/page/store.js")).shown(layer);
              return JSON.stringify({ shape, data: [...data] });
            }""",
            layer,
        )
        return numpy.reshape(json.loads(found)["data"], json.loads(found)["shape"])

    def text(self, selector: str) -> str:
        """The text of an element, in one line."""
        return " ".join(self.find(selector).first.inner_text().split())

    def sums(self) -> list[list[str]]:
        """The numbers, as they are written, in each line of the explanation that adds up."""
        return [NUMBER.findall(text) for text in self.texts("#unit-body .sum")]

    def texts(self, selector: str) -> list[str]:
        """The texts of all such elements, found and read in one go: the page may draw them anew."""
        return self.page.evaluate(
            "(selector) => [...document.querySelectorAll(selector)].map((each) => each.innerText)",
            selector,
        )

    def cells(self, table: int) -> list["Cell"]:
        """The cells of a table of coloured numbers in the explanation, row by row."""
        found = self.find("#unit-body .grid").nth(table)
        return [
            Cell(*cell)
            for cell in found.evaluate(
                """(table) => [...table.querySelectorAll("td")].map(
                  (td) => [td.innerText, td.title, [...td.classList]])"""
            )
        ]

    def rows(self, selector: str) -> list[list[str]]:
        """The texts of a table's cells, without the row of headings."""
        return self.find(selector).evaluate(
            """(table) => [...table.rows].filter((row) => row.querySelector("td"))
              .map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"""
        )

    def answers(self) -> list["Answer"]:
        """The answers, the most probable first."""
        found = []
        for text in self.texts("#answers li"):
            written = re.fullmatch(
                r"(.+?)( ✓)?\s+([\d.]+)%\s+logit (\S+?)(?:; was ([\d.]+)%, logit (\S+))?", text
            )
            assert written, f"this is no answer: {text!r}"
            name, share, logit, *was = written.group(1, 3, 4, 5, 6)
            found.append(Answer(name, share, logit, *was))
        return found


@dataclass(frozen=True)
class Cell:
    """A number in two digits, what it says when it is pointed at, and "best" or "outside" if it
    is the largest or in the padding."""

    text: str
    title: str
    marks: list[str]

    @property
    def in_full(self) -> str:
        """The number with all the digits that can be read."""
        return self.title.rpartition(": ")[2] or self.title


@dataclass(frozen=True)
class Answer:
    """What the page says of a class, as it is written: a share in percent, a logit, and what they
    were in what it compares with."""

    name: str
    share: str
    logit: str
    share_before: str | None
    logit_before: str | None


@contextmanager
def tab(chromium: Any, address: str, **options: Any) -> Iterator[Tab]:
    """A tab of its own, with no more cookies or memory than a new browser; `options`: viewport=…,
    color_scheme=… . Whom it asked must have been the server at the address."""
    context = chromium.new_context(**options)
    try:
        found = Tab(context, address)
        yield found
        server = address.partition("?")[0]
        elsewhere = [
            url for url in found.asked if not url.startswith((server, "data:", "blob:", "about:"))
        ]
        assert elsewhere == []
    finally:
        context.close()


def value(text: str) -> float:
    """The number that a text is or that is the only one in it."""
    (found,) = NUMBER.findall(text)
    return float(found.replace("−", "-").replace(",", ""))


def assert_shown(text: str, expected: float, rounding: float = 0.0) -> None:
    """The number in the text is `expected` to the digits that it has, and to `rounding` besides."""
    (found,) = NUMBER.findall(text)
    digits, _, power = found.lstrip("−").replace(",", "").partition("e")
    unit = 10.0 ** (int(power.replace("−", "-") or 0) - len(digits.partition(".")[2]))
    if digits == "0":
        unit = 0.0  # only 0 itself is written so
    # A whole unit, not half of one: it had been rounded to 32 bits before.
    assert abs(value(text) - expected) <= unit + rounding, (text, expected)


def assert_shares(tab: Tab, shares: Iterable[float], names: list[str]) -> None:
    """The page shows the five largest of these probabilities, the largest first."""
    percent = 100 * numpy.asarray(shares, numpy.float64)
    said = tab.answers()
    assert len(said) == min(5, len(names))
    for answer, largest in zip(said, sorted(percent, reverse=True), strict=False):
        assert_shown(answer.share, largest)
        assert_shown(answer.share, percent[names.index(answer.name)])


def assert_answers(tab: Tab, logits: Iterable[float], names: list[str]) -> None:
    """The page shows the five most probable classes, and their logits."""
    logits = numpy.asarray(logits, numpy.float64)
    assert_shares(tab, numpy.exp(logits) / numpy.exp(logits).sum(), names)
    for answer in tab.answers():
        assert_shown(answer.logit, logits[names.index(answer.name)], ROUNDING * abs(logits).max())


def forward(
    trained: TrainedNetwork,
    pixels: numpy.ndarray,
    covered: tuple[int, int, int] | None = None,
    change: Change = lambda name, x, y: y,
) -> dict[str, numpy.ndarray]:
    """What each layer makes of the picture, uint8 (S, S, C), in 64 bits; "" is what the first one
    gets.

    covered: row, column and side of a square of zeros. change: a function of a layer's name, its
    input and its output, which returns what the next layer gets instead.
    """
    x = seen(trained, pixels)
    if covered:
        row, column, side = covered
        x[:, row : row + side, column : column + side] = 0
    outputs = {"": x}
    for name, layer in trained.network.layers.items():
        x = outputs[name] = change(name, x, layer.forward(x))
    return {name: output[0] for name, output in outputs.items()}


def backward(
    trained: TrainedNetwork, pixels: numpy.ndarray, dlogits: Callable[[numpy.ndarray], Any]
) -> tuple[dict[str, numpy.ndarray], dict[str, dict[str, numpy.ndarray]]]:
    """The gradients of each layer's output, "" for the picture's, and of each layer's parameters,
    by the layers' own backward in 64 bits; dlogits: a function of the logits.

    As in a test, dropout lets everything through.
    """
    x, layers = seen(trained, pixels), trained.network.layers
    for layer in layers.values():
        x = layer.forward(x, train=not isinstance(layer, Dropout))
    dy = numpy.asarray(dlogits(x[0]), numpy.float64)[None]
    of_outputs = {}
    for name, layer in reversed(layers.items()):
        of_outputs[name] = dy[0]
        if not isinstance(layer, Dropout):
            dy = layer.backward(dy)
    of_outputs[""] = dy[0]
    return of_outputs, {name: dict(layer.grads) for name, layer in layers.items()}


def seen(trained: TrainedNetwork, pixels: numpy.ndarray) -> numpy.ndarray:
    """What the network's first layer gets, in 64 bits: (1, S, S, C)."""
    assert all(array.dtype == numpy.float64 for array in trained.network.params.values())
    return trained.standardize(pixels[None]).astype(numpy.float64)
