"""SplitMix64: the published numbers, on every array module."""

import numpy
from naive import assert_same

from minialex import backend
from minialex.layers.splitmix64 import random_bits

#: What the generator of the paper's authors draws first from the seed 1234567, as test vectors of
#: several libraries have it.
FIRST_FIVE = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def test_the_numbers_of_the_reference_implementation(xp):
    drawn = random_bits(1234567, xp.arange(5, dtype="uint64"))
    assert backend.to_host(drawn).tolist() == FIRST_FIVE


def test_a_place_has_the_same_bits_in_whatever_order_they_are_asked_for(xp):
    key = 2**64 - 1
    together = backend.to_host(random_bits(key, xp.arange(60, dtype="uint64")))
    apart = random_bits(key, xp.arange(40, 60, dtype="uint64").reshape(4, 5))
    assert_same(apart, together[40:].reshape(4, 5))


def test_neighbouring_keys_and_places_share_no_more_bits_than_chance():
    """Of 64 bits 32 are equal by chance, give or take 4; over 10,000 pairs, give or take 0.04."""
    places = numpy.arange(10_000, dtype="uint64")
    bits = random_bits(7, places)
    for others in (random_bits(8, places), random_bits(7, places + numpy.uint64(1))):
        differ = numpy.unpackbits((bits ^ others).view("uint8")).reshape(-1, 64).sum(axis=1)
        assert abs(differ.mean() - 32) < 0.2
        assert differ.min() >= 10
