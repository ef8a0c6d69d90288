"""One whole handshake on a real SQLite file, for a process that is killed or whose disk fails: see `test_strace`.

The gateway's own services are driven, first with one fault, then without, to the end. The partner's platform is
scripted and strict; what it did is kept in a file, because it outlives us.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path

from sqlalchemy import event

from gateway.observe.clock import utc_now
from gateway.ocpi.errors import GatewayError
from gateway.ocpi.vocabulary import PartnerState, TokenKind, TokenState
from gateway.store.engine import Store, StoreUnavailableError
from gateway.store.keys import open_vault
from gateway.store.migrate import migrate
from gateway.store.vault import Keyring
from tests.handshake.rig import Gateway, Platform, codes, document, reply
from tests.ocpi.dialogue import CREDENTIALS_URL, OUTBOUND_TOKEN, credentials, envelope

NAME = "acme"
THEIR_TOKEN_A = "token-a-of-the-scripted-platform"
#: The call of each kind that strace spoils; a handshake makes fewer.
BASE = {"pwrite64": 250, "fdatasync": 30, "unlink": 10}
_SURE, _POLL_SECONDS, _TRIES = 3, 0.004, 10
_KEYRING = Keyring([bytes(range(32))])
_LIMITS = {TokenState.ACTIVE: 1, TokenState.GRACE: 1, TokenState.PENDING: 3}


class Rehearsal:
    """Runs a handshake on one copy of a database after another, always at the same path, with one fault in each.

    Strace counts calls by thread, and SQLite's thread is new in each run. So one strace, told to spoil the call number
    `BASE`, spoils another one in every run: as many calls as are missing are made on a file that it watches as well.

    Args:
        folder: holds all files.
        trace: what strace writes.
    """

    def __init__(self, flow, folder, trace):
        self._flow, self._folder, self._trace = flow, folder, trace
        self._seen = 0
        self._spare = 0
        self._call = ""
        self._store = Store(f"sqlite:///{folder / 'gateway.db'}")
        event.listen(self._store._engine.sync_engine, "connect", self._count_up)
        self._template = folder / "template.db"
        self.in_turn(self._prepare)

    def in_turn(self, work, *arguments):
        """Run something in an event loop of its own; whatever it opened is closed after it."""

        async def turn():
            try:
                return await work(*arguments)
            finally:
                await self._store.close()

        return asyncio.run(turn())

    def rehearse(self, call, *, dies, step):
        """Let a call of this kind fail, or be the last one, until a run passes untouched; gives what came of each.

        Args:
            step: from one such call to the next; 1 tries every one.

        Raises:
            AssertionError: something was lost; says by which call.
        """
        outcomes = []
        while True:
            number = len(outcomes) * step + 1
            touched = self._disturb(call, number, dies=dies)
            try:
                outcome = self.in_turn(self._end)
            except Exception as error:
                raise AssertionError(f"{call} {number}: {error!r}") from error
            if not touched:
                return outcomes
            outcomes.append(outcome)

    def _disturb(self, call, number, *, dies):
        """Whether there was a call of this number."""
        for _ in range(_TRIES):
            self._restore()
            self._call, self._spare = call, BASE[call] - number
            touched = self._dies() if dies else self._fails()
            self._spare = 0
            if touched is not None:
                return touched
        raise AssertionError(f"the process was never killed in time at {call} {number}")

    def _dies(self):
        """Whether it was killed; None where that came too late."""
        pid = os.fork()
        if not pid:
            try:
                self.in_turn(self._begin)
            except BaseException:  # noqa: BLE001 - the last stop
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
            os._exit(0)
        killed = _kill_when_held(pid)
        return killed or (None if "(DELAYED)" in self._new_trace() else False)

    def _new_trace(self):
        with self._trace.open() as file:
            file.seek(self._seen)
            new = file.read()
        self._seen += len(new)
        return new

    def _fails(self):
        self.in_turn(self._begin)
        return "(INJECTED)" in self._new_trace()

    def _count_up(self, connection, _record):
        """Make the calls that are missing, in the thread that SQLite's calls will be made in."""
        if not self._spare:
            return
        function = partial(_call_so_often, self._call, self._spare, self._folder / "spare")
        connection.run_async(lambda raw: raw.create_function("count_up", 0, function))
        cursor = connection.cursor()
        cursor.execute("SELECT count_up()")
        cursor.close()

    def _restore(self):
        for file in ("gateway.db", "gateway.db-journal", "outcome", "posted"):
            with suppress(FileNotFoundError):
                (self._folder / file).replace(self._folder / "discarded")  # an unlink would be counted
        shutil.copy(self._template, self._folder / "gateway.db")

    async def _prepare(self):
        """A database in which a partner is invited, about whom `accept` is."""
        await self._store.write(migrate)
        await self._store.write(lambda connection: open_vault(connection, _KEYRING, now=utc_now()))
        issued = await (await self._gateway()).operations.invite("invited")
        (self._folder / "token_a").write_text(issued.invitation_token)
        shutil.copy(self._folder / "gateway.db", self._template)

    async def _begin(self):
        gateway = await self._gateway()
        outcome = await (_register(gateway) if self._flow == "register" else _accept(gateway, self._folder))
        (self._folder / "outcome").write_text(json.dumps(outcome))

    async def _end(self):
        """What has to hold afterwards, and the documented way to the end of the handshake."""
        file = self._folder / "outcome"
        outcome = json.loads(file.read_text()) if file.exists() else {}
        gateway = await self._gateway()
        if self._flow == "register":
            await _end_register(gateway, self._folder)
        else:
            await _end_accept(gateway, self._folder, outcome)
        (record,) = [one for one in await gateway.operations.partners() if one.partner.roles]
        assert record.partner.state is PartnerState.REGISTERED
        states = Counter(one.state for one in record.inbound_tokens if one.kind is TokenKind.CREDENTIALS)
        assert all(states[state] <= most for state, most in _LIMITS.items()), states
        verdict = await gateway.operations.verify_audit()
        assert verdict.broken_at is None, verdict.reason
        return outcome

    async def _gateway(self):
        vault = await self._store.read(lambda connection: open_vault(connection, _KEYRING, now=utc_now()))
        gateway = Gateway(self._store, vault, utc_now, reach=_platform(self._folder).serve)
        for name in ("delivered", "proved"):
            setattr(gateway.responder, name, _logged(getattr(gateway.responder, name)))
        return gateway


