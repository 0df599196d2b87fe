"""Markdown and code as a terminal of at most 80 columns shows them."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from minialex.lessons.formula import in_terminal

#: The colours of code: a terminal's own, which are chosen for its background.
THEME = "ansi_dark"


class LinedHeading(Heading):
    """On the left; the titles of lessons and steps with a line to the margin."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        title = self.text.plain
        if self.tag in ("h1", "h2"):
            line = "-" if options.ascii_only else "━" if self.tag == "h1" else "─"
            title = f"{2 * line} {title} ".ljust(options.max_width, line)
        yield Text(title, "bold", no_wrap=True, overflow="ignore")


class PlainCode(CodeBlock):
    """Four columns in, as it is written."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Padding(Text(str(self.text).rstrip(), overflow="fold"), (0, 0, 0, 4))


class LessonMarkdown(Markdown):
    """Markdown with the headings and the code above."""

    elements = Markdown.elements | dict(
        heading_open=LinedHeading, fence=PlainCode, code_block=PlainCode
    )


def text_lines(markdown: str, console: Console) -> list[str]:
    """A cell of Markdown, line by line."""
    return printed(LessonMarkdown(in_terminal(markdown)), console)


def code_lines(code: str, console: Console) -> list[str]:
    """A cell of code, line by line, behind a bar."""
    coloured = Syntax(code, "python", theme=THEME, background_color="default", code_width=100)
    bar = "|" if console.options.ascii_only else "│"
    return [f"  {bar} {line}".rstrip() for line in printed(coloured, console)]


def printed(renderable, console: Console) -> list[str]:
    """What rich prints of something, line by line, in colour if the console has colours."""
    with console.capture() as caught:
        console.print(renderable)
    lines = [line.rstrip() for line in caught.get().splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return lines
