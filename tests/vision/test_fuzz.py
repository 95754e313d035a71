"""Thousands of damaged pictures: each is refused with a reason or read, and whoever inspects agrees with who reads."""

import io
import re
import struct
import time
import zlib
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from huse.vision.decoding import inspect_picture, read_picture, send_picture
from huse.vision.picture_error import PictureError
from tests.faults import many
from tests.vision.conftest import noise, png, png_chunk

MAX_PIXELS = 1_000_000
MUTANTS = many(130, 750)  # of each original
MOST_MEGABYTES = 64  # more than before, at any moment
MOST_SECONDS = 3.0  # of CPU time, for one file; the slowest takes a hundredth of it

SAVED = {
    "JPEG": [("RGB", {}), ("L", {}), ("CMYK", {}), ("RGB", {"progressive": True}), ("RGB", {"restart_marker_rows": 1})],
    "PNG": [("RGB", {}), ("L", {}), ("P", {}), ("RGBA", {}), ("I;16", {}), ("1", {}), ("RGB", {"save_all": True})],
    "WEBP": [("RGB", {}), ("RGBA", {"lossless": True}), ("RGB", {"save_all": True})],
    "GIF": [("P", {}), ("P", {"save_all": True, "disposal": 2})],
    "TIFF": [
        ("RGB", {}),
        ("I;16", {}),
        ("1", {"compression": "group4"}),
        ("CMYK", {"compression": "tiff_lzw"}),
        ("RGB", {"compression": "jpeg"}),
        ("RGBA", {"compression": "tiff_adobe_deflate", "save_all": True}),
    ],
    "BMP": [("RGB", {}), ("L", {}), ("1", {})],
    "AVIF": [("RGB", {})],
}
ORIGINALS = [(name, mode, options) for name, kinds in SAVED.items() for mode, options in kinds]
ENDINGS = {"JPEG": ".jpg", "TIFF": ".tif"}


def drawing(mode):
    picture = noise(8, 6).resize((48, 36))
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    return picture.convert(mode)


def saved(name, picture=None, **options):
    file = io.BytesIO()
    (picture or drawing("RGB")).save(file, format=name, **options)
    return file.getvalue()


@cache
def original(index):
    """The bytes of a good picture, as an array."""
    name, mode, options = ORIGINALS[index]
    picture = drawing(mode)
    others = {"append_images": [picture.transpose(Image.Transpose.ROTATE_180)]} if options.get("save_all") else {}
    return np.frombuffer(saved(name, picture, **options, **others), np.uint8)


def flip_bytes(data, rng):
    where = rng.integers(0, len(data), rng.integers(1, 9))
    data[where] = rng.integers(0, 256, len(where))
    return data


def flip_header(data, rng):
    where = rng.integers(0, min(len(data), 64), rng.integers(1, 5))
    data[where] = rng.choice([0, 1, 127, 128, 255], len(where))
    return data


def splice(data, rng):
    """Cut a piece off or out, double it, blank it, or put noise or another picture in its place, before or behind."""
    size = len(data)
    start, end = np.sort(rng.integers(0, size + 1, 2))
    start, end = rng.choice([(start, end), (start, size), (0, 0), (size, size)])
    piece, other = data[start:end], original(rng.integers(len(ORIGINALS)))
    noise = rng.integers(0, 256, rng.integers(1, 200), dtype=np.uint8)
    instead = [piece[:0], np.tile(piece, 2), piece * 0, piece * 0 + 255, noise, other, other[start:end]]
    return np.concatenate([data[:start], instead[rng.integers(len(instead))], data[end:]])


def huge_number(data, rng):
    """Write a large number over some bytes: now and then over a width, a length or a count."""
    number = int(rng.choice([2**31 - 1, 2**32 - 1, 2**24, 65535, 2**16]))
    written = np.frombuffer(struct.pack(rng.choice([">I", "<I"]), number), np.uint8)
    start = rng.integers(0, max(1, min(len(data), 200) - 4))
    data[start : start + 4] = written[: len(data[start : start + 4])]
    return data


def other_size(data, rng):
    """Write another width and height where the format has them, and mend the check sum of a PNG."""
    content = bytearray(data.tobytes())
    width, height = (int(side) for side in rng.choice([1, 47, 49, 1000, 30000, 65535, 2**31 - 1], 2))
    sof = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2"))
    if content.startswith(b"\x89PNG"):
        content[16:24] = struct.pack(">II", width, height)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    elif content.startswith(b"\xff\xd8") and sof > 0:
        content[sof + 5 : sof + 9] = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    elif content.startswith(b"GIF"):
        content[6:10] = struct.pack("<HH", width & 0xFFFF, height & 0xFFFF)
    elif content.startswith(b"BM"):
        content[18:26] = struct.pack("<ii", width, height)
    else:
        return huge_number(data, rng)
    return np.frombuffer(content, np.uint8)


MUTATIONS = [flip_bytes, flip_header, huge_number, other_size, splice, splice, splice, splice]


def mutate(index, rng):
    """Damage a good picture in one or two ways."""
    data = original(index)
    for mutation in rng.choice(MUTATIONS, rng.integers(1, 3)):
        if len(data):
            data = mutation(data.copy(), rng)
    return data.tobytes()


def peak():
    """The most memory that this process had since `forget_peak`, in megabytes; 0 where that is not told."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM:")), 0)


def forget_peak():
    with suppress(OSError):  # not everywhere, and not allowed everywhere
        Path("/proc/self/clear_refs").write_text("5")


@contextmanager
def bounded(seconds=MOST_SECONDS, megabytes=MOST_MEGABYTES):
    """Fail where more time or memory is taken; the decoders' own memory counts as well."""
    forget_peak()
    before, start = peak(), time.process_time()
    yield
    assert time.process_time() - start < seconds
    assert peak() - before < megabytes


