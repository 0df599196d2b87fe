"""Different light with matrix products over all pixels and all pictures."""

import numpy


def principal(self, pixels):
    centred = pixels - pixels.mean(axis=0)
    covariance = centred.T @ centred / len(pixels)
    values, vectors = numpy.linalg.eigh(covariance)
    return values[::-1], vectors[:, ::-1]


def shifts(self, alphas, values, vectors):
    return (alphas * values) @ vectors.T


def light(self, images, shifts):
    return images + shifts[:, None, None, :]
