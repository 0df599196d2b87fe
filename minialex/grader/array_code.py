"""Code that goes from number to number in loops, rewritten for whole arrays: guesses."""

import ast
import itertools
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from minialex.grader.advice import replaced

#: Functions and methods that make few numbers of many.
REDUCTIONS = {"sum", "max", "min", "mean", "any", "all", "argmax", "argmin"}
#: Two words stand for axes that are still to be guessed. _axis_: those of a reduction in the
#: learner's code, x[n].sum(), which must leave the axis of n alone once x[n] is x. _over_: those of
#: a reduction that does what the loop did, as after total += x[n].
GUESSES_FOR_AXIS = (
    "axis=1",
    "axis=1, keepdims=True",
    "axis=(1, 2)",
    "axis=(1, 2, 3)",
    "axis=(0, 1)",
    "axis=(0, 1, 2)",
    "axis=-1",
)
GUESSES_FOR_OVER = ("", "axis=0", "axis=(0, 1)", "axis=(0, 1, 2)", "axis=(1, 2, 3)")
#: Decisions about a number, and what does the same to arrays (templates, see advice.replaced).
DECISIONS = {
    # if x[n] > best:
    #     best = x[n]           ->  best = x[n].max(_over_)
    "if {new} > {best}:\n    {best} = {new}": "{best} = ({new}).max(_over_)",
    # best = max(best, x[n])    ->  best = x[n].max(_over_)
    "{best} = max({best}, {new})": "{best} = ({new}).max(_over_)",
    # if x[n] > 0:
    #     y[n] = x[n]
    # else:
    #     y[n] = 0              ->  y[n] = numpy.where(x[n] > 0, x[n], 0)
    "if {test}:\n    {y} = {a}\nelse:\n    {y} = {b}": "{y} = numpy.where({test}, {a}, {b})",
    # if x[n] < 0:
    #     y[n] = 0              ->  y[n] = numpy.where(x[n] < 0, 0, y[n])
    "if {test}:\n    {y} = {a}": "{y} = numpy.where({test}, {a}, {y})",
    # y[n] = 1 if x[n] else 2   ->  y[n] = numpy.where(x[n], 1, 2)
    "{y} = {a} if {test} else {b}": "{y} = numpy.where({test}, {a}, {b})",
    # if x[n] > 0:
    #     count += 1            ->  count += x[n] > 0, and later (x > 0).sum(_over_)
    "if {test}:\n    {count} += 1": "{count} += {test}",
}


@dataclass
class Head:
    """The first line of a loop over numbers.

    line      for n, row in enumerate(x):
    ranges    its variables, each with its first value and its end: {"n": ("0", "len(x)")}
    assigns   what else it gives a value to: row = x[n]
    """

    line: str
    ranges: dict[str, tuple[str, str]]
    assigns: str = ""


def head_of(loop: ast.For) -> Head | None:
    """The head of a loop over numbers; None if it goes over something else."""
    line = ast.unparse(loop).partition("\n")[0]
    match loop.target, loop.iter:
        case ast.Name(name), ast.Call(ast.Name("range"), [stop]):
            return Head(line, {name: ("0", ast.unparse(stop))})
        case ast.Name(name), ast.Call(ast.Name("range"), [start, stop]):
            return Head(line, {name: (ast.unparse(start), ast.unparse(stop))})
        case target, ast.Call(ast.Attribute(_, "ndindex"), sizes):
            return Head(line, ranges_of_ndindex(target, sizes))
        case ast.Tuple([ast.Name(name), item]), ast.Call(ast.Name("enumerate"), [argument]):
            array = ast.unparse(argument)
            ranges = {name: ("0", f"len({array})")}
            return Head(line, ranges, f"{ast.unparse(item)} = {array}[{name}]")
    return None


def ranges_of_ndindex(target: ast.expr, sizes: list[ast.expr]) -> dict[str, tuple[str, str]]:
    """The variables of a loop over numpy.ndindex(N, C) or numpy.ndindex(x.shape), with their ends.

    n, c in the first: N and C. In the second: x.shape[0] and x.shape[1].
    """
    variables = target.elts if isinstance(target, ast.Tuple) else [target]
    stops = [ast.unparse(size) for size in sizes]
    if len(stops) < len(variables):
        stops = [f"{stops[0]}[{axis}]" for axis in range(len(variables))]
    pairs = zip(variables, stops, strict=False)
    return {ast.unparse(variable): ("0", stop) for variable, stop in pairs}


