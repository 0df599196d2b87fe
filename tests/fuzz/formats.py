"""All formats of the campaign."""

from tests.fuzz import pictures, published, weights
from tests.fuzz.trials import Format

FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        *pictures.FORMATS,
        *published.FORMATS,
        *weights.FORMATS,
    )
}
