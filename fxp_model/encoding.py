"""The base of all encoders: name, version, checked parameters and JSON form."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from fxp_model.errors import InputError, shown

_CODES = "tuple[int, ...]"


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """Base of the encoders: frozen dataclasses whose fields are integers, floats and tuples of integers.

    In a subclass, `name` and `version` identify it in artifacts and caches, `takes` names what it
    encodes; the fields `channels` and `count_bits` describe its counts.

    Raises
    ------
    InputError
        A field is not of its type.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    takes: ClassVar[str]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == _CODES:
                if not isinstance(value, tuple) or not all(map(_is_whole, value)):
                    raise InputError(f"{field.name} must be a tuple of integers, not {shown(value)}")
            elif field.type == "int":
                if not _is_whole(value):
                    raise InputError(f"{field.name} must be an integer, not {shown(value)}")
            elif not _is_whole(value) and not isinstance(value, float):
                raise InputError(f"{field.name} must be a number, not {shown(value)}")

    def to_dict(self) -> dict[str, Any]:
        """Name, version and parameters; JSON keeps them exactly."""
        return {"name": self.name, "version": self.version, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises
        ------
        InputError
            Another encoder or version, an unknown or missing field, or a value outside its limits.
        """
        given = dict(values)
        for key, expected in (("name", cls.name), ("version", cls.version)):
            if (value := given.pop(key, None)) != expected:
                raise InputError(f"encoder {key} must be {expected!r}, not {shown(value)}")
        known = {field.name for field in fields(cls)}
        for what, names in (("unknown", given.keys() - known), ("missing", known - given.keys())):
            if names:
                raise InputError(
                    f"encoder has {what} field {shown(min(names))}; fields: {', '.join(sorted(known))}"
                )
        return cls(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def check_limit(name: str, value: float, holds: bool, limit: str) -> None:
    """`InputError` that names parameter, limit and value unless it `holds`."""
    if not holds:
        raise InputError(f"{name} must be {limit}, not {value}")
