"""Random bits that depend on a key and a place alone: the same on a CPU and on a GPU, in any
order."""

from minialex.backend import Array

#: The odd number nearest to 2⁶⁴ divided by the golden ratio, and two multipliers that were found by
#: search.
GAMMA, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def random_bits(key: int, places: Array) -> Array:
    """64 random bits for each of `places`: both uint64, of the same shape.

    The generator SplitMix64 with the seed `key` gives for the place i what it would draw in its
    (i + 1)-th step (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
    It needs no step before that: it counts, and then mixes the count. Sums and products are modulo
    2⁶⁴.
    """
    uint64 = places.dtype.type
    z = (places + uint64(1)) * uint64(GAMMA) + uint64(key)
    z = (z ^ (z >> uint64(30))) * uint64(FIRST)
    z = (z ^ (z >> uint64(27))) * uint64(SECOND)
    return z ^ (z >> uint64(31))
