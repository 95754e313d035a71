import errno
import hashlib
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from huse.vision.decoding import (
    FORMATS,
    Inspection,
    digest_picture,
    glance_at_picture,
    inspect_picture,
    read_picture,
)
from huse.vision.picture_error import PictureError
from tests.vision.conftest import noise, png, png_chunk

LIMIT = 10**8
ORANGE, WHITE, BLUE = (255, 128, 0), (255, 255, 255), (0, 0, 255)


def save(image, path, **options):
    image.save(path, **options)
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def plain(mode, colour):
    return Image.new(mode, (10, 12), colour)


def grey(value, dtype=np.uint16):
    return Image.fromarray(np.full((12, 10), value, dtype))


def deep_png(values, clear):
    """A PNG of 16 bits a channel in one colour, in which another stands for transparency."""
    pixel, colour = (struct.pack(f">{len(each)}H", *each) for each in (values, clear))
    return png(png_chunk(b"tRNS", colour), pixel=pixel, depth=16, kind=0 if len(values) == 1 else 2)


def palette(*colours):
    image = plain("P", 0)
    image.putpalette(sum(colours, ()))
    return image


def bmp_16_bit():
    """5, 6 and 5 bits a channel."""
    header = struct.pack("<2s3I", b"BM", 66 + 240, 0, 66) + struct.pack(
        "<3I2H6I", 40, 10, 12, 1, 16, 3, 240, 0, 0, 0, 0
    )
    return header + struct.pack("<3I", 0xF800, 0x07E0, 0x001F) + bytes(240)


FRAMES = {"save_all": True, "append_images": [plain("RGB", BLUE), plain("RGB", WHITE)]}
CMYK, LAYERED = "converted from CMYK to RGB", "transparency laid on white"
FIRST, DEEP = "first frame of several", "16 bits scaled to 8"
ZERO_BYTE = "stat: embedded null character in path" if sys.version_info >= (3, 13) else "embedded null byte"


