"""What the command line's tests share: the command in this process, its folder and configuration, and a partner."""

import io
import re
import shutil
from dataclasses import dataclass

import pytest

from gateway.cli import main
from tests.cli.partner_peer import PartnerPeer

CONFIGURATION = """\
public_url: https://ocpi.example.com
development: true
parties:
  - role: CPO
    country_code: NL
    party_id: EXA
    business_details: {name: Example Charging}
backend:
  url: http://127.0.0.1:9000/ocpi
  authorization: Token legacy-authorization
  egress_token: egress-token-of-the-tests
  modules:
    tokens: {role: RECEIVER}
database: sqlite:///gateway.db
"""


@dataclass(frozen=True)
class Result:
    """How a call of the command ended."""

    exit_code: int
    output: str
    errors: str

    @property
    def complaint(self):
        """Standard error as words in one line, without colours and frames."""
        return " ".join(re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", "", self.errors).split())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory, and an environment that names no configuration."""
    monkeypatch.chdir(tmp_path)
    for name in ("OCPI_GATEWAY_CONFIG", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def command(folder, capsys, monkeypatch):
    """Runs `ocpi-gateway` with these words, the way the console script does."""

    def run(*words, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        return Result(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def configured(folder, command):
    """The same in a folder with a configuration."""
    (folder / "config.yaml").write_text(CONFIGURATION)
    return command


@pytest.fixture
def migrated(configured, folder, _migrated):
    """The same beside a database that is migrated and holds nothing."""
    shutil.copy(_migrated, folder)
    return configured


@pytest.fixture
def prepared(migrated):
    """The same with the keys of the database made."""
    assert migrated("migrate").exit_code == 0
    return migrated


@pytest.fixture
def peer():
    """A partner's platform that is up."""
    with PartnerPeer() as running:
        yield running
