"""Mutates JSON as JSON: bytes changed at random are hardly ever a document still, and then no reader looks inside."""

import json
import random
from typing import Any

import atheris

VALUES = [
    *(
        None,
        True,
        0,
        -1,
        2**63,
        1.5,
        "",
        " ",
        "x",
        "x" * 64,
        "x" * 256,
        "\0",
        "\ud800",
        "caf\xe9",
        "\u202e",
        [],
        {},
        [[]],
    ),
    *("2.2.1", "SENDER", "receiver", "CPO", "DE", "ABC", "credentials", "token\n", "a\r\nb: c"),
    *(
        "https://emsp.example.com/",
        "/x",
        "x?y",
        "//evil.test",
        "https://a@b.test/",
        "https://[::1]/",
        "http://x:0/",
        "?",
        "#",
    ),
]


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change one place of a document, or any bytes; libFuzzer's custom mutator."""
    chance = random.Random(seed)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict | list) and chance.random() < 0.7:
        changed = json.dumps(_changed(document, chance), ensure_ascii=chance.random() < 0.5)
        written = changed.encode("utf-8", "surrogatepass")
        if len(written) <= max_size:
            return written
    return atheris.Mutate(data, max_size)


def _changed(node: Any, chance: random.Random) -> Any:
    """The node with one place below it changed; deep places as likely as shallow ones."""
    if not isinstance(node, dict | list) or not node or chance.random() < 0.15:
        return _other(node, chance)
    pairs = list(node.items() if isinstance(node, dict) else enumerate(node))
    place = chance.randrange(len(pairs))
    key, value = pairs[place]
    match chance.randrange(8):
        case 0:
            del pairs[place]
        case 1:
            pairs.insert(chance.randrange(len(pairs) + 1), (f"{key}{chance.choice(['', ' ', '2'])}", value))
        case 2:
            pairs[place] = (key.upper() if isinstance(key, str) else key, value)
        case _:
            pairs[place] = (key, _changed(value, chance))
    return dict(pairs) if isinstance(node, dict) else [value for _, value in pairs]


def _other(node: Any, chance: random.Random) -> Any:
    if isinstance(node, str) and chance.random() < 0.5:
        place = chance.randrange(len(node) + 1)
        return (
            node[:place]
            + chr(chance.choice([0, 9, 10, 32, 35, 37, 47, 58, 63, 64, 92, 91, 228, 0xD800]))
            + node[place:]
        )
    return [node] if chance.random() < 0.1 else chance.choice(VALUES)