@pytest.mark.parametrize(
    ("name", "image", "options", "colour", "repair"),
    [
        ("a.png", plain("RGB", ORANGE), {}, ORANGE, ""),
        ("a.bmp", plain("RGB", ORANGE), {}, ORANGE, ""),
        ("a.tif", plain("RGB", ORANGE), {}, ORANGE, ""),
        ("a.tiff", plain("RGB", ORANGE), {}, ORANGE, ""),
        ("a.jpg", plain("RGB", ORANGE), {}, ORANGE, ""),
        ("a.JPEG", plain("RGB", ORANGE), {}, ORANGE, ""),
        ("a.webp", plain("RGB", ORANGE), {}, ORANGE, ""),
        ("a.avif", plain("RGB", ORANGE), {}, ORANGE, ""),
        ("a.jpg", plain("RGB", ORANGE), {"exif": b"Exif\0\0II*\0\xff\xff\xff\xff nonsense"}, ORANGE, ""),
        ("a.jpg", plain("RGB", ORANGE), {"format": "PNG"}, ORANGE, "named .jpg but a PNG: read by its content"),
        ("a.PNG", plain("L", 77), {"format": "JPEG"}, (77,) * 3, "named .PNG but a JPEG: read by its content"),
        ("a.tga", plain("L", 77), {"format": "AVIF"}, (77,) * 3, "named .tga but an AVIF: read by its content"),
        ("picture", plain("RGB", ORANGE), {"format": "PNG"}, ORANGE, ""),
        ("a.unknown", plain("RGB", ORANGE), {"format": "PNG"}, ORANGE, ""),
        ("a.png", plain("L", 77), {}, (77, 77, 77), ""),
        ("a.png", plain("1", 0), {}, (0, 0, 0), ""),
        ("a.png", plain("1", 1), {}, WHITE, ""),
        ("a.png", palette(ORANGE), {}, ORANGE, ""),
        ("a.gif", palette(ORANGE), {}, ORANGE, ""),
        # 16 bits: scaled, not clipped.
        ("a.png", grey(0), {}, (0, 0, 0), DEEP),
        ("a.png", grey(1000), {}, (4, 4, 4), DEEP),
        ("a.png", grey(32896), {}, (128, 128, 128), DEEP),
        ("a.png", grey(65535), {}, WHITE, DEEP),
        ("a.tif", grey(0), {}, (0, 0, 0), DEEP),
        ("a.tif", grey(1000), {}, (4, 4, 4), DEEP),
        ("a.tif", grey(32896), {}, (128, 128, 128), DEEP),
        ("a.tif", grey(65535), {}, WHITE, DEEP),
        ("a.png", png(pixel=struct.pack(">3H", 65535, 32896, 300), depth=16, kind=2), {}, (255, 128, 1), DEEP),
        ("a.bmp", bmp_16_bit(), {}, (0, 0, 0), ""),
        # Transparent pixels lie on white.
        ("a.png", palette(BLUE, ORANGE), {"transparency": 0}, WHITE, LAYERED),
        ("a.png", palette(BLUE, ORANGE), {"transparency": 1}, BLUE, ""),
        ("a.gif", palette(BLUE, ORANGE), {"transparency": 0}, WHITE, LAYERED),
        ("a.png", palette((0, 0, 0), ORANGE), {"transparency": bytes([128, 255])}, (127,) * 3, LAYERED),
        ("a.png", plain("RGB", ORANGE), {"transparency": ORANGE}, WHITE, LAYERED),
        ("a.png", plain("RGB", ORANGE), {"transparency": BLUE}, ORANGE, ""),
        ("a.png", deep_png((1000,), clear=(1000,)), {}, WHITE, f"{LAYERED}; {DEEP}"),
        ("a.png", deep_png((1000,), clear=(1001,)), {}, (4, 4, 4), DEEP),
        ("a.png", deep_png((1000, 2000, 3000), clear=(1000, 2000, 3000)), {}, WHITE, f"{LAYERED}; {DEEP}"),
        ("a.png", deep_png((1000, 2000, 3000), clear=(1000, 2000, 5000)), {}, (3, 7, 11), DEEP),
        ("a.png", plain("RGBA", (0, 0, 200, 51)), {}, (204, 204, 244), LAYERED),
        ("a.tif", plain("RGBA", (0, 0, 200, 51)), {}, (204, 204, 244), LAYERED),
        ("a.webp", plain("RGBA", (0, 0, 200, 51)), {"lossless": True}, (204, 204, 244), LAYERED),
        ("a.png", plain("RGBA", (*ORANGE, 254)), {}, (255, 128, 1), LAYERED),
        ("a.png", plain("RGBA", (*ORANGE, 255)), {}, ORANGE, ""),
        ("a.png", plain("LA", (100, 51)), {}, (224, 224, 224), LAYERED),
        ("a.png", plain("LA", (100, 255)), {}, (100, 100, 100), ""),
        ("a.tif", plain("CMYK", (0, 127, 255, 0)), {}, ORANGE, CMYK),
        ("a.jpg", plain("CMYK", (0, 127, 255, 0)), {}, ORANGE, CMYK),  # Pillow writes it inverted, as Adobe does
        ("a.png", plain("CMYK", 0), {"format": "TIFF"}, WHITE, f"named .png but a TIFF: read by its content; {CMYK}"),
        ("a.tif", plain("LAB", (255, 128, 128)), {}, (254, 255, 254), "converted from LAB to RGB"),
        ("a.gif", plain("RGB", ORANGE), FRAMES, ORANGE, FIRST),
        ("a.webp", plain("RGB", ORANGE), FRAMES, ORANGE, FIRST),
        ("a.tif", plain("RGB", ORANGE), FRAMES, ORANGE, FIRST),
    ],
)
def test_pixels_and_what_was_repaired(tmp_path, name, image, options, *, colour, repair):
    path = tmp_path / name
    path.write_bytes(image) if isinstance(image, bytes) else image.save(path, **options)
    assert inspect_picture(path, LIMIT) == Inspection(sha256(path), None, repair)
    picture = read_picture(path, LIMIT)
    assert picture.mode == "RGB"
    with Image.open(path) as stored:
        lossy = stored.format in ("JPEG", "WEBP", "AVIF") and "lossless" not in options
    np.testing.assert_allclose(picture.getpixel((5, 5)), colour, atol=3 if lossy else 0)
    assert read_picture(path.read_bytes(), LIMIT).tobytes() == picture.tobytes()


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_values_without_a_known_white_are_refused(tmp_path, dtype):
    path = save(grey(1, dtype), tmp_path / "a.tif")
    problem = "picture has 32-bit, signed or floating-point values; save it with 8 or 16 bits a channel"
    assert inspect_picture(path, LIMIT).problem == problem


