"""API keys of the served KMS: what is temporary ends with what it comes from, and a row cannot be made into another."""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kmstool.errors import IntegrityError, KmsToolError
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables import credentials, schema
from kmstool.server.tables.credentials import LASTING, MAX_LIVE, METADATA, ROLE, TEMPORARY, TOKEN, ServedCredential
from kmstool.server.vault import Vault
from kmstool.server.web import sts
from tests.stores import on_store

PARAMS = {"RoleArn": "qcs::cam::uin/1:roleName/a", "RoleSessionName": "a"}
HOUR = 3600


class Keys:
    """The API keys of one store, each call in a transaction of its own."""

    def __init__(self, kms: EmbeddedKms) -> None:
        self.kms = kms
        with self.writing() as (db, vault):
            self.lasting = credentials.create(db, vault)

    @contextmanager
    def writing(self) -> Iterator[tuple[sqlite3.Connection, Vault]]:
        with self.kms.transaction(write=True) as call:
            yield call.db, call.vault

    def derive(self, parent: str, seconds: int = HOUR, kind: str = TEMPORARY) -> ServedCredential:
        with self.writing() as (db, vault):
            return credentials.derive(db, vault, kind, parent, seconds)

    def find(self, secret_id: str) -> ServedCredential | None:
        with self.writing() as (db, vault):
            return credentials.find(db, vault, secret_id)

    def remove(self, secret_id: str) -> int:
        with self.writing() as (db, _):
            return credentials.remove(db, secret_id)

    def live(self) -> set[str]:
        with self.writing() as (db, vault):
            return {item.secret_id for item in credentials.all_live(db, vault)}

    def count(self) -> int:
        with self.writing() as (db, _):
            return int(db.execute("SELECT count(*) FROM credential").fetchone()[0])

    def assume(self, signer: str, **more: Any) -> Mapping[str, Any]:
        return sts.call(self.kms, "AssumeRole", {**PARAMS, **more}, signer)


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    kms = EmbeddedKms(tmp_path / "store")
    try:
        yield Keys(kms)
    finally:
        kms.close()


def test_a_temporary_key_makes_none_that_outlives_it(keys: Keys) -> None:
    first = keys.derive(keys.lasting.secret_id, 60)
    answer = keys.assume(first.secret_id, DurationSeconds=43200)
    assert answer["ExpiredTime"] == first.expires_unix
    again = keys.assume(answer["Credentials"]["TmpSecretId"], DurationSeconds=43200)
    assert again["ExpiredTime"] == first.expires_unix
    shorter = keys.assume(first.secret_id, DurationSeconds=5)
    assert shorter["ExpiredTime"] < first.expires_unix
    token = keys.derive(first.secret_id, kind=TOKEN)
    assert token.expires_unix == first.expires_unix


def test_what_comes_from_a_key_goes_with_it(keys: Keys) -> None:
    other = keys.derive(keys.lasting.secret_id)
    first = keys.derive(keys.lasting.secret_id)
    second = keys.derive(first.secret_id, kind=ROLE)
    third = keys.derive(second.secret_id, kind=ROLE)
    assert keys.remove(second.secret_id) == 2
    assert (keys.find(second.secret_id), keys.find(third.secret_id)) == (None, None)
    assert keys.live() == {keys.lasting.secret_id, other.secret_id, first.secret_id}
    assert keys.remove(keys.lasting.secret_id) == 3
    assert keys.count() == 0
    assert keys.remove(keys.lasting.secret_id) == 0


def test_a_key_whose_maker_is_gone_is_none(keys: Keys) -> None:
    """Also where somebody deleted the maker's row alone."""
    first = keys.derive(keys.lasting.secret_id)
    second = keys.derive(first.secret_id)
    third = keys.derive(second.secret_id)
    with keys.writing() as (db, _):
        db.execute("DELETE FROM credential WHERE secret_id = ?", (first.secret_id,))
    assert keys.find(third.secret_id) is None
    assert keys.live() == {keys.lasting.secret_id}
    for parent in (first, third):
        with pytest.raises(KmsToolError, match="gone or expired"):
            keys.assume(parent.secret_id)


def test_an_expired_key_makes_none(keys: Keys) -> None:
    made = keys.derive(keys.lasting.secret_id, -1)
    with pytest.raises(KmsToolError, match="gone or expired"):
        keys.assume(made.secret_id)
    assert made.secret_id not in keys.live()


@pytest.mark.parametrize("chained", [False, True])
def test_a_loop_of_assumed_roles_ends(keys: Keys, chained: bool) -> None:
    """Each by the lasting key, or each by the one before; both grow one family."""
    before, parent = keys.count(), keys.lasting.secret_id
    with keys.writing() as (db, vault):
        for _ in range(MAX_LIVE):
            made = credentials.derive(db, vault, ROLE, parent, HOUR)
            parent = made.secret_id if chained else parent
    for signer in (keys.lasting.secret_id, made.secret_id):
        with pytest.raises(KmsToolError) as caught:
            keys.assume(signer)
        assert caught.value.kms_code == "LimitExceeded"
    assert keys.count() == before + MAX_LIVE
    assert made.secret_id in keys.live()
    keys.remove(made.secret_id)
    keys.assume(keys.lasting.secret_id)


def test_a_loop_of_short_lives_does_not_grow_the_store(keys: Keys) -> None:
    """Expired keys are kept for a day, so that clients learn what is wrong, but not without end."""
    kept = keys.derive(keys.lasting.secret_id)
    with keys.writing() as (db, vault):
        for _ in range(2 * MAX_LIVE):
            credentials.derive(db, vault, ROLE, keys.lasting.secret_id, -1)
    assert keys.count() <= MAX_LIVE + 1
    assert keys.find(kept.secret_id) == kept


