"""Places that a user names: local paths, and URLs of object stores, which `fsspec` and its drivers read.

Only object stores: nothing is fetched from the web, and no URL may hold a credential. What a place needs is read here
and nowhere else; all other code passes places on.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from posixpath import commonpath
from typing import Any, TypeAlias, TypeVar

from huse.errors import InputError, shown

Result = TypeVar("Result")

READERS = 16  # objects that are read at a time: a store answers late, not slowly
FEW = 50  # objects that are asked for one by one; the folder of more is listed, 1,000 a request
PAUSES = (0.5, 2.0)  # seconds before a read is tried again, beside what the drivers try themselves
PATIENCE = 30.0  # seconds after which it is not
LONGEST = 300  # characters of what a driver says


@dataclass(frozen=True)
class Driver:
    """What reads the objects of a scheme.

    Attributes:
        protocol: its name in fsspec.
        module: that is imported for it.
        extra: of huse, which brings it.
        options: of its own.
        retries: of its own, in place of its usual ones; None: as usual.
    """

    protocol: str
    module: str
    extra: str
    options: Mapping[str, Any] = field(default_factory=dict)
    retries: int | None = None


# As they come, s3fs and what is below it ask a server that does not answer 125 times, a minute each.
S3 = Driver(
    "s3",
    "s3fs",
    "s3",
    {"config_kwargs": {"connect_timeout": 10, "read_timeout": 20, "retries": {"max_attempts": 2}}},
    retries=1,
)
AZURE = Driver("abfs", "adlfs", "azure")
SCHEMES = {
    "s3": S3,
    "gs": Driver("gs", "gcsfs", "gs"),
    "gcs": Driver("gs", "gcsfs", "gs"),
    "azure": AZURE,  # as DVC writes it
    "az": AZURE,
    "abfs": AZURE,
    "abfss": AZURE,
    "memory": Driver("memory", "fsspec", "s3"),  # of this process alone, for tests
}
FILE = "file"
ARN = "arn:"  # how long names of buckets begin, such as of an access point
TALKATIVE = ("botocore", "aiobotocore", "azure", "google")  # which log where credentials were found, and requests
# What tells one content of an object from the next, by store; of the times, one store has one.
VERSIONS = (
    *("ETag", "etag", "VersionId", "version_id", "generation", "md5Hash", "content_md5"),
    *("LastModified", "last_modified", "updated", "created", "mtime"),
)


@dataclass(frozen=True, order=True)
class Remote:
    """An object of a store, or a folder of objects: what a `Path` is for files, as far as it is needed.

    Attributes:
        scheme: a key of `SCHEMES`.
        store: the bucket; of Azure the container, with its account where that is given.
        key: in the store; empty: all of it.
    """

    scheme: str
    store: str
    key: str = ""

    def __str__(self) -> str:
        """Return the URL."""
        return f"{self.scheme}://{self.store}{f'/{self.key}' if self.key else ''}"

    def __truediv__(self, part: str) -> "Remote":
        """Return what lies below."""
        return Remote(self.scheme, self.store, f"{self.key}/{part}" if self.key else part)

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return (self.key or self.store).rpartition("/")[2]

    @property
    def parent(self) -> "Remote":
        """The folder that it lies in; of a whole store, the store."""
        return Remote(self.scheme, self.store, self.key.rpartition("/")[0])

    def read_bytes(self, most: int | None = None) -> bytes:
        """Read an object; safe to call from many threads.

        Args:
            most: bytes that are read at most; None: all.

        Raises:
            FileNotFoundError: it is not there.
            InputError: the store cannot be read.
        """
        files, path = self._opened()

        def read() -> bytes:
            try:
                # With an end, S3 is asked once, not for the size before.
                content: bytes = files.cat_file(path, start=0, end=2**40 if most is None else most)
            except (FileNotFoundError, PermissionError):
                raise
            except Exception as error:
                if "range" not in str(error).lower() or files.info(path)["size"]:
                    raise
                return b""  # which has no first byte to begin at
            return content

        return self._asked(read)

    def is_file(self) -> bool:
        """Whether it is an object; errors as `read_bytes`."""
        try:
            return bool(self._info()["type"] == "file")
        except FileNotFoundError:
            return False

    def is_dir(self) -> bool:
        """Whether objects lie below it; errors as `read_bytes`."""
        try:
            return bool(self._info()["type"] == "directory")
        except FileNotFoundError:
            return False

    def version(self) -> str:
        """Return what this content is known by; errors as `read_bytes`; a folder is not there."""
        info = self._info()
        if info["type"] == "directory":
            raise FileNotFoundError(str(self))
        return _version(info)

    def objects(self) -> dict[str, str]:
        """Return all objects below: paths relative to this → what their content is known by; errors as `read_bytes`."""
        files, path = self._opened()
        try:
            found: dict[str, dict[str, Any]] = self._asked(lambda: files.find(path, detail=True))
        except FileNotFoundError:
            return {}
        cut = len(path.strip("/")) + 1
        below = ((name.lstrip("/")[cut:], info) for name, info in found.items() if info["type"] == "file")
        return {name: _version(info) for name, info in below if name and not name.endswith("/")}

    def copy_to(self, file: Path) -> None:
        """Write an object to a file; errors as `read_bytes`."""
        files, path = self._opened()
        size = self._info()["size"]
        self._asked(lambda: files.get_file(path, str(file)))
        if file.stat().st_size != size:
            raise self._failed(f"{file.stat().st_size:,} of its {size:,} bytes")

    def _info(self) -> dict[str, Any]:
        files, path = self._opened()
        found: dict[str, Any] = self._asked(lambda: files.info(path))
        return found

    def _opened(self) -> tuple[Any, str]:
        """Return what reads the store, and the path in it; fsspec keeps one a process."""
        from fsspec.core import url_to_fs  # noqa: PLC0415  a tenth of a second, which local paths do without

        driver = SCHEMES[self.scheme]
        if find_spec(driver.module) is None:
            raise InputError(
                f"{self}: needs {driver.module}, which is not installed. Run `pip install 'huse[{driver.extra}]'`, or "
                f"`pip install {driver.module}`."
            )
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        # Of the store alone: in a key, `::` would name a chain of other drivers.
        url = f"{driver.protocol}://{self.store}"
        files, store = self._asked(lambda: url_to_fs(url, use_listings_cache=False, **driver.options))
        if driver.retries is not None:
            files.retries = driver.retries
        return files, f"{store}/{self.key}" if self.key else store

    def _asked(self, ask: Callable[[], Result]) -> Result:
        """Ask the store, several times where it fails; anything but that an object is missing becomes an `InputError`.

        Of the drivers' errors one line is kept, without what may be a secret in it, and no traceback.
        """
        start = time.monotonic()
        for pause in (*PAUSES, None):
            try:
                return ask()
            except (FileNotFoundError, MemoryError, InputError):
                raise
            except Exception as error:  # drivers raise anything
                if refused(error):
                    raise self._failed(_line(error), "no permission, or no credentials") from None
                if pause is None or isinstance(error, ValueError) or time.monotonic() - start > PATIENCE:
                    raise self._failed(_line(error)) from None
            time.sleep(pause)
        raise AssertionError  # the last pause is None

    def _failed(self, found: str, kind: str = "a store that fails") -> InputError:
        return InputError(
            f"{self}: expected to read it, found {kind} ({found}). Look at the URL, at the network, and at the "
            "credentials, which come from the environment or from the files of the cloud's own programs."
        )


Place: TypeAlias = Path | Remote


def place(text: str | Path) -> Place:
    """Return the place that a user names: a local path, or a URL of an object store.

    Raises:
        InputError: it is a URL of something else, or may hold a credential, which the message does not repeat.
    """
    if isinstance(text, Path) and str(text).partition(":/")[0] in SCHEMES:
        raise InputError(f"{text}: expected a URL as text, found a Path, which loses one of its slashes. Give a str.")
    if isinstance(text, Path) or "://" not in text:
        return Path(text)
    scheme, _, rest = text.partition("://")
    scheme, told = scheme.lower(), _told(text)
    if "::" in text:
        raise InputError(f"{told}: expected one scheme, found a chain of several (`::`). Give the URL of the folder.")
    if scheme == FILE:
        if not rest.startswith("/"):
            raise InputError(f"{told}: expected an absolute path after file://. Give the path alone.")
        return Path(rest)
    if scheme not in SCHEMES:
        raise InputError(
            f"{told}: expected a local path, or a URL of {', '.join(f'{one}://' for one in SCHEMES)}; found "
            f"{scheme}://, from which nothing is fetched. Copy it to a folder or to a bucket."
        )
    store, _, key = rest.partition("/")
    _, at, _ = store.rpartition("@")
    # A password may hold a slash, so that what follows looks like the key; no name of a bucket holds a colon.
    if (
        re.search(r"[?#]", rest)
        or (":" in store and not store.startswith(ARN))
        or (at and SCHEMES[scheme] is not AZURE)
    ):
        raise InputError(
            f"{told}: expected a URL without user, password, query or signature, found one that may hold a "
            "credential. Give scheme, bucket and path alone; credentials come from the environment."
        )
    if not store or ".." in key.split("/"):
        raise InputError(f"{told}: expected a bucket and a path, such as s3://shop/pictures. Give both, without `..`.")
    return Remote(scheme, store, key.strip("/"))


def _told(url: str) -> str:
    """Return one URL as `shown` does, also where what may be a secret in it holds blanks."""
    url, *cut = re.split(r"[?#]", url, maxsplit=1)
    scheme, _, rest = url.partition("://")
    store, _, key = rest.partition("/")
    is_port = scheme.lower() not in SCHEMES and re.fullmatch(r"[^:@]*:\d{1,5}", store)
    if ":" in store and not store.startswith(ARN) and not is_port:
        _, sign, after = rest.rpartition("@")
        url = f"{scheme}://…{sign or '/'}{after if sign else key}"
    return shown(url) + ("?…" if cut else "")


def at(folder: Place, item: str) -> Place:
    """Return where a path lies that tables and indexes keep: below a folder, or anywhere where it is absolute."""
    scheme, is_url, rest = item.partition("://")
    if is_url and scheme in SCHEMES:
        store, _, key = rest.partition("/")
        return Remote(scheme, store, key)
    return Path(item) if isinstance(folder, Remote) and item.startswith("/") else folder / item


def absolute(folder: Place) -> Place:
    """Return a folder as it is known from anywhere; links are followed."""
    return folder if isinstance(folder, Remote) else folder.resolve()


def versions(places: Sequence[Remote]) -> dict[Remote, str]:
    """Return what the contents of objects are known by, as one listing tells it; without those that are not there.

    Raises:
        InputError: a store cannot be read.
    """
    if len(places) <= FEW:
        with ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(_version_of, places))
        return {one: version for one, version in zip(places, found, strict=True) if version is not None}
    folders: dict[tuple[str, str], list[Remote]] = {}
    for one in places:
        folders.setdefault((one.scheme, one.store), []).append(one)
    known: dict[Remote, str] = {}
    for (scheme, store), those in folders.items():
        folder = Remote(scheme, store, commonpath([one.key.rpartition("/")[0] for one in those]))
        known |= {folder / name: version for name, version in folder.objects().items()}
    return {one: known[one] for one in places if one in known}


def _version_of(one: Remote) -> str | None:
    try:
        return one.version()
    except FileNotFoundError:
        return None


def _version(info: dict[str, Any]) -> str:
    """Return what a store says of an object's content; empty where it says nothing that could tell a change."""
    told = {name: info[name] for name in VERSIONS if info.get(name)}
    return json.dumps({"size": info["size"], **told}, default=str) if told else ""


def refused(error: Exception) -> bool:
    """Whether a driver's error says that this user may not read; the drivers have no kind of error in common."""
    kinds = "|".join(kind.__name__ for kind in type(error).__mro__)
    codes = {getattr(error, name, None) for name in ("code", "status", "status_code")}
    return bool(re.search("Permission|Credential|Authentication|Unauthorized|Forbidden", kinds) or codes & {401, 403})


def _line(error: Exception) -> str:
    line = shown(" ".join(str(error).split())[:LONGEST])
    line = re.sub(r"(?i)((?:key|token|secret|password|signature|sig)\w*\s*[=:]\s*)\S+", r"\1…", line)
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def any_remote(places: Iterable[object]) -> bool:
    """Whether one of some places is of an object store."""
    return any(isinstance(one, Remote) for one in places)