# How a camera stores the upright picture for each orientation, in terms of the operations on the pixels.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", "lzw.tif"])
@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation(tmp_path, suffix, orientation):
    upright = np.full((32, 64, 3), 255, np.uint8)
    upright[:16, :16], upright[:16, -16:], upright[-16:, :16] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"compression": "tiff_lzw"} if suffix == "lzw.tif" else {}
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    path = save(stored, tmp_path / f"a{suffix}", exif=exif, **options)
    found = np.asarray(read_picture(path, LIMIT)).astype(int)
    assert found.shape == upright.shape
    np.testing.assert_allclose(found[4::8, 4::8], upright[4::8, 4::8], atol=8)  # edges are blurred
    turned = "" if orientation == 1 else f"turned upright (EXIF orientation {orientation})"
    assert inspect_picture(path, LIMIT).repair == turned


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.jpg", None, "picture file does not exist"),
        (".", None, "picture is a folder"),
        ("a.jpg", b"", "picture file is empty"),
        ("a\0.jpg", None, f"picture file cannot be read ({ZERO_BYTE})"),
        ("a" * 999, None, "picture file cannot be read (File name too long)"),
        *(
            ("a.jpg", content, f"file is not a picture of the formats {', '.join(FORMATS)}{found}")
            for content, found in (
                (b"<html>404</html>", ", but an HTML page"),
                (b'{"error": 404}', ", but JSON"),
                (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ", but an SVG drawing"),
                (b"\0\0\0\x18ftypheic", ", but a HEIC picture"),
                (b"%PDF-1.7", ", but a PDF document"),
                (b"%!PS-Adobe-3.0 EPSF-3.0\n", ", but a PostScript document"),
                (b"P5 2 1 255\nab", ""),
                (b"\0" * 500, ""),
            )
        ),
    ],
)
def test_no_picture(tmp_path, name, content, problem):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert inspect_picture(path, LIMIT) == Inspection(sha256(path) if content else "", problem, "")


def test_a_link_to_nothing_is_said(tmp_path):
    (tmp_path / "a.jpg").symlink_to("b.jpg")
    (tmp_path / "b.jpg").symlink_to("../gone/b.jpg")
    (tmp_path / "deep").symlink_to("/gone/deep")
    said = "picture is a link to what does not exist ({})"
    gone = tmp_path.parent / "gone/b.jpg"
    assert inspect_picture(tmp_path / "a.jpg", LIMIT) == Inspection("", said.format(gone), "")
    assert inspect_picture(tmp_path / "deep/c.jpg", LIMIT) == Inspection("", said.format("/gone/deep"), "")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        *((suffix, {}) for suffix in (".jpg", ".png", ".gif", ".webp", ".bmp", ".tif")),
        (".jpg", {"progressive": True}),
        (".tif", {"compression": "tiff_lzw"}),
    ],
)
def test_truncated(tmp_path, suffix, options, share):
    path = save(noise(160, 120), tmp_path / f"a{suffix}", **options)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(PictureError, match=r"picture is (truncated|damaged)|not a picture") as seen:
        read_picture(path, LIMIT)
    inspected = inspect_picture(path, LIMIT)
    assert inspected.problem is not None
    if suffix in (".jpg", ".png", ".webp"):  # of the others the end does not tell
        assert glance_at_picture(path, LIMIT) == inspected
    if suffix in (".jpg", ".png", ".bmp") and share > 0.1:
        assert str(seen.value).startswith("picture is truncated (")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".gif", ".webp", ".bmp", ".tif", ".avif"])
