"""Every reader of minialex gets damaged files: it returns something true, or refuses in one line.

`python -m tests.fuzz --minutes 60` tries many more.
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.formats import FORMATS
from tests.fuzz.trials import trial

SEEDS = st.integers(0, (1 << 32) - 1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_read_right_or_refused(name):
    read = []

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(SEEDS)
    def one(seed):
        with tempfile.TemporaryDirectory() as folder:
            read.append(trial(FORMATS[name], seed, Path(folder)))

    one()
    assert not all(read), "no damage was noticed: is there any?"
