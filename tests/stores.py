"""Object stores of a test's own: one in memory, and S3 in a process of its own, where its packages are there."""

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from huse import storage
from huse.storage import Remote

LACKING = [name for name in ("s3fs", "moto", "flask") if find_spec(name) is None]


class Store:
    """Objects in memory, and how often each was read; some fail, or fail at first."""

    def __init__(self) -> None:
        self.files = MemoryFileSystem()
        self.read: Counter[str] = Counter()
        self.failing: dict[str, list[Exception]] = {}

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        self.files.pipe_file(f"/{key}", content)

    def put_folder(self, folder: Path, key: str) -> Remote:
        """Write the files of a folder, and return where they lie."""
        for file in folder.rglob("*"):
            if file.is_file():
                self.put(f"{key}/{file.relative_to(folder).as_posix()}", file.read_bytes())
        found = storage.place(f"memory://{key}")
        assert isinstance(found, Remote)
        return found

    def total(self) -> int:
        """How many reads there were since this was asked last."""
        count = self.read.total()
        self.read.clear()
        return count


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store in memory; what is kept of it is the test's own."""
    monkeypatch.setenv("HUSE_OBJECTS", str(tmp_path / "kept"))
    monkeypatch.setattr(storage, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    monkeypatch.setattr(MemoryFileSystem, "pseudo_dirs", [""])
    made = Store()

    def counting(own):
        def counted(self, path, *arguments, **named):
            key = path.strip("/")
            made.read[key] += 1
            if made.failing.get(key):
                raise made.failing[key].pop(0)
            return own(self, path, *arguments, **named)

        return counted

    for name in ("cat_file", "get_file"):
        monkeypatch.setattr(MemoryFileSystem, name, counting(getattr(MemoryFileSystem, name)))
    return made


@pytest.fixture(scope="session")
def s3_server():
    """The address of an S3 server, in a process of its own."""
    if LACKING:
        pytest.skip(f"not installed: {', '.join(LACKING)}")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urlopen(address).close()
                break
            except URLError:
                time.sleep(0.2)
        yield address
        process.terminate()


@pytest.fixture
def s3(s3_server, tmp_path, monkeypatch):
    """An S3 with an empty bucket `shop`, and credentials in the environment, as a driver sees it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "known-id",
        "AWS_SECRET_ACCESS_KEY": "not-to-be-seen",
        "AWS_DEFAULT_REGION": "us-east-1",
        "HUSE_OBJECTS": str(tmp_path / "kept"),
    }.items():
        monkeypatch.setenv(name, value)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem(use_listings_cache=False)
    if files.exists("shop"):
        files.rm("shop", recursive=True)
    files.mkdir("shop")
    yield files
    s3fs.S3FileSystem.clear_instance_cache()
