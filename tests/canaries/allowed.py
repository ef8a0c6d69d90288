"""The places where a secret may stand, each with its reason. Whatever is not named here is a leak."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Some artefacts of some tests.

    Attributes:
        artefact: a pattern of the whole name of the artefact; of a file that is its path below the folder of the test.
        tests: a pattern of the beginning of the test's node id.
    """

    artefact: str
    tests: str
    why: str


FILES = (
    Place(r".*\.ya?ml", "tests/", "a configuration holds secrets: the test wrote it, as an operator does"),
    Place(r"egress", "tests/config/test_model", "what a configuration refers to by ${file:...}, written by the test"),
    Place(r"trace", "tests/e2e/test_strace", "what strace saw go to the disk and over the network"),
    Place(
        r"(template-)?(memory|theirs)|discarded|outcome",
        "tests/e2e/test_(strace|killed)",
        "notes of the scripted run and of its partner",
    ),
    Place(r"environments/.*", "tests/e2e/test_make_peers", "others' packages; bytes 0 to 31 stand there by chance"),
    Place(r".*\.key(\.[0-9a-f]{16})?", "tests/", "a key file, or its draft, is where the encryption key is kept"),
)

TEXTS = (
    Place(
        "a log event",
        "tests/observe/test_(logs|lines)",
        "the logger is handed tokens, to see that it does not write them",
    ),
)

#: What the command line is there to show, cut out of standard output before it is searched.
_SHOWN = (
    # `partner invite --json`: TOKEN_A is shown this once, to be sent to the partner.
    (rb'(\{\s*"partner": "[^"]*",\s*"versions_url": "[^"]*",\s*"token_a": ")ocpigw_\w{49}(",\s*"expires": )', rb"\1\2"),
    # `partner invite` in words: the same, and the header in which the partner presents it.
    (
        rb"(To register with us .*\n\n.*\n  TOKEN_A        )ocpigw_\w{49}((?:.*\n){5}  Authorization: Token )\S+",
        rb"\1\2",
    ),
    # `key generate`: the key that was made is all that it prints.
    (rb"\A[A-Za-z0-9+/]{43}=\n\Z", b""),
)


def in_file(test, name):
    """Whether a file may hold secrets."""
    return _among(FILES, test, name)


def in_text(test, artefact):
    """Whether what came out may hold secrets."""
    return _among(TEXTS, test, artefact)


def without_what_is_to_be_shown(output):
    """A standard output without what the command line is there to show."""
    for pattern, rest in _SHOWN:
        output = re.sub(pattern, rest, output)
    return output


def _among(places, test, artefact):
    return any(re.fullmatch(each.artefact, artefact) and re.match(each.tests, test) for each in places)
