"""Code that could be shorter: what is computed twice, expressions, unused names, long methods."""

import ast
import inspect
import re
from collections.abc import Iterator

from minialex import layers
from minialex.grader.advice import Advice, Changes, replaced, verbatim
from minialex.grader.array_code import GUESSES_FOR_OVER, REDUCTIONS, reduction

#: Functions and methods of NumPy that take so long that a result is worth keeping.
COSTLY = REDUCTIONS | {
    *("exp", "log", "sqrt", "tanh", "argsort", "einsum", "tensordot", "dot", "matmul", "pad")
}
#: Expressions, and shorter ones that may do the same (templates, see advice.replaced).
SHORTER = {
    # numpy.where(x > 0, x, 0), x * (x > 0) or (x >= 0) * x -> numpy.maximum(x, 0)
    "numpy.where({x} > 0, {x}, 0)": "numpy.maximum({x}, 0)",
    "{x} * ({x} > 0)": "numpy.maximum({x}, 0)",
    "({x} > 0) * {x}": "numpy.maximum({x}, 0)",
    # x.reshape(2, 3).reshape(-1) -> x.reshape(-1)
    "{x}.reshape({shape}).reshape({last})": "{x}.reshape({last})",
    # x.swapaxes(0, 1), or the same in other words -> x.T
    "{x}.swapaxes(0, 1)": "{x}.T",
    "{x}.swapaxes(1, 0)": "{x}.T",
    "{x}.transpose(1, 0)": "{x}.T",
    # train == True -> train
    "{condition} == True": "{condition}",
    # train == False -> not train
    "{condition} == False": "not {condition}",
}


def repeats(layer: ast.ClassDef) -> Iterator[Advice]:
    """Costly calls that are made twice, the longest first."""
    for method in layer.body:
        calls = costly_calls(method)
        for seen in sorted(calls, key=len, reverse=True):
            if len(calls[seen]) > 1:
                yield kept(seen, calls[seen])


def costly_calls(method: ast.stmt) -> dict[str, list[ast.Call]]:
    """The costly calls in a method, by their code: numpy.exp(x), twice."""
    found: dict[str, list[ast.Call]] = {}
    for node in ast.walk(method):
        match node:
            case ast.Call(ast.Attribute(_, name)) if name in COSTLY:
                found.setdefault(ast.unparse(node), []).append(node)
    return found


def kept(seen: str, calls: list[ast.Call]) -> Advice:
    """The advice to keep the result of calls that all read like `seen`."""
    first, *others = sorted(calls, key=lambda call: (call.lineno, call.col_offset))
    # The first call becomes (_kept_ := numpy.exp(x)): it is computed there, and gets a name.
    changes: Changes = {first: verbatim(f"_kept_ := {seen}")}
    for other in others:
        changes[other] = ast.Name("_kept_")
    lines = {call.lineno for call in calls}
    last = others[-1].lineno
    again = "twice" if last == first.lineno else f"again in line {last}"
    says = f"{seen} is computed {again}. It could be kept in a variable."
    return Advice(first.lineno, says, changes, lines)


def shorter(layer: ast.ClassDef) -> Iterator[Advice]:
    """Expressions that can be shorter, and names that nobody needs."""
    for method in layer.body:
        used = names_used(method)
        for node in ast.walk(method):
            match node:
                case ast.Assign([ast.Name(name)], value):
                    if name not in used and only_computes(value):
                        says = f"{name} is never used, so the line could go."
                        yield Advice(node.lineno, says, {node: []}, {node.lineno})
                case ast.Call() | ast.BinOp(_, ast.Mult()) | ast.Compare():
                    says = f"{ast.unparse(node)} could be:"
                    for new in shorter_forms(node):
                        changes = {node: verbatim(new)}
                        yield Advice(node.lineno, says, changes, {node.lineno}, [new])


def names_used(method: ast.stmt) -> set[str]:
    """The names of the variables that are read somewhere in a method."""
    names = [node for node in ast.walk(method) if isinstance(node, ast.Name)]
    return {node.id for node in names if isinstance(node.ctx, ast.Load)}


def only_computes(value: ast.expr) -> bool:
    """Whether nothing is lost without the expression: numpy.max(x), but not self.check(x)."""
    calls = [ast.unparse(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)]
    return all(re.fullmatch(r"len|numpy(\.\w+)+", call) for call in calls)


def shorter_forms(node: ast.expr) -> Iterator[str]:
    """Shorter code that may do the same as an expression."""
    seen = ast.unparse(node)
    for old, new in SHORTER.items():
        if replaced(seen, old, new) != seen:
            yield replaced(seen, old, new)
    if is_pythons_reduction(node):
        array, kind = reduction(node)
        yield method_call(array, kind, "")
    yield from single_reductions(node)


def is_pythons_reduction(node: ast.expr) -> bool:
    """Whether it is a call like sum(x), which x.sum() can replace: not numpy.sum(x), max(x, 0)."""
    match node:
        case ast.Call(ast.Name(), [_], []):
            return reduction(node) is not None
    return False


def single_reductions(node: ast.expr) -> Iterator[str]:
    """Reductions of each other in one: x.sum(0).sum(0) -> x.sum(axis=(0, 1)), and other guesses."""
    array, kinds = node, []
    while reduction(array):
        array, kind = reduction(array)
        kinds.append(kind)
    if len(kinds) > 1:
        for axes in GUESSES_FOR_OVER:
            yield method_call(array, kinds[0], axes)


def method_call(array: ast.expr, name: str, arguments: str) -> str:
    """The code of a call of a method: (x + 1).sum(axis=0)."""
    return f"{ast.unparse(ast.Attribute(array, name))}({arguments})"


def longer(layer: ast.ClassDef) -> Iterator[Advice]:
    """Methods that are much longer than minialex's own."""
    shipped = getattr(layers, layer.name, None)
    if shipped is None:
        return
    own = {method.name: method for method in methods(ast.parse(inspect.getsource(shipped)).body[0])}
    for method in methods(layer):
        if method.name not in own:
            continue
        long, short = statements(method), statements(own[method.name])
        if long > 3 * short and long >= short + 8:
            says = (
                f"{method.name} takes {long} statements. minialex's own takes {short}, besides "
                f"what it calls: {shipped.__module__.replace('.', '/')}.py"
            )
            last = method.body[-1]
            yield Advice(method.lineno, says, {last: last}, set())  # a try without a change


def methods(layer: ast.ClassDef) -> list[ast.FunctionDef]:
    return [node for node in layer.body if isinstance(node, ast.FunctionDef)]


def statements(method: ast.FunctionDef) -> int:
    """How many statements a method has, without texts that explain it."""
    inner = [node for node in ast.walk(method) if isinstance(node, ast.stmt) and node is not method]
    return sum(not is_text(node) for node in inner)


def is_text(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(ast.Constant(str())):
            return True
    return False
