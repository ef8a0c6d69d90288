"""The story of the demonstration: the six steps in both roles, traffic both ways, and two unregistrations.

Each part makes somebody act, looks at what came of it, and fails the demonstration where that isn't what it has to be.
"""

import asyncio
from typing import Any, Final

from gateway.demo.processes import StepFailedError
from gateway.demo.registrar import VERSION
from gateway.demo.report import BACKEND, EMSP, GATEWAY, Phase
from gateway.demo.samples import PROVIDER, cards, locations
from gateway.demo.setting import PARTNER
from gateway.demo.show import Show
from gateway.demo.stage import Stage
from gateway.demo.steps import steps_seen
from gateway.ocpi.vocabulary import PartnerState

_STEPS: Final = [2, 3, 4, 5]
_UNAUTHORIZED: Final = 401
_PAGE: Final = 2
_SETTLING_SECONDS: Final = 1.2


async def tell(stage: Stage, show: Show) -> None:
    """Perform the whole story.

    Raises:
        StepFailedError: at the first thing that isn't as it has to be.
    """
    show.introduce(stage.places)
    story = _Story(stage, show)
    await story.partner_registers_with_us()
    await story.partner_unregisters()
    await story.we_register_with_the_partner()
    await story.location_pull()
    await story.command_with_callback()
    await story.cdr_push()
    await story.token_pull()
    await story.we_unregister()
    show.summarize()


