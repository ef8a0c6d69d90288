"""Secrets at rest: what opens them, what doesn't, and what may be shown."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ocpi.errors import OperatorError
from gateway.ocpi.tokens import is_ours
from gateway.store.vault import Keyring, Sealed, Vault, WrongKeyError, make_key

ONE, OTHER = b"1" * 32, b"2" * 32
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def vault_with(*, keyring=None, digest_key=b"d" * 32, link_key=b"l" * 32):
    return Vault(keyring or Keyring([ONE]), digest_key=digest_key, link_key=link_key, audit_key=link_key)


VAULT = vault_with()


class TestKeyring:
    def test_what_was_sealed_for_a_row_opens_for_that_row(self):
        sealed = Keyring([ONE]).seal(b"token", binding="outbound_token/1/2")

        assert Keyring([ONE]).unseal(sealed, binding="outbound_token/1/2") == b"token"
        assert b"token" not in sealed.blob

    def test_the_same_text_never_gives_the_same_ciphertext(self):
        keyring = Keyring([ONE])

        assert keyring.seal(b"token", binding="row").blob != keyring.seal(b"token", binding="row").blob

    def test_moved_to_another_row_it_does_not_open(self):
        sealed = Keyring([ONE]).seal(b"token", binding="outbound_token/1/2")

        with pytest.raises(WrongKeyError, match=r"does not decrypt \(outbound_token\)") as refused:
            Keyring([ONE]).unseal(sealed, binding="outbound_token/1/3")
        assert "restore" in refused.value.remedy

    def test_changed_it_does_not_open(self):
        sealed = Keyring([ONE]).seal(b"token", binding="row")
        changed = Sealed(sealed.key_id, sealed.blob[:-1] + bytes([sealed.blob[-1] ^ 1]))

        with pytest.raises(WrongKeyError):
            Keyring([ONE]).unseal(changed, binding="row")

    def test_another_key_does_not_open_it_and_that_is_said(self):
        sealed = Keyring([ONE]).seal(b"token", binding="row")

        with pytest.raises(WrongKeyError, match="not configured") as refused:
            Keyring([OTHER]).unseal(sealed, binding="row")
        assert "encryption_key" in refused.value.remedy

    def test_the_first_key_seals_and_every_key_opens(self):
        old = Keyring([ONE]).seal(b"old", binding="row")
        both = Keyring([OTHER, ONE])

        assert both.unseal(old, binding="row") == b"old"
        assert Keyring([OTHER]).unseal(both.seal(b"new", binding="row"), binding="row") == b"new"

    def test_a_key_that_is_not_known_is_looked_for_anew(self):
        sealed = Keyring([OTHER]).seal(b"token", binding="row")
        running = Keyring([ONE], reload=lambda: [OTHER, ONE])

        assert running.unseal(sealed, binding="row") == b"token"
        assert running.preferred == sealed.key_id

    def test_a_key_that_is_known_is_not_looked_for(self):
        running = Keyring([ONE], reload=lambda: [OTHER])

        assert running.holds(running.preferred)
        assert running.preferred == Keyring([ONE]).preferred

    def test_while_the_keys_can_not_be_read_anew_those_that_are_known_go_on(self):
        def fails():
            raise OperatorError("gone")

        running = Keyring([ONE], reload=fails)

        assert not running.holds(Keyring([OTHER]).preferred)
        assert running.unseal(running.seal(b"token", binding="row"), binding="row") == b"token"

    @pytest.mark.parametrize("blob", [b"", b"abc", b"x" * 12, b"x" * 20])
    def test_what_is_too_short_to_be_a_secret_does_not_open(self, blob):
        keyring = Keyring([ONE])

        with pytest.raises(WrongKeyError, match="does not decrypt"):
            keyring.unseal(Sealed(keyring.preferred, blob), binding="row")

    def test_no_key_shows(self):
        shown = f"{Keyring([ONE])!r} {VAULT!r} {Sealed('id', b'ciphertext')!r}"

        assert "11111111" not in shown
        assert "ciphertext" not in shown

    def test_a_new_key_is_base64_of_32_bytes(self):
        assert len(base64.b64decode(make_key(), validate=True)) == 32
        assert make_key() != make_key()


class TestDigests:
    def test_a_digest_depends_on_token_and_key(self):
        assert VAULT.digest("token") == VAULT.digest("token")
        assert VAULT.digest("token") != VAULT.digest("Token")
        assert VAULT.digest("token") != vault_with(digest_key=b"x" * 32).digest("token")

    def test_the_operators_key_changes_no_digest(self):
        assert VAULT.digest("token") == vault_with(keyring=Keyring([OTHER])).digest("token")

    def test_a_fingerprint_is_eight_hex_characters_of_the_keyed_digest(self):
        assert re.fullmatch("[0-9a-f]{8}", VAULT.fingerprint("token"))
        assert VAULT.fingerprint("token") != vault_with(digest_key=b"x" * 32).fingerprint("token")

    def test_new_tokens_are_ours_and_differ(self):
        made = {VAULT.new_token() for _ in range(20)}

        assert len(made) == 20
        assert all(map(is_ours, made))


class TestChains:
    def test_a_tie_depends_on_every_part_and_where_it_ends(self):
        ties = [VAULT.chain(*parts) for parts in ([b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"c", b"ab"], [])]

        assert len(set(ties)) == 5
        assert VAULT.chain(b"ab", b"c") == ties[0]

    def test_a_tie_is_made_with_the_key_for_it(self):
        assert VAULT.chain(b"a") != Vault(VAULT.keyring, digest_key=ONE, link_key=ONE, audit_key=OTHER).chain(b"a")


class TestLinks:
    def test_no_two_links_share_their_nonce_wherever_the_binding_ends(self):
        """AES-GCM gives both plaintexts away where a nonce is used twice."""
        nonces = {
            base64.urlsafe_b64decode(VAULT.seal_link(target, binding=binding) + "==")[:12]
            for binding, target in [("a", "bc"), ("ab", "c"), ("abc", ""), ("", "abc")]
        }

        assert len(nonces) == 4

    @given(TEXT, TEXT)
    def test_a_sealed_link_is_always_the_same_and_opens_for_its_binding_only(self, target, binding):
        sealed = VAULT.seal_link(target, binding=binding)

        assert sealed == VAULT.seal_link(target, binding=binding)
        assert re.fullmatch("[A-Za-z0-9_-]+", sealed)
        assert VAULT.open_link(sealed, binding=binding) == target
        assert VAULT.open_link(sealed, binding=binding + "x") is None
        assert vault_with(link_key=b"x" * 32).open_link(sealed, binding=binding) is None

    @given(TEXT, st.integers(0, 200))
    def test_a_changed_link_opens_nothing(self, target, position):
        sealed = VAULT.seal_link(target, binding="b")
        position %= len(sealed) - 1  # the last character may hold bits that mean nothing
        changed = sealed[:position] + ("A" if sealed[position] != "A" else "B") + sealed[position + 1 :]

        assert VAULT.open_link(changed, binding="b") is None

    @given(st.text(max_size=100))
    def test_garbage_opens_nothing_and_hurts_nothing(self, garbage):
        assert VAULT.open_link(garbage, binding="b") is None

    @pytest.mark.parametrize("short", ["", "AA", "A" * 16, "A" * 20, "=", "====", "caf\xe9"])
    def test_what_is_too_short_or_no_base64_opens_nothing(self, short):
        assert VAULT.open_link(short, binding="b") is None

    def test_the_target_does_not_show(self):
        sealed = VAULT.seal_link("https://10.0.0.5/secret", binding="b")

        assert b"secret" not in base64.urlsafe_b64decode(sealed + "==")
