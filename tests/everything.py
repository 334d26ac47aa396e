"""A story in which every command that writes files does so once, for systems and disks on which that is in doubt."""

from pathlib import Path

from kmstool.system import leftovers
from tests.program import kmstool

DATA = b"the content\n" * 65536


def write_everything(folder: Path) -> None:
    """Write all kinds of files into the working folder, which is given, and read them again."""
    Path("in").write_bytes(DATA)
    kmstool("init", "--local")
    kmstool("key", "create", "--alias", "own", "--external")
    kmstool("material", "params", "--key", "own", "-o", "imp")
    kmstool("material", "params", "--key", "own", "-o", "imp", "--force")
    assert sorted(path.name for path in (folder / "imp").iterdir()) == [
        "import-token.base64",
        "params.json",
        "wrapping-key.pem",
    ]
    kmstool("import-material", "--key", "own", "--generate", "--backup", "backup")
    kmstool("profile", "set", "x", "--region", "ap-beijing")
    kmstool("envelope", "encrypt", "in")
    kmstool("envelope", "encrypt", "in", exit_code=8)
    kmstool("envelope", "encrypt", "in", "-o", "in.kte", "--force")
    kmstool("envelope", "encrypt", "in", "-o", "payload", "--detached", "header")
    kmstool("envelope", "rewrap", "in.kte", "--to", "own")
    kmstool("envelope", "decrypt", "in.kte", "-o", "out")
    assert Path("out").read_bytes() == DATA
    kmstool("envelope", "encrypt", "-r", "imp", "-o", "sealed")
    kmstool("envelope", "decrypt", "-r", "sealed", "-o", "opened")
    assert Path("opened/params.json").read_bytes() == Path("imp/params.json").read_bytes()
    kmstool("encrypt", "-o", "blob", stdin=b"text")
    kmstool("decrypt", "blob", "-o", "plain")
    assert Path("plain").read_bytes() == b"text"
    kmstool("whitebox", "create", "--alias", "app", "--algorithm", "SM4")
    kmstool("whitebox", "bundle", "--key", "app", "-o", "bundle", stdin=b"text")
    kmstool("whitebox", "bundle", "--key", "app", "-o", "bundle", "--force", stdin=b"text")
    assert kmstool("whitebox", "decrypt", "--bundle", "bundle").stdout == b"text"
    kmstool("local", "backup", "copy")
    assert not [path for path in folder.rglob("*") if leftovers.is_temporary(path.name)]
