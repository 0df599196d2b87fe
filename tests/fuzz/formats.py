"""All formats of the campaign."""

from tests.fuzz import pictures, published, records, tables, weights
from tests.fuzz.trials import Format

FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        *pictures.FORMATS,
        *published.FORMATS,
        *records.FORMATS,
        *tables.FORMATS,
        *weights.FORMATS,
    )
}
