"""All formats of the campaign."""

from tests.fuzz import published, weights
from tests.fuzz.trials import Format

FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        *published.FORMATS,
        *weights.FORMATS,
    )
}
