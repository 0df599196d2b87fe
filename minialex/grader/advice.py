"""What a piece of advice on a right solution is, and the tools to write other code in its place."""

import ast
import re
from dataclasses import dataclass, field
from string import Formatter
from textwrap import fill, indent

from minialex.grader.feedback import filled

#: Nodes of the learner's code, each with what replaces it: a node, or a list of statements.
Changes = dict[ast.AST, ast.AST | list[ast.stmt]]
#: How many columns the lines of new code may have, before they are indented.
COLUMNS = 72


@dataclass
class Advice:
    """A place in a solution that could be simpler.

    line      the number of the line where it is
    says      what is seen there, in a sentence
    changes   what replaces what, for a try
    lines     the numbers of the lines that change
    code      the lines that could be written instead
    """

    line: int
    says: str
    changes: Changes
    lines: set[int]
    code: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The advice, as it is printed in 80 columns."""
        sentence = indent(filled(f"Line {self.line}: {self.says}"), "  ")
        return "\n".join([sentence, *map(wrapped, self.code)])


def wrapped(line: str) -> str:
    """A line of new code, as it is printed: a long one goes over several lines.

    Brackets around the value of a long assignment allow that: y = a + … as y = (a + …).
    """
    assignment = re.fullmatch(r"(?P<target>[^=]+= )(?P<value>.+[^)])", line)
    if assignment and len(line) > COLUMNS:
        line = f"{assignment['target']}({assignment['value']})"
    return indent(fill(line, COLUMNS, subsequent_indent=" " * 4), " " * 8)


def rebuilt(tree, changes: Changes):
    r"""A copy of a tree, or of a list of trees, with other nodes where `changes` has some.

    A statement that becomes an empty list is left out, and a loop with nothing left in it.

    >>> lines = ast.parse("a = 1\nb = 2").body
    >>> ast.unparse(rebuilt(lines, {lines[0]: []}))
    'b = 2'
    """
    if isinstance(tree, list):
        return rebuilt_list(tree, changes)
    if not isinstance(tree, ast.AST):  # the name of a variable, a number
        return tree
    if tree in changes:
        return changes[tree]
    parts = {name: rebuilt(part, changes) for name, part in ast.iter_fields(tree)}
    if isinstance(tree, ast.For) and not parts["body"]:
        return []
    return ast.copy_location(type(tree)(**parts), tree)


def rebuilt_list(trees: list, changes: Changes) -> list:
    """Copies of the trees in a list; where one becomes a list, all that is in it."""
    copies = []
    for tree in trees:
        copy = rebuilt(tree, changes)
        copies += copy if isinstance(copy, list) else [copy]
    return copies


def verbatim(code: str) -> ast.Name:
    """A node that is this code: a name is written out as it is, whatever it is made of.

    >>> ast.unparse(verbatim("x + 1"))
    '(x + 1)'
    """
    return ast.Name(f"({code})")


def replaced(code: str, old: str, new: str) -> str:
    r"""The code, with whole lines that read like `old` written like `new`.

    A word in braces stands for any code, for the same wherever it appears; > also stands for >=.

    >>> replaced("x[n] * (x[n] >= 0)", "{x} * ({x} > 0)", "numpy.maximum({x}, 0)")
    'numpy.maximum(x[n], 0)'
    >>> counting = "if {test}:\n    {n} += 1", "{n} += {test}"
    >>> replaced("if x == 7:\n    n += 1", *counting)
    'n += x == 7'

    An if that goes on, with more statements or with an else, stays as it is:

    >>> replaced("if x == 7:\n    n += 1\n    m = n", *counting)
    'if x == 7:\n    n += 1\n    m = n'
    """

    def written(match: re.Match) -> str:
        return match["indent"] + new.format(**match.groupdict())

    goes_on = r"\n(?P=indent)(?: |el)"
    return re.sub(f"(?m)^(?P<indent> *){pattern(old)}$(?!{goes_on})", written, code)


def pattern(template: str) -> str:
    r"""The regular expression for a template of `replaced`.

    >>> pattern("{x}+{x}")
    '(?P<x>.+)\\+(?P=x)'
    """
    expression, seen = "", set()
    for literal, word, _, _ in Formatter().parse(template):
        literal = re.escape(literal).replace(">", ">=?")
        # Each line begins as far to the right as the first one; re.escape writes \ before its end.
        expression += literal.replace("\\\n", "\n(?P=indent)")
        if word in seen:
            expression += f"(?P={word})"
        elif word:
            expression += f"(?P<{word}>.+)"
            seen.add(word)
    return expression
