"""Where a store is served is read from a file that the server holds, whatever version of kmstool that is."""

import fcntl
from pathlib import Path

import pytest

from kmstool.errors import OutputError
from kmstool.server.web import listening


@pytest.mark.parametrize("text", ["127.0.0.1:8800", '{"port": 1}', "[1]", "{", "7", "\xff"])
def test_a_server_of_another_version_is_named_and_not_taken_for_a_fault(tmp_path: Path, text: str) -> None:
    lock = tmp_path / "serve.lock"
    lock.write_bytes(text.encode("latin-1"))
    lock.chmod(0o600)
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for look in (listening.served, listening.running, listening.refuse_served):
            with pytest.raises(OutputError, match="served by another version") as caught:
                look(tmp_path)
            assert caught.value.hint == "stop that server first"
    assert listening.served(tmp_path) is None