def array_forms(code: str, heads: list[Head]) -> Iterator[ast.Module]:
    """What the code may be without the loops that have these heads, guess by guess."""
    for old, new in DECISIONS.items():
        code = replaced(code, old, new)
    with suppress(SyntaxError):  # where a loop's variable is more than an index: y[n] = n
        code = ast.unparse(WithAxisToGuess().visit(ast.parse(code)))
        for head in heads:
            code = without_loop(code, head)
        for guess in guesses(without_full_slices(code)):
            yield ast.parse(guess)


class WithAxisToGuess(ast.NodeTransformer):
    """Writes sum(x), numpy.sum(x, axis=0) and x.sum(0) as x.sum(_axis_), and so each reduction."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        found = reduction(node)
        return ast.Call(ast.Attribute(*found), [ast.Name("_axis_")], []) if found else node


def reduction(node: ast.expr) -> tuple[ast.expr, str] | None:
    """What a call reduces, and how: x and "sum" for sum(x), numpy.sum(x, axis=0) and x.sum(0).

    None if it is no reduction, or has more arguments than an axis.
    """
    match node:
        case ast.Call(ast.Name(name) | ast.Attribute(ast.Name("numpy"), name), [array, *rest]):
            pass
        case ast.Call(ast.Attribute(array, name), rest):
            pass
        case _:
            return None
    if name not in REDUCTIONS or isinstance(array, ast.Starred):
        return None
    arguments = ", ".join(map(ast.unparse, [*rest, *node.keywords]))
    # Nothing, 0, -1, (0, 1), or one of them after axis=
    return (array, name) if re.fullmatch(r"|(axis=)?(-?\d|\([\d, ]+\))", arguments) else None


def without_loop(code: str, head: Head) -> str:
    r"""The code without the loop, on all values of its variables at once.

    The line of the loop becomes `if True:`, and so nothing has to be moved to the left.

    >>> head = Head("for n, row in enumerate(x):", {"n": ("0", "len(x)")}, "row = x[n]")
    >>> print(without_loop("for n, row in enumerate(x):\n    y[n] = 2 * row", head))
    if True:
        row = x[:]
        y[:] = 2 * row
    """
    line = rf"(?m)^(?P<indent> *){re.escape(head.line)}$"
    code = re.sub(line, rf"\g<indent>if True:\n\g<indent>    {head.assigns}", code)
    for variable, (first, stop) in head.ranges.items():
        code = without_index(code, variable, first, stop)
    return code


def without_index(code: str, index: str, first: str, stop: str) -> str:
    """The code with all values of an index, from `first` to `stop`, in its place.

    >>> without_index("y[n, c] = x[n]", "n", "0", "N")
    'y[:, c] = x[:]'
    >>> without_index("y[n] = x[n]", "n", "1", "N")
    'y[1:N] = x[1:N]'
    >>> without_index("x[i * S + k]", "k", "0", "K")
    'x[i * S:i * S + K]'
    >>> without_index("p[n, labels[n]]", "n", "0", "N")
    'p[numpy.arange(N), labels, None]'
    """
    # [n, labels[n]], or [labels[n]] if it is a row that is indexed; None keeps the axis of columns
    code = re.sub(
        rf"\[(?:{index}, )?(?P<labels>[\w.]+)\[{index}\]\]",
        rf"[numpy.arange({stop}), \g<labels>, None]",
        code,
    )
    # i * S + k
    code = re.sub(rf"(?P<start>\w[\w *]*) \+ {index}\b", rf"\g<start>:\g<start> + {stop}", code)
    return re.sub(rf"\b{index}\b", ":" if first == "0" else f"{first}:{stop}", code)


def without_full_slices(code: str) -> str:
    """The code without slices that take all there is.

    >>> without_full_slices("y[n, :, :] = 2 * x[:]")
    'y[n] = 2 * x'
    >>> without_full_slices("y[:, :] = x[:, :]")
    'y = x.copy()'
    """
    code = re.sub(r"(, :)+\]", "]", code)  # x[n, :, :] -> x[n]
    code = re.sub(r"(?m)\[:\] = (\S+)\[:\]$", r" = \1.copy()", code)  # y[:] = x[:] -> y = x.copy()
    return code.replace("[:]", "")


def guesses(code: str) -> Iterator[str]:
    """The code with every guess at what is open: sums, arguments of reductions, added axes."""
    # total += x -> total += (x).sum(_over_)
    with_sums = re.sub(
        r"(?m) (?P<sign>[+-])= (?P<value>.*)$", r" \g<sign>= (\g<value>).sum(_over_)", code
    )
    forms = []
    for each in (code, with_sums):
        forms += [each.replace(", None]", "]"), each]  # without and with an axis for the columns
    ways = itertools.product(GUESSES_FOR_AXIS, forms, GUESSES_FOR_OVER)
    written = [form.replace("_axis_", axis).replace("_over_", over) for axis, form, over in ways]
    yield from dict.fromkeys(written)  # each one once
