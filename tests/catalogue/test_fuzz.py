"""Damaged catalogues, exports and feeds: each is read, or refused with a reason, and nothing else happens."""

import time

import numpy as np
import pytest

from huse.catalogue.checking import check_rows
from huse.catalogue.headers import Headers
from huse.catalogue.importing.cells import Cells
from huse.catalogue.importing.table import Columns, import_table
from huse.catalogue.reading import read_catalogue
from huse.errors import InputError
from tests.faults import damage, many

pytestmark = [pytest.mark.slow, pytest.mark.faults]

MUTANTS = many(50, 500)  # of each kind, by each reader
MOST_SECONDS = 5.0  # of CPU time, for one file; the slowest takes a twentieth of it
ROWS = [
    ('boot.jpg', 'Suede ankle boot, "Été"', "shoes<boots"),
    ("hat.jpg", "Felt hat", "hats"),
    ("", "Ceramic vase – 30 cm", "home<living<vases"),
    ("lamp.jpg", "", "home<lamps"),
    ("a/b.jpg", "Наушники\nblack", "audio<headphones"),
] * 4  # fmt: skip
MARKS = [
    b",",
    b";",
    b"\t",
    b'"',
    b"\n",
    b"\r\n",
    b"<",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"=",
    b"nan",
    b"'",
    b"|",
    b"1e308",
]
FEED = """<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0"><channel>{}</channel></rss>"""
ITEM = (
    "<item><g:id>{0}</g:id><title>{2}</title><g:product_type>{3}</g:product_type>"
    "<g:image_link>{1}</g:image_link></item>"
)


def as_csv(delimiter=",", encoding="utf-8"):
    def quoted(cell):
        return '"' + cell.replace('"', '""') + '"'

    lines = [delimiter.join(map(quoted, row)) for row in [("image", "name", "classes"), *ROWS]]
    return "\r\n".join(lines).encode(encoding, "replace")


def as_feed():
    def escaped(cell):
        return cell.replace("&", "&amp;").replace("<", "&gt;").replace('"', "&quot;")

    return FEED.format("".join(ITEM.format(n, *map(escaped, row)) for n, row in enumerate(ROWS))).encode()


KINDS = {
    "csv": as_csv(),
    "semicolons": as_csv(";"),
    "tabs": as_csv("\t", "utf-16"),
    "cp1252": as_csv(encoding="cp1252"),
    "feed": as_feed(),
}


def mutate(content, rng):
    for _ in range(rng.integers(0, 4)):
        at = int(rng.integers(0, len(content) + 1))
        content = content[:at] + MARKS[rng.integers(len(MARKS))] * int(rng.choice([1, 2, 300])) + content[at:]
    return damage(content, rng) if rng.random() < 0.7 else content


def attempt(read, path, content):
    """Read a file, and return whether it was refused; any error but an `InputError`, and much time, fail."""
    path.write_bytes(content)
    start = time.process_time()
    try:
        read(path)
    except InputError as error:
        assert str(error)
        return True
    finally:
        assert time.process_time() - start < MOST_SECONDS
    return False


def read_stage(path):
    """As the stage `catalogue` does, without opening pictures."""
    file = read_catalogue(path, Headers({"image": "image", "name": "name", "classes": "classes"}))
    rows = [row for row in file.rows if not row.image]
    checked = check_rows(rows, path.parent, lambda paths: [])
    assert len(checked.products) + len(checked.rejected) == len(rows)


def read_import(path):
    feed = path.suffix == ".xml"
    columns = Columns(
        "title" if feed else "name", ["product_type" if feed else "classes"], ["image_link" if feed else "image"]
    )
    imported = import_table(path, path.parent, columns, Cells())
    imported.table()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read", [read_stage, read_import])
def test_mutants_are_read_or_refused(tmp_path, kind, read, tally):
    rng = np.random.default_rng([list(KINDS).index(kind), read is read_stage])
    path = tmp_path / ("mutant.xml" if kind == "feed" else "mutant.csv")
    refused = sum(attempt(read, path, mutate(KINDS[kind], rng)) for _ in range(MUTANTS))
    assert refused > 0
    reader = "stage `catalogue`" if read is read_stage else "command `huse import`"
    fault = f"damaged {'feed' if kind == 'feed' else 'table'}, read by the {reader}"
    tally(fault, "refused with a reason", refused)
    tally(fault, "read, bad rows left out with a reason", MUTANTS - refused)
