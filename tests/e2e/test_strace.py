"""The disk, as strace shows and spoils it: what is answered or sent was synced before, and no write that fails, or is
the last one, loses a registration (hardening.md, Figures: durability, handshake faults).

Every sync and every so many writes of a whole handshake fail once, and kill the process once; afterwards the documented
way leads to its end, see `faulty`. `make every-write` leaves out no write, and no kind of handshake.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.e2e.faulty import BASE
from tests.e2e.rig import eventually
from tests.platform import Platform

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt-get install strace"),
]

#: How the calls by which a commit reaches the disk fail.
ERRORS = {"pwrite64": "ENOSPC", "fdatasync": "EIO", "unlink": "EIO"}
_STEP = int(os.environ.get("OCPI_GATEWAY_WRITE_STEP", "61"))
_SECONDS, _ATTACHED_SECONDS = 1800, 10
#: How many transactions are in each kind of handshake, and how many of these calls at least in each.
_TRANSACTIONS = {"register": 3, "accept": 3, "rotate": 3, "renew": 2, "unregister": 2, "leave": 1}
_LEAST = {"pwrite64": 20 / _STEP, "fdatasync": 5, "unlink": 1}
_FLOWS = tuple(_TRANSACTIONS) if _STEP == 1 else ("register", "accept")


async def rehearse(folder, flow, end):
    """Run `faulty` under strace; gives by call what came of each run."""
    database = folder / "gateway.db"
    watched = (database, f"{database}-journal", folder, folder / "spare", folder / "spare-missing")
    faults = {call: f"error={ERRORS[call]}" if end == "fails" else "delay_enter=120ms" for call in BASE}
    options = [f"--inject={call}:{fault}:when={BASE[call]}" for call, fault in faults.items()]
    process = await asyncio.create_subprocess_exec(
        *("strace", "--seccomp-bpf", "-f", "-qqq", "-o", str(folder / "trace"), f"--trace={','.join(BASE)}"),
        *(f"--trace-path={path}" for path in watched),
        *options,
        *(sys.executable, "-m", "tests.e2e.faulty", flow, end, str(folder), str(_STEP)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, errors.decode()[-4000:]
    return json.loads(output)


@pytest.mark.timeout(_SECONDS)
@pytest.mark.parametrize("end", ["fails", "dies"])
@pytest.mark.parametrize("flow", _FLOWS)
async def test_no_write_or_sync_of_a_handshake_that_fails_or_is_the_last_one_loses_it(tmp_path, flow, end):
    outcomes = await rehearse(tmp_path, flow, end)

    sys.stdout.write(f"{ {call: len(found) for call, found in outcomes.items()} }\n")
    least = {call: int(_TRANSACTIONS[flow] * number) for call, number in _LEAST.items()}
    assert all(len(found) >= least[call] for call, found in outcomes.items()), "strace disturbed nothing"
    for found in outcomes["pwrite64"] + outcomes["fdatasync"] + outcomes["unlink"]:
        if "said" in found and found["said"] != [200, 1000]:
            assert (found["said"], found["trouble"]) == ([200, 3000], True)


@pytest.fixture
async def partner():
    """An eMSP in this process."""
    async with Platform() as one:
        yield one


@dataclass(frozen=True)
class Call:
    """A system call: where in the trace it begins and where it is known to be over."""

    name: str
    text: str
    begins: int
    ends: int


def calls_of(trace):
    """The system calls that strace wrote; those that others interrupt stand in two lines."""
    found, open_by_thread = [], {}
    for place, line in enumerate(trace.read_text().splitlines()):
        thread, _, text = line.partition(" ")
        text = text.strip()
        if resumed := re.match(r"<\.\.\. \w+ resumed>", text):
            begun = open_by_thread.pop(thread, None)
            if begun is not None:
                found[begun] = replace(found[begun], text=found[begun].text + text[resumed.end() :], ends=place)
        elif named := re.match(r"(\w+)\(", text):
            if text.endswith("<unfinished ...>"):
                open_by_thread[thread] = len(found)
            found.append(Call(named[1], text, place, place))
    return found


def shows_a_synced_commit(calls, *, after, before):
    """Whether a commit lies between: the journal synced, the database written and synced, the journal removed."""
    between = [call for call in calls if call.begins > after and call.ends < before]
    told = "".join(filter(None, map(_letter, between)))
    return re.search(r"j+J[jJ]*d+Dx[sS]", told) is not None and re.search(r"[jd][^DxsS]*$", told) is None


def _letter(call):
    """j/J a journal written/synced, d/D the database, x the journal removed, s/S its folder synced; else nothing."""
    if call.name == "unlink":
        return "x" if "-journal" in call.text else ""
    if call.name not in {"pwrite64", "fdatasync", "fsync"}:
        return ""
    is_sync = call.name != "pwrite64"
    if ".db-journal>" in call.text:
        return "J" if is_sync else "j"
    if ".db>" in call.text:
        return "D" if is_sync else "d"
    return "S" if is_sync else ""


def first(calls, names, *words):
    """The first call of these names that carries these words."""
    return next(call for call in calls if call.name in names and all(word in call.text for word in words))


SENDS = {"write", "writev", "sendto", "sendmsg"}
RECEIVES = {"read", "readv", "recvfrom", "recvmsg"}
_SEEN = f"--trace={','.join(sorted(SENDS | RECEIVES | {'pwrite64', 'fdatasync', 'fsync', 'unlink'}))}"


def _is_traced(pid):
    return all("TracerPid:\t0\n" not in task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/status"))


@asynccontextmanager
async def attached(pid, *options):
    """Strace attached to a running process while the block runs."""
    strace = await asyncio.create_subprocess_exec("strace", "-f", "-qqq", *options, "-p", str(pid))
    try:
        async with asyncio.timeout(_ATTACHED_SECONDS):
            while not await asyncio.to_thread(_is_traced, pid):  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(0.01)
        yield
    finally:
        strace.send_signal(signal.SIGINT)
        await strace.wait()


async def test_the_registration_is_synced_before_the_answer_with_token_c_is_written(tmp_path, gateway, partner):
    token_a = (await gateway.invite("partner"))["token_a"]

    async with attached(gateway.pid, "-y", "-s", "4096", "-o", str(tmp_path / "trace"), _SEEN):
        http_status, _ = await partner.register(gateway.public_url, token_a=token_a)

    assert http_status == 200
    calls = calls_of(tmp_path / "trace")
    asked = first(calls, RECEIVES, partner.token_b)
    answered = first(calls, SENDS, partner.token_c)
    assert "TCP" in answered.text or "socket" in answered.text
    assert shows_a_synced_commit(calls, after=asked.begins, before=answered.begins)


async def test_token_b_is_synced_before_the_command_line_sends_it(tmp_path, gateway, partner):
    words = ("partner", "register", "partner", "--versions-url", partner.versions_url, "--token-a", "a-token-a-of-them")
    process = await asyncio.create_subprocess_exec(
        *("strace", "--seccomp-bpf", "-f", "-qqq", "-y", "-s", "4096", "-o", str(tmp_path / "trace"), _SEEN),
        *(sys.executable, "-m", "gateway", "-c", str(gateway.configuration_file), *words),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0

    calls = calls_of(tmp_path / "trace")
    discovered = first(calls, RECEIVES, r"\"endpoints\"")
    sent = first(calls, SENDS, partner.posted[0]["token"])
    assert shows_a_synced_commit(calls, after=discovered.begins, before=sent.begins)


@pytest.mark.parametrize(("call", "error"), [("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("fdatasync", "EIO")])
async def test_a_commit_that_fails_is_answered_3000_and_not_ready_until_the_disk_takes_it(
    tmp_path, gateway, partner, call, error
):
    token_a = (await gateway.invite("partner"))["token_a"]
    database = gateway.database_file
    paths = (f"--trace-path={path}" for path in (database, f"{database}-journal"))

    async def ready():
        async with partner.http.get(f"{gateway.status_url}/readyz") as answer:
            return answer.status, await answer.json(), answer.headers

    async with attached(gateway.pid, "-o", os.devnull, f"--trace={call}", *paths, f"--inject={call}:error={error}"):
        failed = await partner.register(gateway.public_url, token_a=token_a)
        await eventually(503, ready)
    await eventually(200, ready)
    registered = await partner.register(gateway.public_url, token_a=token_a)

    assert (failed[0], failed[1]["status_code"]) == (200, 3000)
    assert (registered[0], registered[1]["status_code"]) == (200, 1000)
