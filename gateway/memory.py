"""A memory with a bound, for what costs to work out and is asked for again and again."""

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Memory(dict[_Key, _Value]):
    """A dictionary that forgets everything when it is full: whoever makes up keys only makes it work anew.

    Attributes:
        most: how many it holds.
    """

    __slots__ = ("most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def keep(self, key: _Key, value: _Value) -> None:
        """Remember a value."""
        if len(self) >= self.most:
            self.clear()
        self[key] = value