def test_the_metadata_service_gives_the_same_key_again(keys: Keys) -> None:
    first = sts.metadata(keys.kms, sts.METADATA_PATH + sts.ROLE)
    before = keys.count()
    assert first
    assert sts.metadata(keys.kms, sts.METADATA_PATH + sts.ROLE) == first
    assert keys.count() == before
    found = keys.find(json.loads(first)["TmpSecretId"])
    assert found
    assert (found.kind, found.parent) == (METADATA, keys.lasting.secret_id)
    keys.remove(keys.lasting.secret_id)
    assert sts.metadata(keys.kms, sts.METADATA_PATH + sts.ROLE) is None


# Rows that somebody altered.


@pytest.mark.parametrize(
    "change",
    [
        "expires = expires + 1",
        "expires = 0",
        "kind = 'lasting'",
        "kind = 'lasting', parent = '', expires = 0",
        "kind = 'token'",
        "parent = (SELECT max(secret_id) FROM credential WHERE kind = 'lasting')",
        "parent = ''",
        "wrapped = zeroblob(60)",
        "wrapped = 'text'",
        "wrapped = (SELECT wrapped FROM credential WHERE kind = 'lasting' LIMIT 1)",
    ],
)
def test_an_altered_row_is_damage(keys: Keys, change: str) -> None:
    with keys.writing() as (db, vault):
        credentials.create(db, vault)
    made = keys.derive(keys.derive(keys.lasting.secret_id).secret_id)
    with keys.writing() as (db, _):
        db.execute(f"UPDATE credential SET {change} WHERE secret_id = ?", (made.secret_id,))
    with pytest.raises(IntegrityError):
        keys.find(made.secret_id)
    assert on_store(keys.kms.store.folder, "local", "credentials", "list", exit_code=5).out == ""
    # The way out that the hint names.
    assert keys.remove(made.secret_id) == 1
    assert len(keys.live()) == 3


@pytest.mark.parametrize("change", ["expires = 1", "kind = 'temporary'", f"expires = {2**40}, kind = 'temporary'"])
def test_an_altered_lasting_row_is_damage(keys: Keys, change: str) -> None:
    with keys.writing() as (db, _):
        db.execute(f"UPDATE credential SET {change}")
    with pytest.raises(IntegrityError):
        keys.find(keys.lasting.secret_id)


# Stores of before.


def former(keys: Keys, token: str, kind: str = LASTING, expires: int = 0) -> str:
    """Write a row as kmstool did before it sealed more than key and token; return its id."""
    secret_id = "AKIDformer"
    with keys.writing() as (db, vault):
        wrapped = vault.wrap(("credential", secret_id), json.dumps(["key", token]).encode())
        db.execute(
            "INSERT INTO credential (secret_id, wrapped, created, expires, kind) VALUES (?, ?, ?, ?, ?)",
            (secret_id, wrapped, 1, expires, kind),
        )
    return secret_id


def test_a_former_lasting_key_stays(keys: Keys) -> None:
    secret_id = former(keys, "")
    assert keys.find(secret_id) == ServedCredential(secret_id, "key")
    assert keys.derive(secret_id).parent == secret_id


@pytest.mark.parametrize(
    ("token", "kind", "expires"),
    [("token", LASTING, 0), ("", TEMPORARY, 2**40), ("token", TEMPORARY, 2**40), ("", LASTING, 2**40)],
)
def test_a_former_temporary_key_is_never_taken(keys: Keys, token: str, kind: str, expires: int) -> None:
    """Nothing bound it to its expiry: as a lasting one it would live for ever."""
    secret_id = former(keys, token, kind, expires)
    with pytest.raises(IntegrityError):
        keys.find(secret_id)


def test_an_upgrade_ends_former_temporary_keys() -> None:
    step = next(number for number, text in enumerate(schema.STEPS) if "credential_of_parent" in text)
    with closing(sqlite3.connect(":memory:")) as db:
        for text in schema.STEPS[:step]:
            db.executescript(text)
        lives = [("AKIDa", 0), ("AKIDb", int(time.time()) + HOUR), ("AKIDc", 1)]
        db.executemany("INSERT INTO credential VALUES (?, x'00', 1, ?)", lives)
        db.executescript(schema.STEPS[step])
        found = db.execute("SELECT secret_id, kind, parent FROM credential").fetchall()
    assert found == [("AKIDa", LASTING, "")]


def test_a_web_identity_token_signs_nothing_and_is_known_whole(keys: Keys) -> None:
    token = keys.derive(keys.lasting.secret_id, kind=TOKEN)
    other = keys.derive(keys.lasting.secret_id)
    assert sts.identity(keys.kms, {"WebIdentityToken": token.bearer}) == token.secret_id
    wrong = (
        token.bearer[:-1], token.bearer + "x", token.bearer.swapcase(), token.secret_id, f"{token.secret_id}.",
        other.bearer, f"{other.secret_id}.{token.token}", "\ud800.", "é", 5, [token.bearer], {"a": 1}, True,
    )  # fmt: skip
    for text in wrong:
        with pytest.raises(KmsToolError) as caught:
            sts.identity(keys.kms, {"WebIdentityToken": text})
        assert caught.value.kms_code == "InvalidParameter.WebIdentityTokenError"
    expired = keys.derive(keys.lasting.secret_id, -1, TOKEN)
    with pytest.raises(KmsToolError, match="expired"):
        sts.identity(keys.kms, {"WebIdentityToken": expired.bearer})
