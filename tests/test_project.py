"""The project's own files: locks, image, compose file, Makefile, CI, licence (operations.md, Image)."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import gateway
from gateway.config import check_environment, load

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
LOCKED = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
TOO_LARGE_TO_BE_TEXT = 2_000_000
MADE_OR_HIDDEN = re.compile(r"/(\.|__pycache__|data/)")


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def project():
    return tomllib.loads(text("pyproject.toml"))


def locked(name):
    return dict(LOCKED.findall(text(f"requirements/{name}.lock")))


def files_of_the_project():
    """What is in git or would be with the next `git add`; in a copy without git, all but what is hidden or made."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\0")
    if "pyproject.toml" in listed:
        files = [ROOT / name for name in listed if name]
    else:
        files = [path for path in ROOT.rglob("*") if not MADE_OR_HIDDEN.search(f"/{path.relative_to(ROOT)}")]
    return [path for path in files if path.is_file() and path.stat().st_size < TOO_LARGE_TO_BE_TEXT]


def dockerfile_instructions():
    """(keyword, rest) of each instruction, with continued lines joined and comments left out."""
    lines = [line for line in text("Dockerfile").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def last_value(keyword):
    return [rest for word, rest in dockerfile_instructions() if word == keyword][-1]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_carries_a_hash_and_no_lock_names_an_index(lock):
    content = lock.read_text()
    packages = re.split(r"\n(?=[a-z0-9])", re.sub(r"^#.*\n", "", content, flags=re.MULTILINE))
    assert packages
    for package in packages:
        assert re.match(r"[a-z0-9-]+==\S+", package), package.splitlines()[0]
        assert "--hash=sha256:" in package, package.splitlines()[0]
    assert "://" not in content
    assert "index-url" not in content


def test_there_is_one_lock_for_each_purpose_and_no_other():
    assert [lock.name for lock in LOCKS] == ["build.lock", "dev.lock", "fuzz.lock", "runtime.lock"]
    assert not (ROOT / "uv.lock").exists()


def test_tests_run_on_the_versions_that_the_image_is_made_with():
    tested = locked("dev")
    for name in ("runtime", "build"):
        shipped = locked(name)
        assert shipped
        assert shipped.items() <= tested.items()


def test_the_locks_hold_every_dependency_that_the_project_declares():
    declared = project()
    runtime = declared["project"]["dependencies"] + declared["project"]["optional-dependencies"]["postgres"]
    dev = declared["dependency-groups"]["dev"]
    for requirements, lock in ((runtime, "runtime"), (runtime + dev, "dev")):
        names = {re.split(r"[^A-Za-z0-9-]", requirement)[0].lower() for requirement in requirements}
        assert names <= locked(lock).keys()


def test_the_build_lock_is_made_for_the_build_system_of_pyproject():
    assert set(project()["build-system"]["requires"]) <= set(text("requirements/build.in").splitlines())


def test_no_file_names_a_registry_or_a_folder_of_one_machine():
    # Spelled in pieces, so that this file is not a finding.
    registry = "|".join(
        re.escape(host) for host in ("pypi" + ".org", "python" + "hosted.org", "docker" + ".io", "ghcr" + ".io")
    )
    machine_folder = r"(?<![\w.$}])/(?:" + "wo" + r"rk|fa" + r"rm|ro" + r"ot|ho" + r"me/[a-z]+)/[\w.-]"
    forbidden = re.compile(f"{registry}|{machine_folder}")
    files = files_of_the_project()
    assert ROOT / "pyproject.toml" in files
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if forbidden.search(line)
    ]
    assert found == []


