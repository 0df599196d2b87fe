"""The parts of an HTML page that needs no other file: styles, inlined pictures, tables, sheets."""

import base64
import html
import io
from collections.abc import Callable, Iterator, Sequence
from string import Template

import numpy
from PIL import Image

from minialex.files import HTML_MARK

#: Light or dark, as the reader's system is set; on paper light. Fits screens from 320 pixels wide.
PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
$mark
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --ink: #1c1e21; --soft: #5f6670; --paper: #ffffff; --line: #d9dde3;
  --right: #1a7f37; --wrong: #c62828; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --soft: #a2a9b3; --paper: #17191c; --line: #363b42;
    --right: #57c06f; --wrong: #ff7b72; }
  img.light { display: none; }
}
@media not screen, (prefers-color-scheme: light) { img.dark { display: none; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 64rem; overflow-wrap: anywhere;
  color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 0.75rem; padding-top: 0.75rem;
  border-top: 1px solid var(--line); }
p { margin: 0.25rem 0 0.75rem; } .soft { color: var(--soft); }
img { display: block; max-width: 100%; height: auto; }
dl.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 0.75rem;
  margin: 1.25rem 0 0; }
dl.key div { border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.5rem 0.75rem; }
dl.key dt { color: var(--soft); font-size: 0.85rem; }
dl.key dd { margin: 0; font-size: 1.25rem; font-weight: 600; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr));
  gap: 1rem; }
.scroll { overflow: auto; max-height: 45rem; }
.scroll:focus-visible { outline: 2px solid var(--soft); }
.scroll th, .scroll td { white-space: nowrap; }
.scroll thead th { position: sticky; top: 0; background: var(--paper); }
.scroll img { min-width: 32rem; } .scroll.picture { max-height: none; margin-bottom: 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 1rem 0.2rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; } td.number, th.number { text-align: right; }
ul.sheet { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); }
ul.sheet img { width: 100%; border-radius: 0.25rem; } img.pixels { image-rendering: pixelated; }
ul.sheet p { margin: 0.25rem 0 0; font-size: 0.85rem; line-height: 1.35; }
.right { color: var(--right); } .wrong { color: var(--wrong); }
pre { white-space: pre-wrap; margin: 0 0 1rem; padding: 0.75rem; border: 1px solid var(--line);
  border-radius: 0.5rem; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  li, figure, tr, img { break-inside: avoid; } h2 { break-after: avoid; }
  ul.sheet { grid-template-columns: repeat(6, 1fr); } .pair { grid-template-columns: 1fr 1fr; }
  .scroll { overflow: visible; max-height: none; } .scroll img { min-width: 0; }
}
</style>
</head>
<body>
$body
</body>
</html>
""")


def page(title: str, parts: Sequence[str]) -> bytes:
    """The HTML page made of these parts, with ? for what is not Unicode. title: plain text. parts:
    HTML."""
    text = PAGE.substitute(mark=HTML_MARK.decode(), title=html.escape(title), body="\n".join(parts))
    return text.encode(errors="replace")


def section(title: str, *content: str) -> str:
    """A section with a heading. title: plain text. content: HTML."""
    return f"<section>\n<h2>{html.escape(title)}</h2>\n" + "\n".join(content) + "\n</section>"


def data_url(content: bytes, kind: str) -> str:
    """A data: URL of a file of this `kind`, "png" or "jpeg"."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def box(content: str, label: str, kind: str = "") -> str:
    """A box that scrolls by itself, by keys too, for content wider than a phone, or very long.

    label: says what is in it, for screen readers. kind: another CSS class, after a space.
    """
    attributes = f'role="region" tabindex="0" aria-label="{html.escape(label)}"'
    return f'<div class="scroll{kind}" {attributes}>{content}</div>'


def themed(alt: str, draw: Callable[..., bytes], *arguments: object) -> str:
    """A figure drawn for a light page and for a dark one; the page shows the one that fits.

    draw: a drawing function of charts.py, called with `arguments`.
    """
    images = []
    for kind in ("light", "dark"):
        content = draw(*arguments, dark=kind == "dark")
        with Image.open(io.BytesIO(content)) as picture:
            width, height = picture.size
        size = f'width="{width}" height="{height}"'
        images.append(
            f'<img class="{kind}" src="{data_url(content, "png")}" {size} alt="{html.escape(alt)}">'
        )
    return f"<div>{''.join(images)}</div>"


def thumbnail(picture: numpy.ndarray, alt: str) -> str:
    """An <img> of a picture, uint8 (S, S, C): PNG up to 64 pixels wide, larger ones as JPEG."""
    small = len(picture) <= 64
    file, kind = io.BytesIO(), "png" if small else "jpeg"
    Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture).save(
        file, kind, quality=85
    )
    pixels = ' class="pixels"' if small else ""
    size = f'width="{len(picture)}" height="{len(picture)}"'
    return f'<img{pixels} src="{data_url(file.getvalue(), kind)}" {size} alt="{html.escape(alt)}">'


def sheet(items: Sequence[tuple[str, str]]) -> str:
    """A contact sheet. items: (<img>, caption) of each picture, both HTML."""
    entries = [f"<li>{image}<p>{caption}</p></li>" for image, caption in items]
    return '<ul class="sheet">\n' + "\n".join(entries) + "\n</ul>"


def table(
    caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]
) -> str:
    """A table of plain text that scrolls in a box of its own.

    The first cell of a row is its heading. caption: says what the table is, for screen readers.
    numbers: which columns are aligned to the right.
    """

    def cells(row: Sequence[str], first: tuple[str, str], other: tuple[str, str]) -> Iterator[str]:
        for column, text in enumerate(row):
            tag, scope = first if column == 0 else other
            kind = ' class="number"' if column in numbers else ""
            yield f"<{tag}{scope}{kind}>{html.escape(text)}</{tag}>"

    head = "".join(cells(headings, ("th", ' scope="col"'), ("th", ' scope="col"')))
    body = [
        "<tr>" + "".join(cells(row, ("th", ' scope="row"'), ("td", ""))) + "</tr>" for row in rows
    ]
    return box(
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(body)
        + "\n</tbody></table>",
        caption,
    )
