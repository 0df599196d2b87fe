"""Grades lessons/exercises/lighting.py: the components of colour, shifts, the classic mistakes."""

from collections.abc import Callable

import numpy

from minialex.grader.calls import CallCase, Method, trial
from minialex.grader.exercise import Exercise, Mistake, Stage
from minialex.grader.learner import Wrong


class Lighting:
    """All three in steps that a mistake can replace."""

    def principal(self, pixels: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        return self.ordered(*numpy.linalg.eigh(self.covariance(pixels)))

    def covariance(self, pixels: numpy.ndarray) -> numpy.ndarray:
        centred = pixels - self.mean(pixels)
        return centred.T @ centred / self.divisor(pixels)

    def mean(self, pixels: numpy.ndarray) -> numpy.ndarray:
        return pixels.mean(axis=0)

    def divisor(self, pixels: numpy.ndarray) -> int:
        return len(pixels)

    def ordered(
        self, values: numpy.ndarray, vectors: numpy.ndarray
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """What principal returns, of eigenvalues and eigenvectors with the smallest first."""
        return values[::-1], vectors[:, ::-1]

    def shifts(
        self, alphas: numpy.ndarray, values: numpy.ndarray, vectors: numpy.ndarray
    ) -> numpy.ndarray:
        return (alphas * values) @ vectors.T

    def light(self, images: numpy.ndarray, shifts: numpy.ndarray) -> numpy.ndarray:
        return images + shifts[:, None, None]


class LightingTrial(trial(Method("shifts", "shifts"), Method("light", "images"))):
    """First the components; their signs, and whether M or M − 1 divides, do not count."""

    def principal(self) -> dict:
        pixels = self.case.arguments["principal"]["pixels"]
        with self.lent(pixels=pixels) as (lent,):
            got = self.object.principal(lent)
        try:
            values, vectors = got
        except (TypeError, ValueError):
            raise Wrong("principal returns something else than two arrays, (λ, p).") from None
        return {"λ": divided_by_all(values, pixels), "p": turned(vectors)}

    def place(self, name: str, index: tuple[int, ...]) -> str:
        sign = " (with the sign that makes the largest number of its column positive)"
        return super().place(name, index) + sign * (name == "p")


def divided_by_all(values: object, pixels: numpy.ndarray) -> object:
    """The eigenvalues of a covariance that was divided by M − 1 as if it had been by M."""
    factor = (len(pixels) - 1) / len(pixels)
    total = pixels.var(axis=0).sum()  # the trace of the covariance
    if isinstance(values, numpy.ndarray) and numpy.isclose(values.sum() * factor, total, 1e-9, 0):
        return values * factor
    return values


def turned(vectors: object) -> object:
    """The columns with the sign that makes the number of the largest size positive."""
    if not isinstance(vectors, numpy.ndarray) or vectors.ndim != 2 or not vectors.size:
        return vectors
    largest = abs(vectors).argmax(axis=0)
    return vectors * numpy.where(vectors[largest, range(vectors.shape[1])] < 0, -1, 1)


def cases(rng: numpy.random.Generator) -> list[CallCase]:
    """One picture; several, whose sides are as many, so that a wrong axis does not show in shapes;
    others.

    Pixels vary along axes that do not look the same in rows and in columns.
    """
    axes = numpy.array([[2, -2, 1], [1, 2, 2], [2, 1, -2]]) / 3
    found = []
    for pixels, shape in ((50, (1, 3, 5, 3)), (90, (4, 4, 4, 3)), (200, (5, 4, 6, 3))):
        spread = rng.uniform(-1, 1, (pixels, 3)) * [0.4, 0.15, 0.05]
        alphas = 0.1 * rng.standard_normal((shape[0], 3))
        vectors = axes * rng.choice([-1, 1], 3)
        arguments = dict(
            principal=dict(pixels=[0.5, 0.45, 0.55] + spread @ axes.T),
            shifts=dict(alphas=alphas, values=rng.uniform(0.01, 0.3, 3), vectors=vectors),
            light=dict(images=rng.random(shape), shifts=rng.uniform(-0.3, 0.3, (shape[0], 3))),
        )
        found.append(CallCase(arguments, f"{pixels} pixels, images {shape}"))
    return found


def returning(change: Callable):
    """A `principal` that returns change(values, vectors) of the right ones."""
    return lambda self, pixels: change(*Lighting.principal(self, pixels))


#: The signs that eigenvectors may have, but for one that they share.
SIGNS = [(1, 1, 1), (1, 1, -1), (1, -1, 1), (1, -1, -1)]
COVARIANCE = "S is about deviations from the mean colour: pixels − pixels.mean(axis=0)."
LARGEST_FIRST = (
    "eigh returns the smallest eigenvalue first, and its vectors in columns: values[::-1] belongs "
    "with vectors[:, ::-1]."
)
ROOTS = (
    "these are the roots of the eigenvalues",
    "λ is the variance along p, and the paper's formula has λ itself. Its program of 2012 took the "
    "roots, which are standard deviations.",
)
PRINCIPAL = [
    Mistake(
        "the mean is not subtracted",
        COVARIANCE + " Otherwise the mean colour's square is in λ₁, too, and p₁ turns towards it.",
        mean=lambda self, pixels: 0,
    ),
    Mistake(
        "one mean is subtracted from all channels",
        COVARIANCE + " Red, green and blue each have a mean.",
        mean=lambda self, pixels: pixels.mean(),
    ),
    Mistake(
        "pixels are divided by their standard deviations",
        "That gives correlations: a channel that varies little counts as much as one that varies "
        "much.",
        covariance=lambda self, pixels: numpy.corrcoef(pixels.T),
    ),
    Mistake(
        "numpy.cov takes pixels for channels",
        "It wants a variable in each row: numpy.cov(pixels.T), which is (3, 3).",
        covariance=lambda self, pixels: numpy.cov(pixels),
    ),
    Mistake(
        "the sum is not divided by the number of pixels",
        "S is a mean over pixels, or λ would grow with their number.",
        divisor=lambda self, pixels: 1,
    ),
    Mistake(
        "the sum is divided by the number of all numbers",
        "S is a mean over M pixels; each of them has three numbers.",
        divisor=lambda self, pixels: pixels.size,
    ),
    Mistake(
        "the smallest comes first",
        LARGEST_FIRST,
        ordered=lambda self, values, vectors: (values, vectors),
    ),
    Mistake(
        "only the eigenvalues are turned round",
        LARGEST_FIRST,
        ordered=lambda self, values, vectors: (values[::-1], vectors),
    ),
    Mistake(
        "the rows of the vectors are turned round, not the columns",
        LARGEST_FIRST,
        ordered=lambda self, values, vectors: (values[::-1], vectors[::-1]),
    ),
    *(
        Mistake(
            "the eigenvectors are rows",
            "eigh has them in columns, and so should the result: vectors[:, i] belongs to "
            "values[i].",
            principal=returning(lambda values, vectors, s=s: (values, (vectors * s).T)),
        )
        for s in SIGNS
    ),
    Mistake(*ROOTS, principal=returning(lambda values, vectors: (numpy.sqrt(values), vectors))),
    Mistake(
        *ROOTS,
        principal=returning(lambda values, vectors: (numpy.sqrt(values), vectors)),
        divisor=lambda self, pixels: len(pixels) - 1,
    ),
    Mistake(
        "these are singular values",
        "A singular value s of the centred pixels belongs to λ = s² / M.",
        principal=lambda self, pixels: (
            numpy.linalg.svd(pixels - pixels.mean(axis=0))[1],
            Lighting.principal(self, pixels)[1],
        ),
    ),
]
BLUE_FIRST = (
    "blue comes first",
    "Channels are red, green, blue here, in pictures and in the rows of the eigenvectors.",
)
SHIFTS = [
    Mistake(
        "√λ is taken for λ",
        "The paper's formula has λ itself. Its program of 2012 took the root, a larger shift.",
        shifts=lambda self, alphas, values, vectors: (alphas * numpy.sqrt(values)) @ vectors.T,
    ),
    Mistake(
        "λ is missing",
        "Along each pᵢ the shift is αᵢ · λᵢ: large where colours vary much.",
        shifts=lambda self, alphas, values, vectors: alphas @ vectors.T,
    ),
    Mistake(
        "the rows of the eigenvectors are taken for columns",
        "pᵢ is vectors[:, i]: the shift is Σ αᵢ · λᵢ · vectors[:, i]. With pictures in rows that "
        "is a product with vectors.T.",
        shifts=lambda self, alphas, values, vectors: (alphas * values) @ vectors,
    ),
    Mistake(
        "each channel has an α, not each eigenvector",
        "αᵢ belongs to pᵢ, and moves all three channels along it: multiply α by λ before you sum.",
        shifts=lambda self, alphas, values, vectors: alphas * (vectors @ values),
    ),
    Mistake(
        "each channel has a λ, not each eigenvector",
        "λᵢ belongs to pᵢ, as αᵢ does: multiply α by λ before you sum.",
        shifts=lambda self, alphas, values, vectors: (alphas @ vectors.T) * values,
    ),
    Mistake(
        "all pictures share the α of the first",
        "Row n of alphas belongs to picture n: the light changes in each picture anew.",
        shifts=lambda self, alphas, values, vectors: (0 * alphas + alphas[0]) * values @ vectors.T,
    ),
    Mistake(
        "the shift is multiplied by 255",
        "That is for pixels from 0 to 255. Here they go from 0 to 1.",
        shifts=lambda self, alphas, values, vectors: 255 * (alphas * values) @ vectors.T,
    ),
    Mistake(
        "the shifts are columns",
        "The shift of picture n is row n: (N, 3).",
        shifts=lambda self, alphas, values, vectors: vectors @ (alphas * values).T,
    ),
    Mistake(
        *BLUE_FIRST,
        shifts=lambda self, alphas, values, vectors: (alphas * values) @ vectors[::-1].T,
    ),
]
ONE_EACH = (
    "Picture n has one shift for all its pixels, its light: shifts (N, 3) needs two axes of size 1 "
    "for rows and columns, shifts[:, None, None, :]."
)
LIGHT = [
    Mistake(
        "each column of pixels has a shift, not each picture",
        ONE_EACH,
        light=lambda self, images, shifts: images + shifts,
    ),
    Mistake(
        "each row of pixels has a shift, not each picture",
        ONE_EACH,
        light=lambda self, images, shifts: images + shifts[:, None],
    ),
    Mistake(
        "all pictures get the first picture's shift",
        "The light changes in each picture anew: shifts[n] is for images[n].",
        light=lambda self, images, shifts: images + shifts[0],
    ),
    Mistake(
        "the three numbers of a shift are averaged",
        "A shift changes the colour: red gets its first number, green the second, blue the third.",
        light=lambda self, images, shifts: images + shifts.mean(axis=1)[:, None, None, None],
    ),
    Mistake(
        "results are clipped to 0 and 1",
        "Here they may lie outside: nothing is shown, and a net takes any number.",
        light=lambda self, images, shifts: (images + shifts[:, None, None]).clip(0, 1),
    ),
    Mistake(*BLUE_FIRST, light=lambda self, images, shifts: images + shifts[:, None, None, ::-1]),
]
STAGES = {"principal": PRINCIPAL, "shifts": SHIFTS, "light": LIGHT}
EXERCISE = Exercise(
    "lighting",
    Lighting,
    LightingTrial,
    cases,
    {name: Stage("10", mistakes) for name, mistakes in STAGES.items()},
)
