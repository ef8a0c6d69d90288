"""How many files the process may have open: each connection is one, and a forwarded request is two connections."""

import resource
from typing import Final

#: For the database, logs, listeners and handshakes.
_RESERVED: Final = 128
_MOST: Final = 1048576
_PER_CONNECTION: Final = 2


def raise_limit() -> int:
    """Allow this process as many open files as it may allow itself; gives how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _MOST if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def connections_within(files: int, wanted: int) -> int:
    """How many connections there is room for among so many open files, at most as many as are wanted."""
    return max(1, min(wanted, (files - _RESERVED) // _PER_CONNECTION))
