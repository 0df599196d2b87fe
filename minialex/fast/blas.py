"""How many threads NumPy's BLAS has: one owner for the whole process.

The setting is global, and whoever changes it for a block must put it back. Two blocks that overlap
in two threads would restore it in the wrong order and leave BLAS at one thread for good; and
threadpoolctl ignores a limit from any thread but the first that set one. So every request goes
through this file, which keeps a list of those in force.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import LibController, ThreadpoolController

_lock = threading.Lock()
_requests: list[int] = []
_libraries: list[LibController] = []
_before: list[int] = []  #: each library's threads without any request
_now: list[int] = []  #: and as they are


@contextmanager
def limit(threads: int) -> Iterator[None]:
    """Within the block BLAS uses at most `threads` threads, and no more than without; of several
    requests the smallest counts."""
    with _lock:
        if not _libraries:
            _libraries.extend(ThreadpoolController().select(user_api="blas").lib_controllers)
        if not _requests:
            _before[:] = _now[:] = [library.get_num_threads() for library in _libraries]
        _requests.append(threads)
        _apply()
    try:
        yield
    finally:
        with _lock:
            _requests.remove(threads)
            _apply()


def _apply() -> None:
    for i, library in enumerate(_libraries):
        wanted = min([*_requests, _before[i]])
        if wanted != _now[i]:
            _let_any_thread_set(library)
            library.set_num_threads(wanted)
            _let_any_thread_set(library)
            _now[i] = wanted


def _let_any_thread_set(library: LibController) -> None:
    """Ends the exclusive right to set limits that newer versions of threadpoolctl give a thread."""
    clear = getattr(library, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)