def test_a_glance_opens_no_whole_picture_and_calls_none_broken_that_has_more_at_its_end(tmp_path, monkeypatch, suffix):
    path = save(noise(160, 120), tmp_path / f"a{suffix}")
    with path.open("ab") as file:
        file.write(bytes(5000))
    assert glance_at_picture(path, LIMIT).problem is None
    save(noise(160, 120), path)
    monkeypatch.setattr("huse.vision.decoding.inspect_picture", None)
    assert glance_at_picture(path, LIMIT).problem is None


@pytest.mark.filterwarnings("error")
def test_the_callers_limit_is_the_only_one(tmp_path):
    path = save(Image.new("1", (20000, 10000)), tmp_path / "a.png")  # above both limits of Pillow
    assert inspect_picture(path, 200_000_000).problem is None
    problem = "picture has 20000 × 10000 = 200.0 megapixels, more than the 199.9 allowed"
    assert inspect_picture(path, 199_900_000).problem == problem


def test_shorter_side_reads_a_jpeg_at_a_fraction(tmp_path):
    path = save(noise(640, 480), tmp_path / "a.jpg")
    assert read_picture(path, LIMIT, shorter_side=120).size == (160, 120)
    assert read_picture(path, LIMIT, shorter_side=121).size == (320, 240)
    assert read_picture(path, LIMIT, shorter_side=1000).size == (640, 480)
    assert read_picture(save(noise(160, 120), tmp_path / "a.png"), LIMIT, shorter_side=1).size == (160, 120)


@pytest.mark.parametrize("module", ["vision.decoding", "vision.augmentation", "vision.inspecting", "engine.work"])
def test_what_checks_pictures_imports_neither_torch_nor_ray(module):
    code = f"import sys, huse.{module}; sys.exit(not sys.modules.keys().isdisjoint({{'torch', 'ray'}}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_picture_that_asks_for_too_much_memory(tmp_path, monkeypatch):
    def load(self):
        raise MemoryError

    path = save(noise(160, 120), tmp_path / "a.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert inspect_picture(path, LIMIT).problem == "picture needs more memory than there is"


def test_a_file_that_cannot_be_read_to_its_end(tmp_path, monkeypatch):
    def read(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = save(noise(160, 120), tmp_path / "a.png")
    monkeypatch.setattr(hashlib, "file_digest", read)
    assert inspect_picture(path, LIMIT).problem == "picture file cannot be read (Input/output error)"
    with pytest.raises(PictureError, match="cannot be read"):
        digest_picture(path)


def test_the_limit_is_of_one_picture_and_thread(tmp_path):
    """What else uses Pillow in this process has none; two limits at once do not meet."""
    paths = [save(Image.new("L", (300, 300), colour), tmp_path / f"{colour}.gif") for colour in range(8)]
    assert inspect_picture(paths[0], 300 * 300 - 1).problem is not None
    with Image.open(paths[0]) as image:
        assert image.size == (300, 300)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(inspect_picture, paths * 25, [300 * 300, 300 * 300 - 1] * 100))
    assert [inspection.problem is None for inspection in found] == [True, False] * 100
    assert [inspection.digest for inspection in found] == [sha256(path) for path in paths] * 25
