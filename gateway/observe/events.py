"""The table of log events: what can stand in the field `event`, and when. The reference page is made from it."""

from enum import StrEnum
from typing import Self


class Event(StrEnum):
    """The name of a log event; `description` says when it happens and what to do."""

    description: str

    def __new__(cls, value: str, description: str) -> Self:
        """Make a member from its name and its description."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    STARTING = "starting", "The process begins; with its version."
    DEVELOPMENT = (
        "development_mode",
        "`development: true` is set: partners on http and loopback addresses are allowed. Not for production.",
    )
    KEY_MADE = "key_made", "No encryption key was configured, so one was made; with the file. Back it up."
    DATABASE_MIGRATED = "database_migrated", "The database was brought to this program's version at start."
    LISTENING = "listening", "A listener accepts connections; with its name and address."
    READY = "ready", "Everything runs; `/readyz` answers 200 from now on."
    NOT_READY = "not_ready", "A condition of readiness was lost; with its name and detail. `/readyz` answers 503."
    DRAINING = "draining", "SIGTERM came: not ready, still serving for the drain delay."
    CLOSING = "closing", "Listeners accept no more; requests in flight finish within the grace period."
    REQUESTS_CUT = "requests_cut", "Requests in flight did not finish within the grace period; with their number."
    WORKER_FAILED = "worker_failed", "A worker can't start or go on; with the reason, whose fault it is and what to do."
    WORKER_ENDED = "worker_ended", "One of several workers died and is replaced; with its number and exit code."
    STOPPED = "stopped", "The process ends."
    REQUEST = "request", "One request went through a listener; the access log."
    REQUEST_MALFORMED = (
        "request_malformed",
        "A client sent something that is not acceptable HTTP; it was answered with 4xx and its connection closed.",
    )
    LIMIT_REACHED = (
        "limit_reached",
        "A limit keeps connections or requests out; with its key and how many times, told at most every ten seconds.",
    )
    FEW_FILES = (
        "few_files",
        "The system allows too few open files for `limits.connections`, so fewer are taken. Raise it (`ulimit -n`).",
    )
    SIDE_GONE = (
        "side_gone",
        "The backend or a partner can't be reached, and is asked only now and then; others are answered 502 at once.",
    )
    SIDE_BACK = "side_back", "The backend or a partner that could not be reached answers again."
    TLS_RENEWED = "tls_renewed", "The files of the public listener's certificate changed; new connections get them."
    TLS_KEPT = (
        "tls_kept",
        "The files of the public listener's certificate changed and can't be used; the former ones stay in use.",
    )
    REQUEST_CRASHED = (
        "request_crashed",
        "A bug of the gateway ended a request with 500. Report it with the `exception`.",
    )
    TASK_CRASHED = "task_crashed", "A background task failed and was started anew; with its name and `exception`."
    HANDSHAKE_STEP = "handshake_step", "One step of a handshake was done or failed; with the step and its outcome."
    HANDSHAKE_FINISHED = "handshake_finished", "A registration, rotation or unregistration ended well."
    HANDSHAKE_FAILED = (
        "handshake_failed",
        "A registration, rotation or unregistration failed; with step, reason, whose fault it is, and what to do.",
    )
    PARTNER_HALF_OPEN = (
        "partner_half_open",
        "A partner refuses the token that we call it with and isn't called any more; `reason` says what to ask it for.",
    )
    ROTATION_DUE = (
        "rotation_due",
        "A partner's tokens are due to be renewed, and that is only to be reminded of: `partner rotate` renews them.",
    )
    PARTNER_CHANGED = "partner_changed", "A partner's state changed; with the old and the new one."
    DIRECTORY_REFRESHED = "directory_refreshed", "A change made by another process was read from the database."
    STORE_FAILED = "store_failed", "The database can not be read or written. Known tokens keep working."
    STORE_RECOVERED = "store_recovered", "The database works again."
    STORE_RESTORED = (
        "store_restored",
        "The database is older than it was: a back-up took its place. Tokens of the partners named may be out of date.",
    )
    KEY_WRONG = (
        "key_wrong",
        "A stored secret does not open with the configured key; the partner it belongs to can not be called.",
    )
    KEY_RIGHT = "key_right", "Every stored secret opens again."
    BACKEND_LOST = "backend_lost", "The backend can not be reached; partners get 502 or 504 until it returns."
    BACKEND_FOUND = "backend_found", "The backend can be reached again."
    LIBRARY = "library", "A library wrote to Python's own log; its text is in `message`, its name in `logger`."