def outcome(path, **options):
    """Read a picture, and return why it cannot be read; any error but a `PictureError` fails the test."""
    try:
        picture = read_picture(path, MAX_PIXELS, **options)
    except PictureError as error:
        assert str(error)
        return str(error)
    assert picture.mode == "RGB"
    assert picture.width * picture.height <= MAX_PIXELS
    return None


def check(path):
    """Inspect and read one file, and return whether it can be used."""
    with bounded():
        inspection = inspect_picture(path, MAX_PIXELS)
        problem = inspection.problem
        assert inspection == inspect_picture(send_picture(path, MAX_PIXELS), MAX_PIXELS)
        assert problem == outcome(path)
        assert problem == outcome(path, shorter_side=16)
    return problem is None


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("index", range(len(ORIGINALS)), ids=lambda index: "-".join(map(str, ORIGINALS[index][:2])))
def test_mutants_are_refused_or_read_and_all_agree(tmp_path, index, tally):
    rng = np.random.default_rng(index)
    path = tmp_path / f"mutant{ENDINGS.get(ORIGINALS[index][0], '.' + ORIGINALS[index][0].lower())}"
    path.write_bytes(original(index).tobytes())
    assert check(path)
    read = 0
    for _ in range(MUTANTS):
        path.write_bytes(mutate(index, rng))  # is what lies in the folder when this fails
        read += check(path)
    assert 0 < read < MUTANTS
    tally("damaged picture", "refused with a reason", MUTANTS - read)
    tally("damaged picture", "read, by the check and by the encoder alike", read)


def gif_of_a_wide_frame():
    """The screen is small; the frame is not, and asks to be painted over."""
    start = saved("GIF", drawing("P"))[: 13 + 3 * 256]
    return start + b"!\xf9\4\x08\0\0\0\0" + struct.pack("<c4H", b",", 0, 0, 65535, 65535) + b"\0\x08\2\x4c\1\0;"


def tiff_of_a_wide_tile():
    """A picture of 100 × 100 pixels in one tile of 32768 × 32768."""
    tags = {256: 100, 257: 100, 258: 8, 259: 8, 262: 1, 277: 1, 322: 32768, 323: 32768, 324: 8, 325: 20}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(100)


def progressive_jpeg_of_many_scans():
    """Each of the added scans is nearly empty, and goes over all pixels."""
    data = saved("JPEG", Image.new("RGB", (1000, 1000)), progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 10_000 + b"\xff\xd9"


def jpeg_of_many_scans():
    data = saved("JPEG", Image.new("RGB", (1000, 1000)))
    one_channel = b"\xff\xda\0\x08\1\1\0\0\x3f\0\0\0"
    return data[: data.index(b"\xff\xda")] + one_channel * 10_000 + b"\xff\xd9"


def webp_of_a_large_canvas():
    data = bytearray(saved("WEBP", drawing("RGB"), save_all=True, append_images=[drawing("L").convert("RGB")]))
    assert data[12:16] == b"VP8X"
    data[24:30] = (16382).to_bytes(3, "little") * 2
    return bytes(data)


LARGE = b"a\0\0" + zlib.compress(bytes(10**8))
TEXT = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6)))
LIMITED = "megapixels, more than the 1.0 allowed"


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("a.png", lambda: png(width=10_000, height=10_000), f"picture has 10000 × 10000 = 100.0 {LIMITED}"),
        ("text.png", lambda: png(png_chunk(b"zTXt", LARGE)), "Decompressed data too large"),
        ("texts.png", lambda: png(TEXT * 99), "Too much memory used"),
        ("profile.png", lambda: png(png_chunk(b"iCCP", LARGE)), "Decompressed data too"),
        ("wide.gif", gif_of_a_wide_frame, f"picture has 65535 × 65535 = 4,294.8 {LIMITED}"),
        ("tile.tif", tiff_of_a_wide_tile, f"picture has 32768 × 32768 = 1,073.7 {LIMITED}"),
        ("canvas.webp", webp_of_a_large_canvas, f"picture has 16383 × 16383 = 268.4 {LIMITED}"),
        ("scans.jpg", progressive_jpeg_of_many_scans, r"picture has 10,01\d scans, more than the 200 allowed"),
        ("channels.jpg", jpeg_of_many_scans, "picture has 10,000 scans, more than the 200 allowed"),
        ("bytes.bmp", lambda: saved("BMP") + bytes(18 * 10**6), "picture file has 18.0 MB, more than 16 bytes for"),
    ],
)
def test_bombs_are_refused_before_they_go_off(tmp_path, name, make, reason):
    path = tmp_path / name
    path.write_bytes(make())
    with bounded(), pytest.raises(PictureError, match=reason):
        read_picture(path, MAX_PIXELS)
    with bounded():
        assert re.search(reason, inspect_picture(path, MAX_PIXELS).problem)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        # A film lies behind the picture.
        ("scans.jpg", lambda: saved("JPEG", Image.new("RGB", (1000, 1000)), progressive=True) * 12),
        ("text.png", lambda: png(TEXT * 9)),
        ("bytes.bmp", lambda: saved("BMP") + bytes(16 * 10**6)),
    ],
)
def test_what_is_only_large_is_read(tmp_path, name, make):
    path = tmp_path / name
    path.write_bytes(make())
    assert check(path)