def make(*words, folder=ROOT, **environ):
    """Run make as from a shell, untouched by the make that may be running these tests."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", *words]
    return subprocess.run(command, cwd=folder, env=inherited | environ, capture_output=True, text=True, check=False)


def phony_targets():
    return set(" ".join(re.findall(r"^\.PHONY: (.+)$", text("Makefile"), re.MULTILINE)).split())


def test_every_makefile_target_is_explained_by_make_help():
    explained = dict(re.findall(r"^  make (\S+) +(\S.*)$", make("help").stdout, re.MULTILINE))
    assert phony_targets() == explained.keys()
    assert {"demo", "test", "run", "check"} <= explained.keys()


def test_make_says_which_python_it_needs_where_there_is_none(tmp_path):
    ran = make("PYTHON=", f"VENV={tmp_path}/venv", "run")
    assert ran.returncode == 2
    assert "needs Python 3.11 or newer" in ran.stderr


def test_make_passes_over_a_python_that_is_too_old_or_cannot_make_environments(tmp_path):
    for name in ("python3.13", "python3.12", "python3.11"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "python3.14").symlink_to(sys.executable)
    ran = make("--eval", "show: ; @echo $(PYTHON)", "show", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert ran.stdout == "python3.14\n"


def test_make_check_is_every_gate_and_ci_runs_each():
    gates = re.search(r"^check: ([a-z -]+)", text("Makefile"), re.MULTILINE)[1].split()
    assert gates == ["lint", "types", "contracts", "docs-fresh", "test"]
    ci = text(".ci/run")
    for gate in [*gates, "demo", "image-test"]:
        assert re.search(rf"\bmake {gate}\b", ci), gate


def test_ci_is_executable_and_its_scripts_are_sound_bash():
    for script in (ROOT / ".ci" / "run", ROOT / "tools" / "image.sh"):
        assert os.access(script, os.X_OK)
        subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize(
    ("closing_line", "passes"),
    [
        ("===== 812 passed in 93.42s (0:01:33) =====", True),
        ("===== 811 passed, 1 skipped in 93.42s (0:01:33) =====", False),
        ("===== 811 passed, 1 xfailed in 93.42s =====", False),
        ("no tests ran at all", False),
    ],
)
def test_ci_passes_only_when_every_test_ran(tmp_path, closing_line, passes):
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_text(text(".ci/run"))
    (tmp_path / "Makefile").write_text(f"test:\n\t@echo '{closing_line}'\n%:\n\t@true\n")
    (tmp_path / "apt-get").write_text("#!/bin/sh\n")  # nothing is to be installed by this test
    (tmp_path / "apt-get").chmod(0o755)
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", tmp_path / ".ci" / "run"]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (ran.returncode == 0) is passes, ran.stdout + ran.stderr
    if passes:
        assert ran.stdout.splitlines()[-1] == closing_line


def test_the_dockerfile_uses_nothing_that_stops_other_builders():
    content = text("Dockerfile")
    assert "<<" not in content
    assert "--link" not in content
    assert "# syntax" not in content
    assert "--mount" not in content
    assert not [rest for word, rest in dockerfile_instructions() if word == "FROM" and "@" in rest]


def test_the_image_is_made_in_stages_and_runs_as_an_unprivileged_user():
    stages = [rest for word, rest in dockerfile_instructions() if word == "FROM"]
    assert len(stages) >= 2
    assert last_value("USER") == "10001:10001"
    assert last_value("VOLUME") == "/data"


def test_the_image_starts_the_command_itself_and_asks_it_for_health():
    assert last_value("ENTRYPOINT") == '["ocpi-gateway"]'
    assert last_value("CMD") == '["run"]'
    assert last_value("HEALTHCHECK").endswith('CMD ["ocpi-gateway", "healthcheck"]')
    assert last_value("STOPSIGNAL") == "SIGTERM"


def test_the_image_installs_only_what_is_locked():
    pip = [
        words
        for word, rest in dockerfile_instructions()
        if word == "RUN"
        for words in rest.split("&&")
        if "pip" in words
    ]
    installs = [shlex.split(words) for words in pip if " install " in words]
    assert installs
    assert all("--require-hashes" in words or "--no-deps" in words for words in installs)


def test_the_image_label_and_compose_file_carry_the_version_of_the_package():
    assert f'org.opencontainers.image.version="{gateway.__version__}"' in text("Dockerfile")
    for service in yaml.safe_load(text("compose.example.yaml"))["services"].values():
        assert service["image"].endswith(f":{gateway.__version__}")


def test_every_file_that_the_dockerfile_copies_reaches_the_builder():
    allowed = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    copied = set()
    for word, rest in dockerfile_instructions():
        words = rest.split()
        if word == "COPY" and not words[0].startswith("--from"):
            copied.update(words[:-1])
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.parametrize("service", ["gateway", "backend"])
def test_the_services_of_the_compose_file_are_hardened(service):
    settings = yaml.safe_load(text("compose.example.yaml"))["services"][service]
    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings["mem_limit"]
    assert "privileged" not in settings
    assert "user" not in settings  # the image's own


def test_the_compose_file_publishes_the_public_listener_and_no_private_one():
    services = yaml.safe_load(text("compose.example.yaml"))["services"]
    assert services["gateway"]["ports"] == ["8080:8080", "127.0.0.1:8083:8083"]
    assert "ports" not in services["backend"]


def test_the_backend_of_the_compose_file_is_reached_through_the_gateway_only():
    compose = yaml.safe_load(text("compose.example.yaml"))
    assert compose["services"]["backend"]["networks"] == ["legacy"]
    assert compose["networks"]["legacy"]["internal"] is True


def test_compose_waits_until_the_gateway_has_drained(loaded_compose_configuration):
    shutdown = loaded_compose_configuration.config.shutdown
    seconds = yaml.safe_load(text("compose.example.yaml"))["services"]["gateway"]["stop_grace_period"]
    assert int(seconds.removesuffix("s")) > shutdown.drain_delay_seconds + shutdown.grace_period_seconds


def test_the_configuration_of_the_compose_file_is_valid_and_fits_its_services(
    loaded_compose_configuration, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert [problem.key_path for problem in loaded_compose_configuration.warnings] == ["development"]
    assert check_environment(loaded_compose_configuration) == ()
    config = loaded_compose_configuration.config
    assert config.backend.url.startswith("http://backend:9000/")
    assert config.private_url == f"http://gateway:{config.listen.private.port}"
    assert config.listen.private.host == "0.0.0.0"
    backend = yaml.safe_load(text("compose.example.yaml"))["services"]["backend"]
    assert backend["environment"]["GATEWAY_PRIVATE_URL"] == config.private_url


def test_the_compose_file_mounts_that_configuration_where_the_image_looks_for_one():
    gateway_service = yaml.safe_load(text("compose.example.yaml"))["services"]["gateway"]
    assert "./deploy/compose/config.yaml:/etc/ocpi-gateway/config.yaml:ro" in gateway_service["volumes"]
    assert "OCPI_GATEWAY_CONFIG=/etc/ocpi-gateway/config.yaml" in text("Dockerfile")


@pytest.fixture
def loaded_compose_configuration():
    """`deploy/compose/config.yaml`, with the environment that the compose file gives it where nothing is set."""
    declared = yaml.safe_load(text("compose.example.yaml"))["services"]["gateway"]["environment"]
    environ = {name: re.fullmatch(r"\$\{\w+:-(.+)\}", value)[1] for name, value in declared.items()}
    return load(ROOT / "deploy" / "compose" / "config.yaml", environ)


def test_the_changelog_begins_with_what_is_unreleased_or_with_this_version():
    first = re.search(r"^## \[(.+?)\]", text("CHANGELOG.md"), re.MULTILINE)[1]
    assert first in {"Unreleased", gateway.__version__}


def test_the_licence_is_the_one_that_the_package_declares():
    licence = text("LICENSE")
    assert project()["project"]["license"] == "Apache-2.0"
    assert re.match(r"\s*Apache License\s+Version 2\.0, January 2004", licence)
    assert "END OF TERMS AND CONDITIONS" in licence


def test_pre_commit_runs_gates_of_the_makefile():
    hooks = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    assert hooks
    assert all(hook["entry"] == f"make {hook['id']}" and hook["id"] in phony_targets() for hook in hooks)
