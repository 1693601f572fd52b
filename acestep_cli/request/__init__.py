"""What a person can ask for: one request, one table of parameters, one check."""

from acestep_cli.request.codes import format_codes, parse_codes
from acestep_cli.request.edits import SOURCE_TASKS
from acestep_cli.request.field import Field
from acestep_cli.request.fields import BY_NAME, FIELDS, find, near_miss
from acestep_cli.request.regions import asked_regions, placed_regions
from acestep_cli.request.request import SongRequest
from acestep_cli.request.validate import check_makeable, validate
from acestep_cli.request.values import as_plain, as_text, read_values

__all__ = [
    "BY_NAME",
    "FIELDS",
    "SOURCE_TASKS",
    "Field",
    "SongRequest",
    "as_plain",
    "as_text",
    "asked_regions",
    "check_makeable",
    "find",
    "format_codes",
    "near_miss",
    "parse_codes",
    "placed_regions",
    "read_values",
    "validate",
]