def _kill_when_held(pid):
    """SIGKILL a process that strace holds before a call; whether it ended by that.

    Strace's own `signal=KILL` needs every call of the process to be stopped at, which is twenty times slower.
    """
    same, before = 0, None
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            assert code in {0, -signal.SIGKILL}, "it neither ended well nor was killed"
            return code != 0
        now = _stopped_at(pid)
        same = same + 1 if now and now == before else 0
        before = now
        if same == _SURE:
            os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def _stopped_at(pid):
    """The calls at which threads of a process are stopped by who traces it."""
    with suppress(OSError):
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        stopped = [task for task in tasks if (task / "stat").read_text().rpartition(")")[2].split()[0] == "t"]
        return [(task.name, (task / "syscall").read_text()) for task in stopped]
    return []


def _call_so_often(call, times, path):
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            match call:
                case "pwrite64":
                    os.pwrite(file.fileno(), b"x", 0)
                case "fdatasync":
                    os.fdatasync(file.fileno())
                case "unlink":
                    with suppress(FileNotFoundError):
                        os.unlink(f"{path}-missing")  # noqa: PTH108 - the call itself


async def _register(gateway):
    try:
        await gateway.register(NAME, THEIR_TOKEN_A)
    except GatewayError as error:
        return {"failed": str(error), "trouble": gateway.store.trouble is not None}
    return {}


