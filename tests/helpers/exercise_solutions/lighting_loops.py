"""Different light picture by picture; components by NumPy's covariance and by sorting."""

import numpy


def principal(self, pixels):
    covariance = numpy.cov(pixels, rowvar=False, bias=True)
    values, vectors = numpy.linalg.eig(covariance)
    order = numpy.argsort(values)[::-1]
    return values[order], vectors[:, order]


def shifts(self, alphas, values, vectors):
    found = []
    for alpha in alphas:
        shift = numpy.zeros(3)
        for i in range(3):
            shift += alpha[i] * values[i] * vectors[:, i]
        found.append(shift)
    return numpy.array(found)


def light(self, images, shifts):
    lit = images.copy()
    for n in range(len(images)):
        for c in range(3):
            lit[n, :, :, c] += shifts[n, c]
    return lit
