"""The three processes of the demonstration, and what is said when one of them fails."""

import os
import signal
import socket

import pytest

from gateway.demo.processes import StepFailedError
from gateway.demo.report import EMSP, GATEWAY
from gateway.demo.setting import choose_setting
from gateway.demo.stage import open_stage


async def test_what_a_platform_saw_is_there_when_its_action_is_over(tmp_path):
    seen = []
    async with open_stage(choose_setting(tmp_path), seen.append) as stage:
        await stage.control(EMSP, "knock", name="TOKEN_A", url=f"{stage.setting.public_url}/ocpi/versions")
    assert [(sight.phase, sight.path, sight.http_status) for sight in seen] == [
        ("call", "/ocpi/versions", None),
        ("answer", "/ocpi/versions", 401),
    ]


async def test_a_failed_action_says_why_and_brings_the_log_of_the_platform(tmp_path):
    with pytest.raises(StepFailedError) as failure:
        async with open_stage(choose_setting(tmp_path), lambda _: None) as stage:
            await stage.control(EMSP, "register", versions_url=f"{stage.setting.public_url}/ocpi/versions", token_a="x")
    assert failure.value.expected == "the eMSP to register"
    assert "GET versions" in failure.value.came


async def knock_at_a_dead_gateway(stage):
    gateway = stage.children[GATEWAY].process
    os.kill(gateway.pid, signal.SIGKILL)
    await gateway.wait()
    await stage.control(EMSP, "knock", name="TOKEN_A", url=f"{stage.setting.public_url}/ocpi/versions")


async def test_the_log_of_a_process_that_ended_is_the_one_shown(tmp_path):
    with pytest.raises(StepFailedError) as failure:
        async with open_stage(choose_setting(tmp_path), lambda _: None) as stage:
            await knock_at_a_dead_gateway(stage)
    assert "refused the connection" in failure.value.came
    assert any("listening" in line for line in failure.value.last_lines)


async def test_a_failed_verb_says_why(tmp_path):
    with pytest.raises(StepFailedError) as failure:
        async with open_stage(choose_setting(tmp_path), lambda _: None) as stage:
            await stage.verb("partner", "show", "nobody")
    assert failure.value.expected == "`partner show nobody` to end with exit code 0"
    assert "nobody" in failure.value.came


async def test_a_port_that_somebody_took_meanwhile_is_replaced(tmp_path):
    setting = choose_setting(tmp_path)
    taken = setting.ports["public"]
    with socket.create_server(("127.0.0.1", taken)):
        async with open_stage(setting, lambda _: None) as stage:
            assert stage.setting.ports["public"] != taken
            assert not any(child.has_ended for child in stage.children.values())
