import os
import tempfile
from pathlib import Path

import pytest
import trustme

from gateway.config import check_environment, load_text


@pytest.fixture
def certificate(tmp_path):
    issued = trustme.CA().issue_cert("ocpi.example.com")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    return tmp_path / "cert.pem"


def problems(text):
    return [str(problem) for problem in check_environment(load_text(text, source="c.yaml", environ={}))]


def tls(certificate, key):
    return f"listen:\n  public:\n    tls:\n      certificate: {certificate}\n      key: {key}\n"


def test_nothing_is_wrong_where_the_database_can_be_made(minimal, tmp_path):
    assert problems(minimal + f"database: sqlite:///{tmp_path}/new/folder/gateway.db\n") == []
    assert list(tmp_path.iterdir()) == []


def test_a_matching_certificate_and_key_are_right(minimal, certificate):
    assert problems(minimal + tls(certificate, certificate.with_name("key.pem"))) == []


def test_missing_tls_files_are_named_with_their_lines(minimal, tmp_path):
    assert problems(minimal + tls(tmp_path / "a", tmp_path / "b")) == [
        f"c.yaml:16: listen.public.tls.certificate: the file '{tmp_path}/a' can't be read: No such file or directory",
        f"c.yaml:17: listen.public.tls.key: the file '{tmp_path}/b' can't be read: No such file or directory",
    ]


def test_a_key_of_another_certificate_is_a_problem(minimal, certificate, tmp_path):
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("ocpi.example.com").private_key_pem.write_to_path(other)
    assert problems(minimal + tls(certificate, other)) == [
        (
            "c.yaml:15: listen.public.tls: certificate and key are not a matching pair in PEM form, "
            "or the key has a passphrase"
        )
    ]


def test_a_key_with_a_passphrase_is_a_problem_and_nobody_is_asked_for_it(minimal, certificate, tmp_path):
    from cryptography.hazmat.primitives import serialization

    private_key = serialization.load_pem_private_key(certificate.with_name("key.pem").read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert len(problems(minimal + tls(certificate, locked))) == 1


def test_the_authorities_of_client_certificates_must_be_there_too(minimal, certificate, tmp_path):
    served = tls(certificate, certificate.with_name("key.pem"))

    (problem,) = problems(f"{minimal}{served}      client_ca: {tmp_path}/absent\n")
    assert "listen.public.tls.client_ca: the file" in problem


def test_a_ca_file_must_be_there_and_hold_certificates(minimal, certificate, tmp_path):
    (tmp_path / "empty.pem").touch()
    assert problems(minimal + f"outbound: {{ca_file: {certificate}}}\n") == []
    assert problems(minimal + f"outbound: {{ca_file: {tmp_path}/empty.pem}}\n") == [
        "c.yaml:13: outbound.ca_file: holds no certificates in PEM form"
    ]
    assert "can't be read" in problems(minimal + f"outbound: {{ca_file: {tmp_path}/absent}}\n")[0]


@pytest.fixture
def acme(minimal, tmp_path):
    """Loads a partner with these files; gives the problems."""
    issued, other = trustme.CA().issue_cert("us.example"), trustme.CA().issue_cert("us.example")
    (tmp_path / "junk").write_text("not PEM")
    issued.private_key_pem.write_to_path(tmp_path / "key")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both")
    other.private_key_pem.write_to_path(tmp_path / "other-key")

    def load(**files):
        lines = [f"    {key}: {tmp_path}/{name}\n" for key, name in files.items()]
        found = problems("".join([minimal, "partners:\n  acme:\n", *lines]))
        return [problem.replace(f"{tmp_path}/", "") for problem in found]

    return load


@pytest.mark.parametrize(
    "files",
    [
        {"ca_file": "certificate"},
        {"client_certificate": "certificate", "client_key": "key"},
        {"client_certificate": "both"},
        {"ca_file": "certificate", "client_certificate": "both", "client_key": "both"},
    ],
)
def test_a_partners_authorities_and_client_certificate_are_right(acme, files):
    assert acme(**files) == []


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            {"ca_file": "absent"},
            "15: partners.acme.ca_file: the file 'absent' can't be read: No such file or directory",
        ),
        ({"ca_file": "junk"}, "15: partners.acme.ca_file: holds no certificates in PEM form"),
        (
            {"client_certificate": "absent", "client_key": "key"},
            "15: partners.acme.client_certificate: the file 'absent' can't be read: No such file or directory",
        ),
        (
            {"client_certificate": "certificate", "client_key": "absent"},
            "16: partners.acme.client_key: the file 'absent' can't be read: No such file or directory",
        ),
        (
            {"client_certificate": "junk", "client_key": "key"},
            "15: partners.acme.client_certificate: holds no certificates in PEM form",
        ),
        (
            {"client_certificate": "key", "client_key": "key"},
            "15: partners.acme.client_certificate: holds no certificates in PEM form",
        ),
        (
            {"client_certificate": "certificate", "client_key": "junk"},
            "16: partners.acme.client_key: holds no private key in PEM form, or one with a passphrase",
        ),
        (
            {"client_certificate": "certificate", "client_key": "other-key"},
            "16: partners.acme.client_key: is the key of another certificate",
        ),
        (
            {"client_certificate": "certificate"},
            (
                "15: partners.acme.client_certificate: holds no private key in PEM form beside it, "
                "name its file in client_key"
            ),
        ),
    ],
)
def test_each_unusable_file_of_a_partner_is_one_problem(acme, files, problem):
    assert acme(**files) == [f"c.yaml:{problem}"]


