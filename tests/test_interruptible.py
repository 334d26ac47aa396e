"""A signal ends the program also while a library computes, and what is computed is what would be without."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kmstool.crypto import interruptible, kdf, keys, pem, rsa
from tests.conftest import PROGRAM, unable
from tests.test_pem import AES_256, pbkdf2_file

TIMEOUT_SECONDS = 30


def test_results_and_failures_are_those_of_the_computation() -> None:
    assert interruptible.run(lambda: 5) == 5
    assert interruptible.run(lambda: None) is None
    with pytest.raises(ZeroDivisionError):
        interruptible.run(lambda: 1 // 0)
    with pytest.raises(SystemExit):
        interruptible.run(lambda: sys.exit(3))


def test_the_main_thread_alone_waits_for_another() -> None:
    """A worker has no signals to hear, and a second thread for each would be none too few."""
    used: list[threading.Thread] = []

    def note() -> None:
        used.append(threading.current_thread())

    interruptible.run(note)
    worker = threading.Thread(target=lambda: interruptible.run(note))
    worker.start()
    worker.join()
    assert used[0] is not threading.main_thread()
    assert used[1] is worker


def test_without_a_thread_it_is_computed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert interruptible.run(lambda: 5) == 5


def test_what_a_handler_raises_ends_the_wait() -> None:
    """The computation here ends only after the wait for it did."""

    class StoppedError(Exception):
        pass

    def stop(*_: object) -> None:
        raise StoppedError

    ended = threading.Event()

    def compute() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        ended.wait(TIMEOUT_SECONDS)

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with pytest.raises(StoppedError):
            interruptible.run(compute)
        assert not ended.is_set()
    finally:
        ended.set()
        signal.signal(signal.SIGUSR1, before)


def test_the_long_computations_of_the_program_are_among_these(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passphrases and new RSA keys; the test below has private keys."""
    threads: list[threading.Thread] = []
    scrypt, generate = hashlib.scrypt, rsa.generate_private_key

    def noted_scrypt(*arguments: object, **settings: object) -> bytes:
        threads.append(threading.current_thread())
        return scrypt(*arguments, **settings)  # type: ignore[call-overload,no-any-return]

    def noted_generate(exponent: int, bits: int) -> object:
        threads.append(threading.current_thread())
        return generate(exponent, bits)

    monkeypatch.setattr(hashlib, "scrypt", noted_scrypt)
    monkeypatch.setattr(rsa, "generate_private_key", noted_generate)
    kdf.stretch(b"passphrase", bytes(16))
    rsa.generate(2048)
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def computes(process: "subprocess.Popen[bytes]") -> bool:
    """Tell whether a process has a second thread, which only computes."""
    return len(list(Path(f"/proc/{process.pid}/task").iterdir())) > 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -2), (signal.SIGTERM, -15), (signal.SIGHUP, -1)])
def test_a_signal_ends_the_work_that_a_private_key_asks_for(
    number: signal.Signals, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most iterations that are allowed, of the slowest function: some ten seconds."""
    if not Path("/proc/self/task").exists():
        unable("this system does not show threads")
    monkeypatch.chdir(tmp_path)
    Path("key.pem").write_bytes(pbkdf2_file(10_000_000, "sm3", AES_256))
    Path("passphrase").write_text("words\n")
    Path("data").write_bytes(b"plaintext")
    monkeypatch.setenv("KMSTOOL_PASSPHRASE_FILE", "passphrase")
    public = tmp_path / "public.pem"
    public.write_bytes(_public_key())
    subprocess.run([*PROGRAM, "envelope", "encrypt", "--public-key", "public.pem", "data"], check=True)
    command = [*PROGRAM, "envelope", "decrypt", "data.kte", "--identity", "key.pem", "-o", "out"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while not computes(process):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()
    assert (process.returncode, stdout) == (code, b"")
    assert stderr == b"kmstool: stopped; no file was changed\n"
    assert not Path("out").exists()


def _public_key() -> bytes:
    return pem.write_public_key(keys.RsaPublicKey(rsa.generate(2048).public_key())).encode()
