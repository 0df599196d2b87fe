"""Training holds no more after many steps than after a few; `python -m tests.load` takes more."""

import pytest

from tests.load import growth


@pytest.mark.parametrize("engine", ["plain", "fast"])
def test_500_steps_leave_nothing_behind(engine):
    """Less than 10 bytes a step, which is less than any object."""
    assert growth(engine, steps=500) < 500 * 10
