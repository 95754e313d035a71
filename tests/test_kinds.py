import io
import json
import zipfile

import pytest
from PIL import Image

from huse.kinds import HEAD, PICTURES, kind_of


def workbook():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    return packed.getvalue()


@pytest.mark.parametrize("ending", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"])
def test_a_picture_is_known_by_its_bytes(ending):
    content = io.BytesIO()
    Image.new("RGB", (20, 20)).save(content, ending)
    kind = kind_of(content.getvalue()[:HEAD])
    assert kind in PICTURES and ending.lower() in kind.lower()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", ""),
        (b"image,name,classes\n", ""),
        (b"\n <!DOCTYPE html><html>", "an HTML page"),
        (b"<?xml version='1.0'?><svg xmlns=''>", "an SVG drawing"),
        (b"<?xml version='1.0'?><rss>", "XML"),
        (b"<!-- saved from the shop --><!doctype html>", "an HTML page"),
        (b"{\\rtf1\\ansi", "an RTF document"),
        (b"outs:\n- md5: 0123\n  path: shop.csv\n", "a pointer of DVC"),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument file"),
        (json.dumps({"error": "not found"}).encode(), "JSON"),
        (b"\x89HDF\r\n\x1a\n" + bytes(9), "an HDF5 file"),
        (b"\x00\x00\x00\x18ftypheic\x00", "a HEIC picture"),
        (b"\x00\x00\x00\x18ftypmp42\x00", "a video"),
        (b"%PDF-1.7", "a PDF document"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (workbook(), "an Excel workbook, or another Office document"),
        (b"PK\x03\x04\x00", "a zip archive"),
    ],
)
def test_other_files_are_named(content, kind):
    assert kind_of(content[:HEAD]).startswith(kind) and bool(kind_of(content)) == bool(kind)
