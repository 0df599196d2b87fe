"""Damage that fits any file: changed, lost, doubled and moved bytes; and right checksums after it.

`rng` is a random.Random everywhere: NumPy's generators would cut zero bytes off the end of bytes.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

#: Numbers that readers trip over, for fields of one, two, four or eight bytes.
NUMBERS = (
    *(0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000),
    *(0xFFFFFFFE, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1),
)

#: Changes a file's bytes.
Mutator = Callable[[bytes, Random], bytes]


def mutated(content: bytes, rng: Random, mutators: tuple[Mutator, ...] = ()) -> bytes:
    """The file with one to three changes, each by one of `mutators` (default: ANY)."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        content = rng.choice(mutators or ANY)(content, rng)
    return content


def flipped(content: bytes, rng: Random) -> bytes:
    """With up to eight bits changed."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8) if content else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwritten(content: bytes, rng: Random) -> bytes:
    """With random bytes in one place."""
    start, end = some_span(content, rng, 16)
    return content[:start] + rng.randbytes(end - start) + content[end:]


def with_number(content: bytes, rng: Random) -> bytes:
    """With one of NUMBERS, or with another one nearby, somewhere: in 1, 2, 4 or 8 bytes, the lowest
    or the highest first."""
    size, order = rng.choice((1, 2, 4, 8)), rng.choice(("little", "big"))
    start = rng.randrange(max(1, len(content) - size + 1))
    there = int.from_bytes(content[start : start + size], order)
    number = rng.choice((*NUMBERS, there + 1, there - 1, 2 * there, there // 2))
    field = (number % (1 << 8 * size)).to_bytes(size, order)
    return content[:start] + field + content[start + size :]


def cut(content: bytes, rng: Random) -> bytes:
    """Without its end."""
    return content[: rng.randrange(len(content) + 1)]


def shortened(content: bytes, rng: Random) -> bytes:
    """Without a part in the middle."""
    start, end = some_span(content, rng, 64)
    return content[:start] + content[end:]


def with_insertion(content: bytes, rng: Random) -> bytes:
    """With bytes added: random ones, the same ones or some that are there already."""
    start, end = some_span(content, rng, 64)
    count = rng.randint(1, 64)
    new = rng.choice(
        (rng.randbytes(count), bytes([rng.randrange(256)]) * count, content[start:end])
    )
    place = rng.randrange(len(content) + 1)
    return content[:place] + new + content[place:]


def zeroed(content: bytes, rng: Random) -> bytes:
    """With a part zero, as after a power cut."""
    start, end = some_span(content, rng, 512)
    return content[:start] + bytes(end - start) + content[end:]


#: What can happen to any file.
ANY: tuple[Mutator, ...] = (
    *(flipped, overwritten, with_number, cut, shortened, with_insertion, zeroed),
)


def some_span(content: bytes, rng: Random, longest: int) -> tuple[int, int]:
    """Start and end of a part of at most so many bytes."""
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.randint(1, longest))


def png_repaired(content: bytes) -> bytes:
    """A PNG with right checksums, as far as its chunks can be followed."""
    repaired, place = bytearray(content), 8
    while place + 12 <= len(repaired):
        end = place + 8 + struct.unpack_from(">I", repaired, place)[0]
        if end + 4 > len(repaired):
            break
        struct.pack_into(">I", repaired, end, zlib.crc32(repaired[place + 4 : end]))
        place = end + 4
    return bytes(repaired)


def zip_changed(content: bytes, rng: Random, change: Mutator = mutated) -> bytes:
    """A zip archive (a .npz or .pth file, say) of which one member is changed, with right
    checksums."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(about, archive.read(about)) for about in archive.infolist()]
    chosen, file = rng.randrange(len(members)), io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number, (about, member) in enumerate(members):
            archive.writestr(about, change(member, rng) if number == chosen else member)
    return file.getvalue()
