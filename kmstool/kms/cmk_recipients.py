"""CMKs as recipients of envelopes: the DEK is made, kept or wrapped by KMS, and opened by it."""

from __future__ import annotations

import hashlib
import hmac
import struct
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from kmstool import words
from kmstool.envelope.floe import Suite
from kmstool.envelope.stanzas import (
    KEY_ID,
    OAEP,
    REGION,
    SITE,
    TENCENT_KMS,
    TENCENT_KMS_RSA,
    TENCENT_KMS_SM2,
    WRAPPED,
    WRAPPED_AT,
    Stanza,
)
from kmstool.errors import InputError, IntegrityError, Reason
from kmstool.kms.answers import Plaintext
from kmstool.kms.client import KmsClient

MAX_CACHED = 1024
MAX_CACHED_SECONDS = 600

_SPECS_BY_SIZE = {size: spec for spec, size in words.KEY_SPECS.items()}


@dataclass(frozen=True, slots=True)
class CmkRecipient:
    """A CMK in one region; `site` is `cn` or `intl`."""

    client: KmsClient
    key_id: str
    region: str
    site: str = "cn"

    def new_dek(self, suite: Suite, context: str) -> tuple[bytes, Stanza]:
        """Let KMS make a DEK for a suite, and return it with its stanza."""
        data_key = self.client.generate_data_key(self.key_id, _SPECS_BY_SIZE[suite.dek_bytes], context)
        return data_key.plaintext, self.stanza(data_key.ciphertext_blob)

    def wrap(self, dek: bytes, context: str) -> Stanza:
        """Let KMS encrypt a DEK that another recipient's KMS made."""
        return self.stanza(self.client.encrypt(self.key_id, dek, context).ciphertext_blob)

    def move(self, stanza: Stanza, context: str) -> Stanza:
        """Let KMS re-encrypt another stanza of the same region for this CMK; the DEK does not leave KMS.

        Raises `IntegrityError` if KMS says that it was under another key than the stanza says.
        """
        blob = stanza.wrapped.decode("ascii")
        moved = self.client.re_encrypt(blob, to_key_id=self.key_id, source_context=context, destination_context=context)
        if moved.source_key_id != stanza.text(KEY_ID):
            raise IntegrityError(
                f"the header names the key {stanza.text(KEY_ID)}, but its record was under {moved.source_key_id}"
            )
        return self.stanza(moved.ciphertext_blob)

    def stanza(self, blob: str) -> Stanza:
        """Return the stanza of a blob that is under this CMK."""
        texts = {SITE: self.site, REGION: self.region, KEY_ID: self.key_id, WRAPPED: blob}
        fields = {number: text.encode() for number, text in texts.items()}
        return Stanza(TENCENT_KMS, fields | {WRAPPED_AT: struct.pack(">Q", int(time.time()))})


@dataclass(frozen=True, slots=True)
class HostedDek:
    """A data key that KMS keeps, as the DEK of many envelopes, made on many machines; `site` is `cn` or `intl`.

    Whether one DEK may serve many files is for the suite to say (FLOE: it may).
    """

    client: KmsClient
    data_key_id: str
    region: str
    site: str = "cn"

    def wrap(self, dek: bytes, context: str) -> Stanza:
        """Raise `InputError`: a data key that KMS keeps is the DEK of an envelope, and wraps no other one."""
        raise InputError(f"the data key {self.data_key_id} cannot wrap the DEK that another one made")

    def new_dek(self, suite: Suite, context: str) -> tuple[bytes, Stanza]:
        """Return the data key and the stanza of its CMK, after KMS has opened its blob to the same bytes.

        Raises `InputError` for a data key of another size than the suite's DEKs, `IntegrityError`
        if the blob does not open under the envelope's context, or to something else: such an
        envelope could never be opened again.
        """
        dek = self.client.data_key_plaintext(self.data_key_id).plaintext
        if len(dek) != suite.dek_bytes:
            raise InputError(
                f"the data key {self.data_key_id} has {len(dek)} bytes; {suite.name} takes {suite.dek_bytes}",
                reason=Reason.DATA_KEY_SIZE,
                facts={"bytes": str(suite.dek_bytes)},
            )
        blob = str(self.client.data_key_blob(self.data_key_id)["CiphertextBlob"])
        try:
            opened = self.client.decrypt(blob, context)
        except IntegrityError as error:
            raise IntegrityError(
                f"the data key {self.data_key_id} was made under another context than the envelope's",
                reason=Reason.DATA_KEY_CONTEXT,
                kms_code=error.kms_code,
                request_id=error.request_id,
            ) from error
        if not hmac.compare_digest(opened.plaintext, dek):
            raise IntegrityError(
                f"the blob of the data key {self.data_key_id} opens to another key than KMS handed out"
            )
        return dek, CmkRecipient(self.client, opened.key_id, self.region, self.site).stanza(blob)


@dataclass(slots=True)
class CmkIdentity:
    """The KMS of a region opens the stanzas of its CMKs; each is asked for once and kept for ten minutes.

    `client_of` returns the client of a region. With `allowed`, only stanzas of these key ids are opened.
    """

    client_of: Callable[[str], KmsClient]
    allowed: Collection[str] = ()
    _cache: dict[bytes, tuple[float, bytes]] = field(default_factory=dict, repr=False)

    def unwrap(self, stanza: Stanza, context: str) -> bytes | None:
        """Let KMS decrypt the stanza's blob; refuse an answer under another key than the stanza says."""
        if stanza.kind not in (TENCENT_KMS, TENCENT_KMS_RSA, TENCENT_KMS_SM2):
            return None
        key_id, region = stanza.text(KEY_ID), stanza.text(REGION)
        if self.allowed and key_id not in self.allowed:
            return None
        name = hashlib.sha256("\0".join((region, key_id, context)).encode() + b"\0" + stanza.wrapped).digest()
        kept = self._cache.get(name)
        if kept and time.monotonic() - kept[0] < MAX_CACHED_SECONDS:
            return kept[1]
        opened = self._decrypted(self.client_of(region), stanza, context)
        if opened.key_id != key_id:
            raise IntegrityError(f"the header names the key {key_id}, but the data key is under {opened.key_id}")
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[name] = (time.monotonic(), opened.plaintext)
        return opened.plaintext

    @staticmethod
    def _decrypted(client: KmsClient, stanza: Stanza, context: str) -> Plaintext:
        if stanza.kind == TENCENT_KMS_RSA:
            return client.rsa_decrypt(stanza.text(KEY_ID), OAEP, stanza.wrapped)
        if stanza.kind == TENCENT_KMS_SM2:
            return client.sm2_decrypt(stanza.text(KEY_ID), stanza.wrapped)
        return client.decrypt(stanza.wrapped.decode("ascii"), context)
