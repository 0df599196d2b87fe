"""Formulas in a terminal: indices as in code, fractions with the parentheses that they need."""

import pytest

from minialex.lessons.formula import in_terminal, plain


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (r"s_k = b_k + \sum_d x_d\, W_{k,d}", "s[k] = b[k] + Σ_d x[d] W[k, d]"),
        (r"\frac{e^{s_k}}{\sum_j e^{s_j}}", "e^(s[k]) / (Σ_j e^(s[j]))"),
        (r"\frac{\partial L}{\partial W_{kd}}", "∂L / ∂W[kd]"),
        (r"\frac{a + b}{2}", "(a + b) / 2"),
        (r"n \times n \odot(x)", "n × n ⊙ (x)"),
        (r"\frac{a}{b} \cdot S + \frac{1}{2}", "(a / b)·S + 1 / 2"),
        (r"\mathrm{d}W = \mathrm{d}Y^\top X", "dW = dYᵀX"),
        (r"10^{-5} \approx 2^{x + 1}", "10⁻⁵ ≈ 2^(x + 1)"),
        (r"a_{x,y}^i", "a[x, y]ⁱ"),
        (r"(O, K_H, K_W, C)", "(O, KH, KW, C)"),
        (r"0.9 \cdot v_0 + w_{12}", "0.9·v₀ + w₁₂"),
        (r"\sum_{j=0}^{n-1} a_j", "Σ_(j = 0)ⁿ⁻¹ a[j]"),
        (r"-\log 10", "−log 10"),
        (r"\left\lfloor \frac{H - K}{s} \right\rfloor + 1", "⌊(H − K) / s⌋ + 1"),
        (r"w \leftarrow w - \varepsilon g \qquad v = 0", "w ← w − εg        v = 0"),
    ],
)
def test_a_formula(formula, text):
    assert plain(formula) == text


def test_formulas_between_text():
    text = in_terminal("Take $a_i$ of `$x`:\n\n$$\na &= b_c \\\\\n&= 3\n$$\n\nThat costs nothing.")
    assert text == ("Take a\\[i\\] of `$x`:\n\n    a = b[c]\n    = 3\n\nThat costs nothing.")
