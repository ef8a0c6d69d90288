"""How long something lives, as operators write it: `7d`, `24h`, `60s`, or a number of seconds.

Serves the lifetimes of the configuration and the options of the command line, such as `--expires 7d`.
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

MAX_LIFETIME: Final = timedelta(days=3650)

_DURATION: Final = re.compile(r"([0-9]{1,9}) *([smhdw]?)")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(text: str | int | timedelta) -> timedelta:
    """Read `60s`, `5m`, `24h`, `7d`, `2w`, or a plain number of seconds.

    Raises:
        ValueError: another form, zero, or longer than ten years.
    """
    if isinstance(text, timedelta):
        duration = text
    elif match := _DURATION.fullmatch(str(text).strip()):
        duration = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    else:
        raise ValueError("must be a duration such as 60s, 5m, 24h or 7d, or a number of seconds")
    if not timedelta(0) < duration <= MAX_LIFETIME:
        raise ValueError("must be longer than nothing and at most 3650d")
    return duration


def format_duration(duration: timedelta) -> str:
    """Write a duration in its largest whole unit; the opposite of `parse_duration`."""
    seconds = int(duration.total_seconds())
    unit, size = next((unit, size) for unit, size in reversed(_UNITS.items()) if seconds % size == 0 and unit)
    return f"{seconds // size}{unit}"


Lifetime = Annotated[
    timedelta,
    PlainValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": ["string", "integer"], "pattern": "^[0-9]{1,9} *[smhdw]?$", "format": "lifetime"}),
]


def lifetime_field(default: str, *, description: str) -> Any:
    """A field of type `Lifetime` whose default is shown in the operator's form."""
    return Field(default=parse_duration(default), json_schema_extra={"default": default}, description=description)