class _Story:
    def __init__(self, stage: Stage, show: Show) -> None:
        self._stage = stage
        self._show = show
        self._versions_url = f"{stage.setting.public_url}/ocpi/versions"

    async def partner_registers_with_us(self) -> None:
        self._show.chapter("The partner registers with us: the eMSP is the Sender, the gateway the Receiver")
        self._show.begin_handshake(sender=EMSP, receiver=GATEWAY)
        self._show.handshake_step(1)
        invitation = await self._verb("partner", "invite", PARTNER, "--party", f"{PROVIDER}:EMSP")
        before = len(self._stage.sights)
        await self._stage.control(
            EMSP, "register", versions_url=invitation["versions_url"], token_a=invitation["token_a"]
        )
        self._check_steps(before, sender=EMSP)
        await self._show_step_6()
        await self._check_refused("TOKEN_A")
        self._show.done("the six steps, gateway is Receiver", "steps 1 to 6 seen; TOKEN_A then answered 401")

    async def partner_unregisters(self) -> None:
        self._show.chapter("The partner unregisters")
        await self._stage.control(EMSP, "unregister")
        self._check_deleted()
        await self._check_refused("TOKEN_C")
        self._show.done("unregistration by the partner", "DELETE answered 1000; TOKEN_C then answered 401")

    async def we_register_with_the_partner(self) -> None:
        self._show.chapter("We register with the partner: the gateway is the Sender, the eMSP the Receiver")
        self._show.begin_handshake(sender=GATEWAY, receiver=EMSP)
        self._show.handshake_step(1)
        invitation = await self._stage.control(EMSP, "invite")
        before = len(self._stage.sights)
        registered = await self._verb(
            *("partner", "register", PARTNER),
            *("--versions-url", invitation["versions_url"], "--token-a", "-"),
            typed=invitation["token_a"],
        )
        self._check_steps(before, sender=GATEWAY)
        self._check("the state REGISTERED", registered.get("state"), PartnerState.REGISTERED)
        self._check(f"the version {VERSION}", registered.get("version"), VERSION)
        await self._settle()
        await self._show_step_6()
        self._show.done("the six steps, gateway is Sender", "steps 1 to 6 seen; state REGISTERED, version 2.2.1")

    async def location_pull(self) -> None:
        self._show.chapter("The eMSP pulls the backend's locations, page by page")
        pages = await self._pull_locations(limit=_PAGE)
        self._check_pages(pages, [location["id"] for location in locations()], self._stage.setting.public_url)
        self._show.done("location pull", "2 pages, 3 locations; the Link led back through the gateway")

    async def command_with_callback(self) -> None:
        self._show.chapter("The eMSP starts a session; its result comes back through the gateway")
        command = await self._stage.control(EMSP, "start-session", location_id="LOC1")
        self._check("the command to be ACCEPTED", command.get("result"), "ACCEPTED")
        await self._stage.control(BACKEND, "finish-commands")
        result = await self._stage.control(EMSP, "result", result_path=command["result_path"])
        self._check("the result ACCEPTED at the eMSP's own response_url", result.get("result"), "ACCEPTED")
        called = [sight.path for sight in self._stage.sights if "/callbacks/" in sight.path]
        self._check("one callback through the private listener", len(set(called)), 1)
        self._show.done("command with its callback", "START_SESSION accepted; its result came to the response_url")

    async def cdr_push(self) -> None:
        self._show.chapter("The backend pushes a CDR and fetches it from its Location")
        pushed = await self._stage.control(BACKEND, "push-cdr", partner=str(PROVIDER), id="CDR1")
        self._check_leads_to(pushed["location"], self._stage.setting.private_url)
        self._check("the CDR fetched to be the CDR pushed", pushed["is_the_same"], wanted=True)
        self._show.done("CDR push with its Location", "the Location led back through the gateway to the same CDR")

    async def token_pull(self) -> None:
        self._show.chapter("The backend pulls the eMSP's tokens (drivers' cards), page by page")
        pages = await self._pull_cards(limit=_PAGE)
        self._check_pages(pages, [card["uid"] for card in cards()], self._stage.setting.private_url)
        self._show.done("token pull", "2 pages, 3 tokens; the Link led back through the gateway")

    async def we_unregister(self) -> None:
        self._show.chapter("We unregister")
        unregistered = await self._verb("partner", "unregister", PARTNER)
        self._check("the state UNREGISTERED", unregistered.get("state"), PartnerState.UNREGISTERED)
        self._check_deleted()
        await self._settle()
        await self._check_refused("TOKEN_B")
        self._show.done("unregistration by us", "DELETE answered 1000; TOKEN_B then answered 401")

    async def _show_step_6(self) -> None:
        self._show.handshake_step(6)
        self._show.end_handshake()
        await self._pull_locations(limit=len(locations()))
        await self._pull_cards(limit=len(cards()))

    async def _pull_locations(self, *, limit: int) -> dict[str, Any]:
        return await self._stage.control(EMSP, "pull", module="locations", limit=limit)

    async def _pull_cards(self, *, limit: int) -> dict[str, Any]:
        return await self._stage.control(BACKEND, "pull-tokens", partner=str(PROVIDER), limit=limit)

    async def _verb(self, *words: str, typed: str = "") -> dict[str, Any]:
        self._show.command(*words, typed=typed)
        return await self._stage.verb(*words, typed=typed)

    async def _settle(self) -> None:
        """A running gateway follows what the command line changed within a second (contract.md, Command line)."""
        await asyncio.sleep(_SETTLING_SECONDS)

    def _check_steps(self, before: int, *, sender: str) -> None:
        seen = steps_seen(self._stage.sights[before:], sender=sender)
        self._check("steps 2, 3, 4 and 5 in this order", seen, _STEPS)

    async def _check_refused(self, name: str) -> None:
        self._show.say(f"{name} is dead")
        knocked = await self._stage.control(EMSP, "knock", name=name, url=self._versions_url)
        self._check(f"HTTP 401 for {name}", knocked["http_status"], _UNAUTHORIZED)

    def _check_pages(self, pages: dict[str, Any], ids: list[str], gateway_url: str) -> None:
        self._check("two pages", len(pages["urls"]), 2)
        self._check(f"{', '.join(ids)}", pages["ids"], ids)
        for url in pages["urls"]:
            self._check_leads_to(url, gateway_url)

    def _check_deleted(self) -> None:
        answers = [sight for sight in self._stage.sights if sight.method == "DELETE" and sight.phase is Phase.ANSWER]
        self._check("the DELETE to be answered OCPI 1000", answers[-1].status_code if answers else None, 1000)

    def _check_leads_to(self, url: str, gateway_url: str) -> None:
        self._check(f"a link that starts with {gateway_url}/", url[: len(gateway_url) + 1], f"{gateway_url}/")

    def _check(self, expected: str, came: object, wanted: object) -> None:
        if came != wanted:
            raise StepFailedError(expected=expected, came=f"there was {came}", platform=GATEWAY)
