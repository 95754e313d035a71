"""Finds in the picture folder what a table calls a picture: a path, or the address of a page."""

from collections import defaultdict
from posixpath import basename, splitext
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from huse.catalogue.finding import PictureFolder, key_of
from huse.catalogue.importing.entries import Imported, list_files
from huse.wording import counted


class Pictures:
    """The pictures of a folder. Nothing is downloaded: a URL stands for the file that has its last part as a name."""

    def __init__(self, imported: Imported) -> None:
        """List the folder.

        Raises:
            InputError: there is no such folder.
        """
        self._imported = imported
        self._folder = PictureFolder(imported.images)
        self._otherwise: dict[str, str] = {}
        self.paths, self.others, self.unnamed = list_files(imported.images)
        self._known = set(self.paths)
        self._by_name: defaultdict[str, list[str]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[str]] = defaultdict(list)  # without ending
        for path in self.paths:
            self._by_name[key_of(basename(path))].append(path)
            self._by_stem[key_of(splitext(basename(path))[0])].append(path)
        self._urls: defaultdict[str, dict[str, None]] = defaultdict(dict)  # of each picture found; empty: not found

    def find(self, text: str) -> str:
        """Return the path of a picture below the folder; empty: it is not there.

        Args:
            text: its path, as the folder has it or as `huse.catalogue.finding` finds it; or a URL.
        """
        text = text.strip()
        url = _url(text)
        if url is None:
            if text in self._known:
                return text
            found = self._folder.find(text) or ""
            if found:
                self._otherwise[text] = found
            return found if found in self._known else ""
        # Some addresses are of a program, which is told the picture: image.php?file=hat.jpg
        places = (unquote(url.path), url.path, *(value for _, value in parse_qsl(url.query)))
        found = next(filter(None, map(self._nearest, places)), "")
        self._urls[found][url.netloc + url.path] = None
        return found

    def find_named(self, text: str) -> str:
        """Return the path of a picture that a text names as `find` says, or by its file name alone, if that is unique.

        What is written as the folder has it goes before other writings, and a path before a file name.
        """
        text = text.strip().removeprefix("./")
        if text in self._known:
            return text
        alike = self._by_name.get(key_of(text), [])
        as_written = [path for path in alike if basename(path) == text]
        if len(as_written) == 1:
            return as_written[0]
        found = self.find(text)
        those = alike or self._by_stem.get(key_of(text), [])
        if not found and len(those) == 1:
            found = self._otherwise[text] = those[0]
        return found

    def _nearest(self, path: str) -> str:
        """Return the picture of that file name; of several, the one that shares most folders with the path, if any."""
        wanted = path.split("/")[::-1]
        shared = {
            known: _agreeing(known.split("/")[::-1], wanted) for known in self._by_name.get(key_of(basename(path)), ())
        }
        best = [known for known, count in shared.items() if count == max(shared.values())]
        return best[0] if len(best) == 1 else ""

    def say(self) -> None:
        """Remark on the pictures that were looked for by URL, or are written otherwise than their files."""
        missing = list(self._urls.pop("", ()))
        remarks = self._imported.remarks
        if self._otherwise:
            written, found = next(iter(self._otherwise.items()))
            count = counted(len(self._otherwise), "picture is", "pictures are")
            remarks.append(f"{count} written otherwise than their files; first {written}: {found}")
        if self._urls:
            found = counted(len(self._urls), "picture is named by a URL", "pictures are named by URLs")
            remarks.append(f"{found}, and found by the URL's last part")
        unclear = [(path, list(urls)) for path, urls in self._urls.items() if len(urls) > 1]
        if unclear:
            path, urls = unclear[0]
            remarks.append(
                f"{counted(len(unclear), 'picture is', 'pictures are')} named by several URLs: are these the same "
                f"picture? First {path}: "
                f"{urls[0]}, {urls[1]}"
            )
        if missing:
            remarks.append(
                f"{counted(len(missing), 'picture is', 'pictures are')} named by URLs and not in the folder, or "
                f"several have that name; first {missing[0]}. Nothing is downloaded: put the files into "
                f"{self._imported.images}, each with the last part of its URL as its name, "
                f"such as {unquote(basename(missing[0]))}"
            )


def _agreeing(one: list[str], other: list[str]) -> int:
    """Count the first parts that are the same."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _url(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
    except ValueError:
        return None
    return url if url.netloc and url.scheme in ("", "http", "https") else None
