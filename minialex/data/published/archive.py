"""Published archives of which some files are needed: downloaded, unpacked and thrown away."""

import shutil
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from minialex.data.download import fetch
from minialex.errors import DAMAGED, InputError
from minialex.files import atomic_write


def fetch_files(
    names: Iterable[str], url: str, known_hash: str, folder: Path, hint: str, also: str = ""
) -> Path:
    """The folder, in which there are now the files called `names`.

    If any is missing, downloads the archive at `url`, checks it against `known_hash` and takes them
    out of it, and the file called `also` if there is one. hint: as for fetch. Raises InputError as
    fetch and unpack do.
    """
    names = list(names)
    if not all((folder / name).is_file() for name in names):
        archive = fetch(url, Path(url).name, known_hash, folder, hint)
        unpack(archive, (*names, also), folder)
        archive.unlink(missing_ok=True)
    return folder


def unpack(archive: Path, names: Iterable[str], folder: Path) -> None:
    """Extracts the files called `names` from a tar or zip archive into the folder, and nothing
    else.

    They may be in any folder of the archive; links and devices are no files. InputError if it is
    damaged.
    """
    wanted = set(names)
    try:
        for name, packed in _files(archive, wanted):
            with packed, atomic_write(folder / name) as partial, open(partial, "wb") as file:
                shutil.copyfileobj(packed, file)
    except (OSError, *DAMAGED) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"cannot unpack {archive} ({reason}); unpack it elsewhere and pass --data-dir"
        ) from error


def _files(archive: Path, wanted: set[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """The `wanted` files of the archive, opened, with their names."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                name = info.filename.rpartition("/")[2]
                if name in wanted:
                    yield name, opened.open(info)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.rpartition("/")[2]
            if name in wanted and member.isreg() and not member.issparse():
                yield name, tar.extractfile(member)
