"""Makes the environments of the foreign peers: `.peers/extrawest` and `.peers/py-ocpi` in the project's root.

Each peer is another OCPI implementation whose dependencies contradict ours, so each gets a virtual environment of its
own, from `peers/NAME.lock`. An environment is made under another name and renamed when whole, by one process at a
time; it is made again only when its lock, this file or the Python it was made with changes.

Run it as a script, with nothing but Python 3.11 to 3.13, to make both ahead of the tests. To renew a lock, in `peers/`:

    uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
        --no-header --no-annotate [--override NAME.overrides] NAME.in -o NAME.lock
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

PEERS = ("extrawest", "py-ocpi")
#: Both libraries stand on pydantic 1, which cannot be imported from this Python on.
FIRST_PYTHON_WITHOUT_PEERS = (3, 14)

_SOURCES = Path(__file__).parent / "peers"
_ENVIRONMENTS = Path(__file__).parents[2] / ".peers"
_STAMP = "made-from"
#: As it was found: among tests this machine's certificate authorities are left out of it, which pip may need.
_ENVIRONMENT = dict(os.environ)


class PeerEnvironmentError(Exception):
    """A foreign peer's environment could not be made; the text ends in what the failed command said."""


def peer_python(name):
    """The Python interpreter of a foreign peer's environment, which is made first where it is missing or outdated.

    Raises:
        PeerEnvironmentError: `venv` or `pip` failed, most often for want of a package registry.
    """
    environment = _ENVIRONMENTS / name
    recipe = _recipe(name)
    with _one_at_a_time(name):
        if not _is_made_from(environment, recipe):
            _make(name, environment, recipe)
    return _interpreter(environment)


def _make(name, environment, recipe):
    unfinished = environment.with_name(f"{name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    _command(name, sys.executable, "-m", "venv", unfinished)
    lock = _SOURCES / f"{name}.lock"
    pip = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--require-hashes")
    _command(name, _interpreter(unfinished), *pip, "-r", lock)
    (unfinished / _STAMP).write_text(recipe)
    shutil.rmtree(environment, ignore_errors=True)
    unfinished.rename(environment)


def _command(name, *words):
    finished = subprocess.run(words, capture_output=True, text=True, check=False, env=_ENVIRONMENT)
    if finished.returncode:
        said = (finished.stdout + finished.stderr)[-2000:].strip()
        command = " ".join(map(str, words))
        raise PeerEnvironmentError(
            f"the environment of the foreign OCPI peer {name!r} could not be made; it needs a package registry "
            f"that pip can reach. `{command}` ended with {finished.returncode} and said:\n{said}"
        )


def _recipe(name):
    python = f"{sys.version_info.major}.{sys.version_info.minor}".encode()
    parts = ((_SOURCES / f"{name}.lock").read_bytes(), Path(__file__).read_bytes(), python)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _is_made_from(environment, recipe):
    stamp = environment / _STAMP
    return stamp.is_file() and stamp.read_text() == recipe and os.access(_interpreter(environment), os.X_OK)


def _interpreter(environment):
    return environment / "bin" / "python"


@contextmanager
def _one_at_a_time(name):
    _ENVIRONMENTS.mkdir(exist_ok=True)
    with (_ENVIRONMENTS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main():
    """Make every peer's environment, saying which; exit code 1 where one can't be made."""
    if sys.version_info >= FIRST_PYTHON_WITHOUT_PEERS:
        sys.stdout.write("foreign peers: left out, their pydantic 1 does not run on this Python\n")
        return
    for name in PEERS:
        try:
            sys.stdout.write(f"foreign peer {name}: {peer_python(name).parents[1].name} is ready\n")
        except PeerEnvironmentError as error:
            sys.exit(f"{error}")


if __name__ == "__main__":
    main()
