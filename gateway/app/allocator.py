"""What glibc's allocator is told, because bodies travel in pieces of up to 256 kB.

By default it takes each such piece from the system and gives it back at once, page by page: most of what a large body
costs. musl and others have no such function, and are left as they are (performance.md, What the figures say).
"""

import ctypes
from typing import Final

#: By their numbers in glibc's malloc.h: when to give memory back, how much to take beyond what is needed, and from what
#: size on memory is mapped for one piece alone; in bytes.
_SETTINGS: Final = {-1: 64 * 2**20, -2: 2**20, -3: 8 * 2**20}


def tune() -> None:
    """Let pieces of bodies be allocated from memory that is there already."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in _SETTINGS.items():
            mallopt(parameter, value)
