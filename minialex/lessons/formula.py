r"""LaTeX formulas as a terminal can show them: $\sum_d x_d W_{k,d}$ as Σ_d x[d] W[k, d].

An index becomes what it is in the code, x[d]. A fraction becomes a quotient, with parentheses where
it needs them. Greek letters, arrows and the like are pylatexenc's.
"""

import re

from pylatexenc.latex2text import (
    LatexNodes2Text,
    MacroTextSpec,
    get_default_latex_context_db,
)

#: $$formula$$ or $formula$; what is between ` and ` is code, in which $ is $.
FORMULA = re.compile(r"(?P<code>`[^`]*`)|\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$]+)\$", re.DOTALL)

#: What stands below or above something: x_d, x^{2n}, \sum_{j=0}.
SCRIPT = re.compile(r"(?P<base>Σ|Π|max|min|.?)(?P<mark>[_^])(?:\{(?P<group>[^{}]*)\}|(?P<one>.))")

#: They stand for _ and ^ where those stay, so that they are not found again.
BELOW, ABOVE = "\ue000", "\ue001"

#: Around a quotient, until it is known what follows.
OPEN, CLOSE = "\ue002", "\ue003"
QUOTIENT = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}(?P<factor> ?[·\\w(√Σ])?")

SUPERSCRIPTS = str.maketrans("0123456789+−ijknT⊤", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁱʲᵏⁿᵀᵀ")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def in_terminal(markdown: str) -> str:
    """Markdown with its formulas as plain text; those on lines of their own as indented blocks."""

    def shown(match: re.Match) -> str:
        if match["code"]:
            return match["code"]
        if match["inline"]:
            return escaped(plain(match["inline"]))
        lines = match["block"].strip().split(r"\\")
        return "\n".join(f"    {plain(line.replace('&', ''))}" for line in lines)

    return FORMULA.sub(shown, markdown)


def escaped(text: str) -> str:
    """Text that means the same in Markdown."""
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", text)


def plain(formula: str) -> str:
    """One formula, without its $, as text."""
    if r"\qquad" in formula:
        return (8 * " ").join(plain(part) for part in formula.split(r"\qquad"))
    text = CONVERTER.latex_to_text(" ".join(formula.split()))
    text = text.translate(str.maketrans("∑∏-", "ΣΠ−"))
    while match := SCRIPT.search(text):
        text = text[: match.start()] + script(match) + text[match.end() :]
    text = re.sub(r"\b(log|exp|max|min)(?=\w)", r"\1 ", text)
    text = re.sub(r" *([=←→≈≠∈<>≤≥×⊙]) *", r" \1 ", re.sub(r"  +", " ", text))
    text = re.sub(r"(?<=\S)([+−]) ", r" \1 ", re.sub(r" *· *", "·", text.replace(" ⌋", "⌋")))
    while match := QUOTIENT.search(text):
        factor = match["factor"] or ""
        quotient = f"({match[1]})" if factor else match[1]
        text = text[: match.start()] + quotient + factor + text[match.end() :]
    text = text.translate(str.maketrans({"{": "", "}": "", BELOW: "_", ABOVE: "^"}))
    return text.strip()


def script(match: re.Match) -> str:
    """What stands below or above, with what it belongs to, on one line."""
    base, below = match["base"], match["mark"] == "_"
    inner = match["one"] or match["group"].strip()
    if base in ("Σ", "Π", "max", "min"):
        return base + (BELOW if below else ABOVE) + (inner if len(inner) == 1 else f"({inner})")
    if below and base.isupper() and len(inner) == 1 and inner.isupper():
        return base + inner  # K_H is KH in code
    if below and inner.isdigit():
        return base + inner.translate(SUBSCRIPTS)
    if below:
        return f"{base}[{re.sub(', *', ', ', inner)}]"
    raised = inner.translate(SUPERSCRIPTS)
    if set(inner).isdisjoint(raised):
        return base + raised
    return base + ABOVE + (inner if len(inner) == 1 else f"({inner})")


def fraction(node, l2tobj: LatexNodes2Text) -> str:
    r"""What \frac becomes."""
    parts = [l2tobj.nodelist_to_text(part.nodelist) for part in node.nodeargs]
    parts = [f"({part})" if re.search(r"[^\w∂{}_^,]", part) else part for part in parts]
    return OPEN + " / ".join(parts) + CLOSE


def converter() -> LatexNodes2Text:
    """pylatexenc's, with fractions as above, and with braces, which say how far a script goes."""
    known = get_default_latex_context_db()
    known.add_context_category(
        "fractions", prepend=True, macros=[MacroTextSpec("frac", simplify_repl=fraction)]
    )
    return LatexNodes2Text(
        latex_context=known, keep_braced_groups=True, math_mode="text", strict_latex_spaces=False
    )


CONVERTER = converter()
