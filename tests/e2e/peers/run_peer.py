"""Runs one foreign peer: `run_peer.py IMPLEMENTATION --party DE-ABC --role EMSP [--certificate F --key F]`.

IMPLEMENTATION is a module beside this one with a function `build`. The peer binds a free loopback port and writes one
JSON line about itself when it listens. From then on each line on standard input, `{"verb": ..., "arguments": {...}}`,
is answered by one line on standard output, `{"result": ...}` or `{"error": ..., "account": ...}`. It ends with its
input. Whatever the library prints goes to standard error.
"""

import argparse
import asyncio
import importlib
import json
import logging
import os
import socket
import sys
import traceback

import peer_book
import uvicorn


class AnnouncingServer(uvicorn.Server):
    """A uvicorn server that says so when it listens."""

    def __init__(self, config, *, announce):
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self._announce()


async def serve(arguments, listener, versions_url, channel):
    """Serve the platform and its verbs until standard input ends."""
    country_code, party_id = arguments.party.split("-")
    identity = {
        "country_code": country_code,
        "party_id": party_id,
        "business_details": {"name": arguments.implementation},
    }
    book = peer_book.Book(versions_url=versions_url, roles=[{"role": role, **identity} for role in arguments.role])
    application, client = importlib.import_module(arguments.implementation).build(book, arguments.role)
    config = uvicorn.Config(
        application,
        log_config=None,
        lifespan="off",
        ws="none",
        ssl_certfile=arguments.certificate,
        ssl_keyfile=arguments.key,
        timeout_graceful_shutdown=1,
    )
    server = AnnouncingServer(config, announce=lambda: _write(channel, {"versions_url": versions_url}))

    async def obey():
        async for line in await _standard_input():
            _write(channel, await _answer(client, json.loads(line)))
        server.should_exit = True

    obedience = asyncio.ensure_future(obey())
    await server.serve(sockets=[listener])
    obedience.cancel()


async def _answer(client, command):
    try:
        return {"result": await getattr(client, command["verb"])(**command["arguments"])}
    except Exception as error:  # noqa: BLE001 - whatever went wrong is the test's to judge
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}", "account": getattr(error, "account", None)}


async def _standard_input():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _write(channel, document):
    channel.write(json.dumps(document) + "\n")
    channel.flush()


def main():
    """Read the command line, bind, tell the library its address, serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("implementation")
    parser.add_argument("--party", required=True)
    parser.add_argument("--role", action="append", required=True)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    arguments = parser.parse_args()

    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.INFO)
    listener = socket.create_server(("127.0.0.1", 0))
    scheme = "https" if arguments.certificate else "http"
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    # Both libraries write their address into their endpoint tables when they are imported.
    os.environ.update(OCPI_HOST=address, PROTOCOL=scheme)
    asyncio.run(serve(arguments, listener, f"{scheme}://{address}/ocpi/versions", channel))


if __name__ == "__main__":
    main()