def test_a_folder_in_place_of_the_database_is_a_problem(minimal, tmp_path):
    assert problems(minimal + f"database: sqlite:///{tmp_path}\n") == [
        f"c.yaml:13: database: '{tmp_path}' is a folder, name a file in it"
    ]


def test_a_file_in_place_of_the_databases_folder_is_a_problem(minimal, tmp_path):
    (tmp_path / "data").touch()
    assert problems(minimal + f"database: sqlite:///{tmp_path}/data/gateway.db\n") == [
        f"c.yaml:13: database: '{tmp_path}/data' is not a folder, name another one"
    ]


@pytest.fixture
def read_only_folder():
    """A folder that this process can't write to, with one in it that it can't even search.

    A test run by root acts as an ordinary user meanwhile.
    """
    folder = Path(tempfile.mkdtemp())
    (folder / "locked").mkdir(mode=0)
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    folder.chmod(0o755)
    (folder / "locked").rmdir()
    folder.rmdir()


def test_a_place_that_is_not_writable_is_a_problem(minimal, read_only_folder):
    assert problems(minimal + f"database: sqlite:///{read_only_folder}/data/gateway.db\n") == [
        f"c.yaml:13: database: '{read_only_folder}' is not writable for this user, change its owner or mode"
    ]


def test_store_disk_of_a_database_that_can_only_be_read_is_no_problem(minimal, read_only_folder):
    database = read_only_folder.parent / f"{read_only_folder.name}.db"
    database.touch(mode=0o444)
    try:
        assert problems(minimal + f"database: sqlite:///{database}\n") == []
        database.chmod(0)
        assert problems(minimal + f"database: sqlite:///{database}\n") == [
            f"c.yaml:13: database: the file '{database}' can't be read: Permission denied"
        ]
    finally:
        database.unlink()


def test_a_place_that_cannot_be_reached_is_a_problem(minimal, read_only_folder):
    hidden = read_only_folder / "locked" / "gateway.db"
    assert problems(minimal + f"database: sqlite:///{hidden}\n") == [
        f"c.yaml:13: database: '{hidden}' can't be reached: Permission denied"
    ]


def test_postgresql_is_left_to_the_store(minimal):
    assert problems(minimal + "database: postgresql://gateway@db/ocpi\n") == []
