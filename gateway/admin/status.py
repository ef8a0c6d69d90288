"""The status listener: `/livez`, `/readyz`, `/metrics` and nothing else (operations.md, Health)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from gateway.net.request import Request, Response
from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.timestamps import Clock

_OK: Final = 200
_UNAVAILABLE: Final = 503
_HEADERS: Final = {"Cache-Control": "no-store"}
_JSON: Final = {**_HEADERS, "Content-Type": "application/json"}


class Condition(StrEnum):
    """What readiness depends on."""

    LISTENING = "listening"
    STORE_WRITABLE = "store_writable"
    KEY_VALID = "key_valid"
    BACKEND_REACHABLE = "backend_reachable"

    @property
    def required(self) -> bool:
        """Whether we are not ready without it; else it is a warning: it is shown, but partners still get answers."""
        return self is not Condition.BACKEND_REACHABLE


@dataclass(frozen=True, slots=True)
class Finding:
    """What was last found out about a condition; `detail` says in words what is wrong."""

    ok: bool
    detail: str = ""


class Readiness:
    """Collects what is known about each condition; nothing counts as good before it was found good."""

    def __init__(self) -> None:
        self._findings = {condition: Finding(ok=False, detail="not checked yet") for condition in Condition}
        self.draining = False

    def set(self, condition: Condition, *, ok: bool, detail: str = "") -> bool:
        """Note what was found; tells whether that is a change, so that changes can be logged."""
        before = self._findings[condition]
        self._findings[condition] = Finding(ok, "" if ok else detail)
        return before.ok is not ok

    @property
    def ready(self) -> bool:
        """Whether new requests should be sent here."""
        return not self.draining and all(self._findings[one].ok for one in Condition if one.required)

    def report(self) -> dict[str, Any]:
        """What `/readyz` shows: each condition by name with `ok`, `required`, and `detail` where it is not met."""
        conditions: dict[str, Any] = {}
        for condition, finding in self._findings.items():
            conditions[condition.value] = {"ok": finding.ok, "required": condition.required}
            if finding.detail:
                conditions[condition.value]["detail"] = finding.detail
        conditions["not_draining"] = {"ok": not self.draining, "required": True}
        return {"ready": self.ready, "conditions": conditions}


class StatusPages:
    """The handler of the status listener.

    Args:
        metrics: renders the metrics.
        metrics_content_type: the format of what it renders.
    """

    def __init__(
        self, *, readiness: Readiness, metrics: Callable[[], bytes], metrics_content_type: str, clock: Clock
    ) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._metrics_content_type = metrics_content_type
        self._clock = clock
        self._pages = {"/livez": self._livez, "/readyz": self._readyz, "/metrics": self._show_metrics}

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        page = self._pages.get(request.target.partition("?")[0])
        if page is None:
            known = ", ".join(self._pages)
            return self._refuse(Answer(404, StatusCode.CLIENT_ERROR, f"There is nothing here but {known}"))
        if request.method != "GET":
            message = "This page can only be read with GET"
            return self._refuse(Answer(405, StatusCode.CLIENT_ERROR, message, headers={"Allow": "GET"}))
        return page()

    def _livez(self) -> Response:
        return _show({"alive": True}, http_status=_OK)

    def _readyz(self) -> Response:
        return _show(self._readiness.report(), http_status=_OK if self._readiness.ready else _UNAVAILABLE)

    def _show_metrics(self) -> Response:
        headers = {**_HEADERS, "Content-Type": self._metrics_content_type}
        return Response(headers=headers, body=self._metrics())

    def _refuse(self, answer: Answer) -> Response:
        return Response(answer.http_status, {**_JSON, **answer.headers}, answer.body(self._clock()))


def _show(document: dict[str, Any], *, http_status: int) -> Response:
    return Response(http_status, _JSON, json.dumps(document).encode())
