"""What is known during one test: its secrets, the texts that came out meanwhile, and the folders that it wrote to."""

import base64
import binascii
import os
import re
from bisect import bisect
from dataclasses import dataclass
from stat import S_ISREG

from tests.canaries import allowed
from tests.canaries.search import Search

#: Where a configuration holds secrets (YAML or JSON).
_CONFIGURED = re.compile(rb"""["']?\b(\w*authorization|egress_token|encryption_key)["']?: *["']?([^"'$\n,}]+)""")
_PASSWORD = re.compile(rb"\bpostgresql://[^:/@\s]+:([^@\s]+)@")
#: What a verb of a test gateway wrote to its standard output.
_VERB = re.compile(r".*verbs/\d+\.output")
_LINE_BREAKS = re.compile("(?:\\s|│)+".encode())
_LARGEST = 64 * 2**20


@dataclass(frozen=True)
class Leak:
    """A secret where none may be."""

    hit: object
    artefact: str
    place: str

    def __str__(self):
        return f"{self.hit} in {self.artefact}, {self.place}"


class Watch:
    """Everything of one test, and what outlives a test: secrets and folders of fixtures with a wider scope.

    Attributes:
        test: the node id of the running test; empty before the first, when modules are imported.
        lasting: a fixture with a wider scope is being set up.
    """

    def __init__(self):
        self.test, self.lasting = "", False
        self._search = Search()
        self._lasting_secrets, self._lasting_folders, self._folders = [], [], []
        self._notes, self._leaks, self._seen = {}, {}, {}

    def begin(self, test):
        self.test = test
        self._search.clear()
        for kind, secret in self._lasting_secrets:
            self._search.add(kind, secret)

    def end(self, captured=()):
        """Look through everything; gives the leaks of this test."""
        for label, text in captured:
            self.note(label, text)
        for folder in (*self._folders, *self._lasting_folders):
            self.look_into(folder)
        self._look_at_notes()
        found = list(self._leaks)
        self._notes.clear()
        self._leaks.clear()
        self._folders.clear()
        return found

    def secret(self, kind, value):
        """From now on this may stand nowhere."""
        if self._search.add(kind, value) and (self.lasting or not self.test):
            self._lasting_secrets.append((kind, value))

    def folder(self, path):
        """This folder is written to."""
        (self._lasting_folders if self.lasting else self._folders).append(path)

    def note(self, artefact, text):
        """This came out."""
        if self.test and text:
            self._notes[artefact, text if isinstance(text, bytes) else text.encode(errors="backslashreplace")] = None

    def look_into(self, folder, only=".*"):
        """Look through the files of a folder that did not stay as they were; `only` is a pattern of their paths."""
        contents = {}
        for path in _files_in(folder):
            name = os.path.relpath(path, folder)
            if not re.fullmatch(only, name):
                continue
            content = self._read_anew(path)
            if content and allowed.in_file(self.test, name):
                self._learn(name, content)
            elif content:
                contents[name] = allowed.without_what_is_to_be_shown(content) if _VERB.fullmatch(name) else content
        for name, content in contents.items():
            self.look_at(f"the file {name}", content)

    def look_at(self, artefact, content):
        """Look through a content at once."""
        for hit in self._search.find(content):
            self._note_leak(hit, artefact, f"at byte {hit.offset}")

    def _read_anew(self, path):
        """The content of a file; nothing where it is as it was, is none, or is gone."""
        try:
            status = os.stat(path, follow_symlinks=False)  # noqa: PTH116
            state = status.st_ino, status.st_size, status.st_mtime_ns
            if self._seen.get(path) == state or not S_ISREG(status.st_mode):
                return b""
            self._seen[path] = state
            with open(path, "rb") as file:  # noqa: PTH123
                return file.read(_LARGEST)
        except OSError:
            return b""

    def _learn(self, name, content):
        """Secrets that only a file of the test's own tells."""
        if name.endswith(".key"):
            for line in content.split():
                try:
                    self.secret("the encryption key", base64.b64decode(line, validate=True))
                except binascii.Error:
                    continue
        if not name.endswith((".yaml", ".yml")):
            return
        for key, value in _CONFIGURED.findall(content):
            words = value.partition(b" #")[0].split()
            self.secret(f"the configured {key.decode()}", words[-1] if words else b"")
        for password in _PASSWORD.findall(content):
            self.secret("the password of the database", password)

    def _look_at_notes(self):
        notes = [note for note in self._notes if not allowed.in_text(self.test, note[0])]
        for index, (artefact, text) in enumerate(notes):
            if artefact.startswith("standard output"):
                notes[index] = artefact, allowed.without_what_is_to_be_shown(text)
        notes += [
            (f"{artefact} across lines", self._unwrapped(text)) for artefact, text in notes if "standard" in artefact
        ]
        texts = [text for _, text in notes]
        starts = [0]
        for text in texts:
            starts.append(starts[-1] + len(text) + 1)
        for hit in self._search.find(b"\n".join(texts)):
            index = bisect(starts, hit.offset) - 1
            line = texts[index][: hit.offset - starts[index]].count(b"\n") + 1
            self._note_leak(hit, notes[index][0], f"in line {line}")

    def _unwrapped(self, text):
        """What a terminal's width or a frame broke into lines; nothing where a secret stands in one line anyhow."""
        return b"" if any(self._search.find(text)) else _LINE_BREAKS.sub(b"", text)

    def _note_leak(self, hit, artefact, place):
        if any(self._search.find(artefact.encode())):
            artefact = "something whose name holds one"
        self._leaks[Leak(hit, artefact, place)] = None


def _files_in(folder):
    for parent, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(parent, name)  # noqa: PTH118 - one of thousands
