"""What a file is, by its first bytes; its name may say anything."""

HEAD = 512  # bytes that are enough

_STARTS = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG\r\n\x1a\n": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file itself with `git lfs pull`",
    b"outs:\n- md5: ": "a pointer of DVC; fetch the file itself with `dvc pull`",
    b"%PDF-": "a PDF document",
    b"{\\rtf": "an RTF document",
    b"%!PS": "a PostScript document",
    b"8BPS": "a Photoshop document",
    b"PAR1": "a Parquet table",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an Excel workbook of the old kind, or another Office document",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes",
    b"SQLite format 3": "an SQLite database",
    b"wOFF": "a font",
    b"\x1aE\xdf\xa3": "a video",
}
_BRANDS = {  # of files in boxes (ISO base media), at byte 8
    b"avif": "an AVIF picture",
    b"avis": "an AVIF picture",
    b"heic": "a HEIC picture",
    b"heix": "a HEIC picture",
    b"mif1": "a HEIF picture",
    b"msf1": "a HEIF picture",
}
_MARKUP = {  # first words, in lower case
    b"<!doctype html": "an HTML page",
    b"<html": "an HTML page",
    b"<head": "an HTML page",
    b"<body": "an HTML page",
    b"<table": "an HTML page",
    b"<svg": "an SVG drawing",
    b"{": "JSON",
    b"[": "JSON",
}
PICTURES = {
    "a JPEG picture",
    "a PNG picture",
    "a GIF picture",
    "a BMP picture",
    "a TIFF picture",
    "an AVIF picture",
} | {"a WebP picture"}


def kind_of(head: bytes) -> str:
    """Return what a file is, such as ``an HTML page``; empty where its first bytes do not tell.

    Args:
        head: the first `HEAD` bytes, or all of a shorter file.
    """
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith(b"PK\x03\x04") and (b"xl/" in head or b"[Content_Types].xml" in head):
        kind = "an Excel workbook, or another Office document"
    elif head.startswith(b"PK\x03\x04") and b"vnd.oasis.opendocument" in head:
        kind = "an OpenDocument file"
    elif head[:2] == b"BM" and head[6:10] == bytes(4):  # a header of a table may begin with these letters
        kind = "a BMP picture"
    elif head[:4] == b"RIFF":
        kind = "a WebP picture" if head[8:12] == b"WEBP" else "a sound or a video"
    elif head[4:8] == b"ftyp":
        kind = _BRANDS.get(head[8:12], "a video")
    elif text.startswith((b"<?xml", b"<!--")):
        page = b"<html" in text or text.startswith(b"<!--")
        kind = "an SVG drawing" if b"<svg" in text else "an HTML page" if page else "XML"
    else:
        starts = [kind for start, kind in _STARTS.items() if head.startswith(start)]
        starts += [kind for start, kind in _MARKUP.items() if text.startswith(start)]
        kind = starts[0] if starts else ""
    return kind
