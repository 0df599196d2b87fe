"""Tables and archives of own pictures: CSV, JSON lines, parquet files and tar shards."""

import io
import json
import tarfile
from functools import cache
from pathlib import Path
from random import Random

import pyarrow
from data_helpers import random_pictures
from PIL import Image
from pyarrow import parquet

from minialex import data
from tests.fuzz.mutate import mutated
from tests.fuzz.published import check
from tests.fuzz.trials import Files, Format


def pictures() -> dict[str, bytes]:
    """Six files by their names, 6×6."""
    files = {}
    for number, pixels in enumerate(random_pictures(6, 6)):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        files[f"{number}.png"] = file.getvalue()
    return files


@cache
def csv_files() -> list[Files]:
    """With and without splits, with a header and without, by commas and tabs."""
    splits = ["train"] * 4 + ["val"] * 2
    rows = [(name, "cat" if i % 2 else "dog", splits[i]) for i, name in enumerate(pictures())]
    tables = [
        "path,label,split\n" + "\n".join(map(",".join, rows)),
        "file_name\tclass\n" + "\n".join(f'"{path}"\t{label}' for path, label, _ in rows),
        "\n".join(f"{path} {label}" for path, label, _ in rows),
    ]
    return [{"some.csv": table.encode(), **pictures()} for table in tables]


@cache
def json_files() -> list[Files]:
    """With splits, and with numbers as labels."""
    splits = ["train"] * 4 + ["val"] * 2
    rows = [
        [{"image": name, "label": i % 2, "split": splits[i]} for i, name in enumerate(pictures())],
        [{"path": name, "target": "ab"[i % 2]} for i, name in enumerate(pictures())],
    ]
    return [
        {"some.jsonl": "\n".join(map(json.dumps, table)).encode(), **pictures()} for table in rows
    ]


@cache
def parquet_files() -> list[Files]:
    """As Hugging Face writes them, with names of classes in the metadata, and plain ones."""
    names = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    about = {b"huggingface": json.dumps({"info": {"features": names}}).encode()}
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    cells = [{"bytes": content, "path": name} for name, content in pictures().items()]
    labels = [i % 2 for i in range(len(cells))]
    nested = pyarrow.table({"image": pyarrow.array(cells, kind), "label": labels})
    plain = pyarrow.table({"image": [cell["bytes"] for cell in cells], "label": labels})
    contents = []
    for table in (nested.replace_schema_metadata(about), plain):
        for compression in ("snappy", "none"):
            file = io.BytesIO()
            parquet.write_table(table, file, compression=compression, row_group_size=4)
            contents.append({"some.parquet": file.getvalue()})
    return contents


@cache
def tar_files() -> list[Files]:
    """Labels as text and in JSON, in the archives' formats of POSIX and GNU."""
    contents = []
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form) as archive:
            for number, content in enumerate(pictures().values()):
                label = {"cls": b"%d" % (number % 2)}
                if form == tarfile.GNU_FORMAT:
                    label = {"json": json.dumps({"label": "ab"[number % 2]}).encode()}
                for ending, held in {"png": content, **label}.items():
                    about = tarfile.TarInfo(f"{'long' * 30 * (number == 3)}{number}.{ending}")
                    about.size = len(held)
                    archive.addfile(about, io.BytesIO(held))
        contents.append({"some.tar": file.getvalue()})
    return contents


def word_changed(content: bytes, rng: Random) -> bytes:
    """A table with another word in the place of one."""
    if not content.isascii():  # a picture
        return mutated(content, rng)
    words = (
        *(b"", b'"', b"'", b"null", b"NaN", b"1e999", b"-1", b"[" * 200, b"{}", b"../../x.png"),
        *(b"/etc/hostname", b"\0", b"\xff", b"\xef\xbb\xbf", b"9" * 5000, b"train", b"0.png", b"."),
    )
    parts = content.split(rng.choice((b",", b"\n", b"\t", b'"', b":")))
    parts[rng.randrange(len(parts))] = rng.choice(words)
    return rng.choice((b",", b"\n", b"\t", b'"', b":", b", ")).join(parts)


def tar_header_changed(content: bytes, rng: Random) -> bytes:
    """With another field in a header, and right checksums."""
    changed = bytearray(content)
    headers = [at for at in range(0, len(content), 512) if content[at + 257 : at + 262] == b"ustar"]
    start = rng.choice(headers)
    at, size = rng.choice(((0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100)))
    numbers = (b"0", b"77777777777", b"00000001000", b"-1", b"\x80" + bytes(3) + b"\xff" * 8)
    new = rng.choice((*numbers, b"\xff" * 12, b"../../x.png", rng.randbytes(12), b"5", b"2", b"L"))
    changed[start + at : start + at + size] = new[:size].ljust(size, b"\0")
    changed[start + 148 : start + 156] = b" " * 8
    total = sum(changed[start : start + 512])
    changed[start + 148 : start + 156] = b"%06o\0 " % total
    return bytes(changed)


def parquet_footer_changed(content: bytes, rng: Random) -> bytes:
    """With damage to what it says about itself, of a length that is said rightly."""
    size = int.from_bytes(content[-8:-4], "little")
    footer = mutated(content[-8 - size : -8], rng)
    return content[: -8 - size] + footer + len(footer).to_bytes(4, "little") + content[-4:]


def read_own(folder: Path) -> None:
    """Loads the data set of own pictures that the table or archive in the folder is."""
    (path,) = (path for path in folder.iterdir() if path.stem == "some")
    check(data.load("folder", path, image_size=6))


FORMATS = [
    Format("csv", csv_files, read_own, (word_changed,)),
    Format("jsonl", json_files, read_own, (word_changed,)),
    Format("parquet", parquet_files, read_own, (parquet_footer_changed,)),
    Format("tar", tar_files, read_own, (tar_header_changed,)),
]
