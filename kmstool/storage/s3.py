"""Objects in S3, and in stores that speak its protocol, by the calls that fsspec's own files have no words for.

Conditions are those of the store (If-None-Match, If-Match). One that has no such thing is asked before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from kmstool.storage import stores
from kmstool.storage.stores import Condition, MismatchError, Stat

Result = TypeVar("Result")

_MISMATCHES = {"PreconditionFailed", "ConditionalRequestConflict", "412"}
_NOT_KNOWN = {"NotImplemented", "501"}
_CONNECTIONS = 32


class S3Store:
    """One S3, with the credentials and the endpoint that its library finds."""

    def __init__(self) -> None:
        import fsspec

        self._fs: Any = fsspec.filesystem(
            "s3",
            skip_instance_cache=True,
            use_listings_cache=False,
            config_kwargs={"max_pool_connections": _CONNECTIONS},
        )
        # botocore tries again by itself, as often as its settings say.
        self._fs.retries = 1

    def stat(self, path: str) -> Stat | None:
        """Ask for the head of an object."""
        try:
            answer = self.call("head_object", path)
        except FileNotFoundError:
            return None
        return Stat(answer["ContentLength"], answer["ETag"], _nanoseconds(answer))

    def fetch(self, path: str, start: int, end: int, etag: str) -> bytes:
        """Get a range."""
        bucket, _, key = path.partition("/")
        condition = {"IfMatch": etag} if etag else {}

        async def whole() -> bytes:
            answer = await self._fs._call_s3(  # noqa: SLF001 - fsspec's name for the coroutine of `call_s3`
                "get_object", Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}", **condition
            )
            async with answer["Body"] as body:
                data: bytes = await body.read()
                return data

        return _checked(self._fs, whole())

    def upload(self, path: str) -> S3Upload:
        """Begin an upload; nothing is sent yet."""
        return S3Upload(self, path)

    def pages(self, path: str) -> Iterator[Sequence[tuple[str, Stat]]]:
        """List page by page."""
        bucket, _, key = path.partition("/")
        more: dict[str, Any] = {}
        while True:
            answer = self.call("list_objects_v2", bucket, MaxKeys=stores.PAGE, Prefix=f"{key}/" if key else "", **more)
            yield [
                (f"{bucket}/{one['Key']}", Stat(one["Size"], one["ETag"], _nanoseconds(one)))
                for one in answer.get("Contents", ())
            ]
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def remove(self, path: str) -> None:
        """Remove it."""
        self.call("delete_object", path)

    def call(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """Make one call; what it raises is fsspec's translation of it, or `MismatchError`."""
        bucket, _, key = path.partition("/")
        named = {"Bucket": bucket, "Key": key} if key else {"Bucket": bucket}
        return _checked(self._fs, self._fs._call_s3(method, **named, **params))  # noqa: SLF001


class S3Upload:
    """A small object in one call, a large one in parts."""

    def __init__(self, store: S3Store, path: str) -> None:
        self._store, self._path = store, path
        self._upload_id = ""
        self._parts: list[dict[str, Any]] = []

    def add(self, part: bytes) -> None:
        """Send one part."""
        if not self._upload_id:
            self._upload_id = self._store.call("create_multipart_upload", self._path)["UploadId"]
        number = len(self._parts) + 1
        sent = self._store.call("upload_part", self._path, UploadId=self._upload_id, PartNumber=number, Body=part)
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})

    def finish(self, rest: bytes, condition: Condition) -> None:
        """Put all of it, or the last part and the list of them."""
        if not self._upload_id:
            self._named("put_object", condition, Body=rest)
            return
        if rest:
            self.add(rest)
        self._named(
            "complete_multipart_upload", condition, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
        )
        self._upload_id = ""

    def abort(self) -> None:
        """Remove the parts."""
        if self._upload_id:
            # Of the fault that ends an upload there is more to say than of this one.
            with suppress(Exception):
                self._store.call("abort_multipart_upload", self._path, UploadId=self._upload_id)
            self._upload_id = ""

    def _named(self, method: str, condition: Condition, **params: Any) -> None:
        if condition.absent:
            headers = {"IfNoneMatch": "*"}
        else:
            headers = {} if condition.etag is None else {"IfMatch": condition.etag}
        if headers:
            # Some stores take the header and do not look at it.
            condition.check(self._store.stat(self._path))
        try:
            self._store.call(method, self._path, **params, **headers)
        except OSError as error:
            if not headers or _code(error) not in _NOT_KNOWN:
                raise
            self._store.call(method, self._path, **params)


def _checked(fs: Any, coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Wait for a call in the thread of fsspec's loop; a signal ends the call too."""
    future = asyncio.run_coroutine_threadsafe(coroutine, fs.loop)
    try:
        return future.result()
    except OSError as error:
        if isinstance(error, FileExistsError) or _code(error) in _MISMATCHES:
            raise MismatchError from error
        raise
    except BaseException:
        future.cancel()
        raise


def _code(error: BaseException) -> str:
    """Return the code of the store's answer that fsspec made an error of."""
    answer = getattr(error.__cause__, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


def _nanoseconds(facts: dict[str, Any]) -> int:
    return int(facts["LastModified"].timestamp() * 1e9)