async def _accept(gateway, folder):
    """The partner posts with TOKEN_A, and uses its TOKEN_C where it gets one."""
    post = gateway.responder.post

    async def answered(*arguments):
        """The answer is written before anything else is noted: the partner has TOKEN_C, whatever becomes of us."""
        answer = await post(*arguments)
        token = json.loads(answer.body(utc_now()))["data"]["token"]
        (folder / "outcome").write_text(json.dumps({"said": [200, 1000], "token": token, "trouble": False}))
        return answer

    gateway.responder.post = answered
    answer = await gateway.presents("POST", (folder / "token_a").read_text(), credentials())
    outcome = {"said": codes(answer), "trouble": gateway.store.trouble is not None}
    if codes(answer) == (200, 1000):
        outcome["token"] = document(answer)["data"]["token"]
        assert await gateway.opens(outcome["token"])
    return outcome


async def _end_register(gateway, folder):
    """Resume, or begin again where nothing was kept; HALF_OPEN where the platform's answer was lost, until it PUTs."""
    posted = _posted(folder)
    records = {one.partner.name: one for one in await gateway.operations.partners()}
    state = records[NAME].partner.state if NAME in records else PartnerState.UNREGISTERED
    try:
        if state is PartnerState.UNREGISTERED:
            assert not posted, "something was posted that is not known here"
            await gateway.register(NAME, THEIR_TOKEN_A)
        elif state is PartnerState.REGISTERING:
            await gateway.resume(NAME)
    except GatewayError:
        assert posted, "the platform refused what it never had"
        assert (await gateway.partner(NAME)).state is PartnerState.HALF_OPEN
        assert codes(await gateway.presents("PUT", posted[-1], credentials())) == (200, 1000)
    assert len(set(_posted(folder))) == 1, "a retry sends the same TOKEN_B (rule 4)"
    assert await gateway.opens(_posted(folder)[-1])
    assert (await gateway.partner(NAME)).outbound_token == OUTBOUND_TOKEN


async def _end_accept(gateway, folder, outcome):
    """A TOKEN_C that was answered works; else TOKEN_A may repeat its POST. Then TOKEN_A is dead."""
    invitation_token = (folder / "token_a").read_text()
    token = outcome.get("token")
    if not token:
        answer = await gateway.presents("POST", invitation_token, credentials())
        assert codes(answer) == (200, 1000), answer
        token = document(answer)["data"]["token"]
    assert await gateway.opens(token), "TOKEN_C is lost"
    assert codes(await gateway.asks("GET", "/ocpi/versions", invitation_token))[0] == 401, "TOKEN_A lives on"


def _logged(note):
    """As the public listener does: where it can't be noted, the answer is given all the same."""

    async def noted(holder):
        with suppress(StoreUnavailableError):
            await note(holder)

    return noted


def _platform(folder):
    """It keeps what was posted to it, and refuses a TOKEN_A that was used."""
    platform = Platform.usual()

    async def post(request):
        if _posted(folder):
            return reply(envelope(status_code=2000), 401)
        with (folder / "posted").open("a") as file:
            file.write(json.loads(request.body)["token"] + "\n")
        return reply(envelope(credentials()))

    platform.answers["POST", CREDENTIALS_URL] = post
    return platform


def _posted(folder):
    file = folder / "posted"
    return file.read_text().split() if file.exists() else []


def main(flow, end, folder, step):
    """`register` or `accept`, call after call of it one that `fails` or at which it `dies`; prints what came of them.

    Args:
        step: for the most frequent call; of the others every one has its turn.
    """
    rehearsal = Rehearsal(flow, Path(folder), Path(folder) / "trace")
    steps = {"pwrite64": int(step)}
    outcomes = {call: rehearsal.rehearse(call, dies=end == "dies", step=steps.get(call, 1)) for call in BASE}
    print(json.dumps(outcomes))  # noqa: T201 - for the test


if __name__ == "__main__":
    main(*sys.argv[1:])
