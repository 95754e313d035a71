import errno
import hashlib
import io
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from huse.vision.decoding import Inspection, digest_picture, inspect_picture, read_picture
from huse.vision.picture_error import PictureError

LIMIT = 10**8
ORANGE = (255, 128, 0)


def pixel(path, where=(5, 5)):
    picture = read_picture(path, LIMIT)
    assert picture.mode == "RGB"
    assert inspect_picture(path, LIMIT).problem is None
    return picture.getpixel(where)


def save(image, path, **options):
    image.save(path, **options)
    return path


def noise(width=160, height=120, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def plain(mode, colour):
    return Image.new(mode, (10, 12), colour)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_rgb(tmp_path, suffix):
    assert pixel(save(plain("RGB", ORANGE), tmp_path / f"a{suffix}")) == ORANGE


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_lossy_rgb(tmp_path, suffix):
    np.testing.assert_allclose(pixel(save(plain("RGB", ORANGE), tmp_path / f"a{suffix}")), ORANGE, atol=6)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize(("value", "byte"), [(0, 0), (1000, 4), (32896, 128), (65535, 255)])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path, suffix, value, byte):
    grey = Image.fromarray(np.full((12, 10), value, np.uint16))
    assert grey.mode == "I;16"
    assert pixel(save(grey, tmp_path / f"a{suffix}")) == (byte, byte, byte)


def test_16_bit_rgb_png(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png_16_bit_rgb((65535, 32896, 300)))
    assert pixel(path) == (255, 128, 1)


def png_16_bit_rgb(colour, width=10, height=12):
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + struct.pack(">3H", *colour) * width) * height
    header = struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_grey(tmp_path):
    assert pixel(save(plain("L", 77), tmp_path / "a.png")) == (77, 77, 77)


@pytest.mark.parametrize(("bit", "byte"), [(0, 0), (1, 255)])
def test_1_bit(tmp_path, bit, byte):
    assert pixel(save(plain("1", bit), tmp_path / "a.png")) == (byte, byte, byte)


def test_palette(tmp_path):
    assert pixel(save(plain("RGB", ORANGE).convert("P", palette=Image.Palette.ADAPTIVE), tmp_path / "a.png")) == ORANGE


def test_transparent_entry_of_a_palette_is_white(tmp_path):
    image = plain("P", 0)
    image.putpalette([10, 20, 30, *ORANGE])
    image.putpixel((0, 0), 1)
    path = save(image, tmp_path / "a.png", transparency=0)
    assert pixel(path) == (255, 255, 255)
    assert pixel(path, (0, 0)) == ORANGE


def test_half_transparent_palette(tmp_path):
    image = plain("P", 0)
    image.putpalette([0, 0, 0, *ORANGE])
    np.testing.assert_allclose(
        pixel(save(image, tmp_path / "a.png", transparency=bytes([128, 255]))), (127,) * 3, atol=1
    )


def test_colour_key_is_white(tmp_path):
    assert pixel(save(plain("RGB", ORANGE), tmp_path / "a.png", transparency=ORANGE)) == (255, 255, 255)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_rgba_lies_on_white(tmp_path, suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    path = save(plain("RGBA", (0, 0, 200, 51)), tmp_path / f"a{suffix}", **options)
    np.testing.assert_allclose(pixel(path), (204, 204, 244), atol=1)


def test_grey_with_alpha_lies_on_white(tmp_path):
    np.testing.assert_allclose(pixel(save(plain("LA", (100, 51)), tmp_path / "a.png")), (224,) * 3, atol=1)


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])  # Pillow writes a JPEG inverted, as Adobe does
def test_cmyk(tmp_path, suffix):
    path = save(plain("CMYK", (0, 127, 255, 0)), tmp_path / f"a{suffix}")
    if suffix == ".jpg":
        assert b"Adobe" in path.read_bytes()
    np.testing.assert_allclose(pixel(path), ORANGE, atol=3)


@pytest.mark.parametrize(
    ("values", "byte"), [((0.0, 0.5, 1.0), 128), ((0.0, 77.0, 255.0), 77), ((-1000.0, 0.0, 1000.0), 128)]
)
def test_float_tiff(tmp_path, values, byte):
    low, value, high = values
    pixels = np.full((12, 10), value, np.float32)
    pixels[0, :2] = low, high
    assert pixel(save(Image.fromarray(pixels), tmp_path / "a.tif")) == (byte, byte, byte)


def test_float_tiff_with_nan(tmp_path):
    path = save(Image.fromarray(np.full((12, 10), np.nan, np.float32)), tmp_path / "a.tif")
    with pytest.raises(PictureError, match="values that are not finite"):
        read_picture(path, LIMIT)


def test_constant_float_tiff_out_of_range(tmp_path):
    assert pixel(save(Image.fromarray(np.full((12, 10), 1e6, np.float32)), tmp_path / "a.tif")) == (0, 0, 0)


CORNERS = {"top left": (255, 0, 0), "top right": (0, 255, 0), "bottom left": (0, 0, 255)}


def seen_corners(picture):
    width, height = picture.size
    return {
        "top left": picture.getpixel((2, 2)),
        "top right": picture.getpixel((width - 3, 2)),
        "bottom left": picture.getpixel((2, height - 3)),
    }


def cornered(width=64, height=32):
    image = Image.new("RGB", (width, height), "white")
    image.paste(CORNERS["top left"], (0, 0, 16, 16))
    image.paste(CORNERS["top right"], (width - 16, 0, width, 16))
    image.paste(CORNERS["bottom left"], (0, height - 16, 16, height))
    return image


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
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, suffix, orientation):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](np.asarray(cornered()))))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"compression": "tiff_lzw"} if suffix == "lzw.tif" else {}
    path = save(stored, tmp_path / f"a{suffix}", exif=exif, **options)
    picture = read_picture(path, LIMIT)
    assert picture.size == (64, 32)
    for corner, colour in seen_corners(picture).items():
        np.testing.assert_allclose(colour, CORNERS[corner], atol=8)


def test_broken_exif_does_not_cost_the_picture(tmp_path):
    path = save(plain("RGB", ORANGE), tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff nonsense")
    np.testing.assert_allclose(pixel(path), ORANGE, atol=6)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_first_frame_of_an_animation(tmp_path, suffix):
    frames = [plain("RGB", colour) for colour in [ORANGE, (0, 0, 255), (0, 255, 0)]]
    path = save(frames[0], tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:])
    with Image.open(path) as image:
        assert image.n_frames == 3
    np.testing.assert_allclose(pixel(path), ORANGE, atol=6)


def test_missing(tmp_path):
    assert inspect_picture(tmp_path / "a.jpg", LIMIT) == Inspection("", "picture file does not exist", "")


def test_folder(tmp_path):
    assert inspect_picture(tmp_path, LIMIT).problem == "picture is a folder"


def test_empty(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert inspect_picture(tmp_path / "a.jpg", LIMIT).problem == "picture file is empty"


def test_name_that_no_file_can_have(tmp_path):
    assert "cannot be read" in inspect_picture(tmp_path / "a\0.jpg", LIMIT).problem
    assert "cannot be read" in inspect_picture(tmp_path / ("a" * 999), LIMIT).problem


@pytest.mark.parametrize("content", [b"<html>404</html>", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"P5 2 1 255\nab", b"\0" * 500])
def test_not_a_picture(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    problem = inspect_picture(tmp_path / "a.jpg", LIMIT).problem
    assert problem == "file is not a picture of the formats JPEG, PNG, WEBP, GIF, TIFF, BMP, AVIF"


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".jpg", {}),
        (".jpg", {"progressive": True}),
        (".png", {}),
        (".gif", {}),
        (".webp", {}),
        (".bmp", {}),
        (".tif", {}),
        (".tif", {"compression": "tiff_lzw"}),
    ],
)
def test_truncated(tmp_path, suffix, options, share):
    path = save(noise(), tmp_path / f"a{suffix}", **options)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(PictureError, match=r"picture is (truncated|damaged)|not a picture") as seen:
        read_picture(path, LIMIT)
    assert inspect_picture(path, LIMIT).problem is not None
    if suffix in (".jpg", ".png", ".bmp") and share > 0.1:
        assert str(seen.value).startswith("picture is truncated (")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".gif", ".webp", ".tif"])
def test_random_damage_never_raises_anything_else(tmp_path, suffix):
    path = save(noise(40, 30), tmp_path / f"a{suffix}")
    whole = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 8):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        inspection = inspect_picture(path, LIMIT)
        try:
            read_picture(path, LIMIT)
        except PictureError as error:
            assert inspection.problem == str(error)
        else:
            assert inspection.problem is None


def test_enormous_is_refused_before_decoding(tmp_path):
    path = tmp_path / "a.png"
    buffer = io.BytesIO()
    plain("1", 0).save(buffer, "png")
    data = bytearray(buffer.getvalue())
    data[16:24] = (30000).to_bytes(4, "big") + (20000).to_bytes(4, "big")
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)
    problem = inspect_picture(path, LIMIT).problem
    assert problem == "picture has 30000 × 20000 = 600.0 megapixels, more than the 100.0 allowed"


@pytest.mark.filterwarnings("error")
def test_the_callers_limit_is_the_only_one(tmp_path, monkeypatch):
    path = save(Image.new("1", (20000, 10000)), tmp_path / "a.png")  # above both limits of Pillow
    assert inspect_picture(path, 200_000_000).problem is None
    assert inspect_picture(path, 199_999_999).problem is not None


def test_digest_is_of_the_bytes_and_there_for_bad_files_too(tmp_path):
    good = save(noise(), tmp_path / "a.jpg")
    assert inspect_picture(good, LIMIT).digest == hashlib.sha256(good.read_bytes()).hexdigest()
    bad = tmp_path / "b.jpg"
    bad.write_bytes(b"nothing")
    assert inspect_picture(bad, LIMIT).digest == hashlib.sha256(b"nothing").hexdigest()


def test_many_threads(tmp_path):
    paths = [save(noise(seed=seed), tmp_path / f"{seed}.jpg") for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        digests = [inspection.digest for inspection in pool.map(lambda p: inspect_picture(p, LIMIT), paths * 20)]
    assert digests == [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths] * 20


def test_shorter_side_reads_a_jpeg_at_a_fraction(tmp_path):
    path = save(cornered(640, 480).resize((640, 480)), tmp_path / "a.jpg")
    assert read_picture(path, LIMIT, shorter_side=120).size == (160, 120)
    assert read_picture(path, LIMIT, shorter_side=121).size == (320, 240)
    assert read_picture(path, LIMIT, shorter_side=1000).size == (640, 480)
    assert read_picture(save(noise(), tmp_path / "a.png"), LIMIT, shorter_side=1).size == (160, 120)


def test_decoding_does_not_import_torch():
    code = "import sys, huse.vision.decoding; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def frames(path, count=3):
    images = [plain("RGB", (number * 50, 0, 0)) for number in range(count)]
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


def turned(path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return save(cornered(), path, exif=exif)


def write(path, content):
    path.write_bytes(content)
    return path


def bmp_16_bit():
    header = b"BM" + (54 + 32).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    about = b"".join(value.to_bytes(size, "little") for value, size in [(40, 4), (4, 4), (4, 4), (1, 2), (16, 2)])
    return header + about + bytes(24) + bytes(32)


@pytest.mark.parametrize(
    ("make", "repair"),
    [
        (lambda folder: save(noise(), folder / "a.jpg"), ""),
        (lambda folder: save(noise(), folder / "a.JPEG"), ""),
        (lambda folder: save(noise(), folder / "a.tiff"), ""),
        (lambda folder: save(noise().convert("L"), folder / "a.png"), ""),
        (lambda folder: save(noise().convert("P"), folder / "a.gif"), ""),
        (lambda folder: save(plain("RGBA", (*ORANGE, 255)), folder / "a.png"), ""),
        (lambda folder: turned(folder / "a.jpg", 1), ""),
        (lambda folder: save(noise(), folder / "a.jpg", format="PNG"), "named .jpg but a PNG: read by its content"),
        (lambda folder: save(noise(), folder / "a.PNG", format="JPEG"), "named .PNG but a JPEG: read by its content"),
        (lambda folder: save(noise(), folder / "a.tga", format="AVIF"), "named .tga but an AVIF: read by its content"),
        (lambda folder: save(noise(), folder / "picture", format="PNG"), ""),
        (lambda folder: save(noise(), folder / "a.unknown", format="PNG"), ""),
        (lambda folder: save(noise().convert("CMYK"), folder / "a.jpg"), "converted from CMYK to RGB"),
        (lambda folder: save(noise().convert("LAB"), folder / "a.tif"), "converted from LAB to RGB"),
        (lambda folder: save(plain("RGBA", (*ORANGE, 254)), folder / "a.png"), "transparency laid on white"),
        (lambda folder: save(Image.fromarray(np.ones((4, 4), np.uint16)), folder / "a.png"), "16 bits scaled to 8"),
        (lambda folder: save(Image.fromarray(np.ones((4, 4), np.float32)), folder / "a.tif"), "32 bits scaled to 8"),
        (lambda folder: save(Image.fromarray(np.eye(4, dtype=np.int32)), folder / "a.tif"), "16 bits scaled to 8"),
        (lambda folder: save(Image.fromarray(-np.eye(4, dtype=np.int32)), folder / "a.tif"), "32 bits stretched to 8"),
        (
            lambda folder: save(Image.fromarray(np.eye(4, dtype=np.float32) * 256), folder / "a.tif"),
            "32 bits stretched to 8",
        ),
        (lambda folder: write(folder / "a.png", png_16_bit_rgb((1, 2, 3))), "16 bits scaled to 8"),
        (lambda folder: write(folder / "a.bmp", bmp_16_bit()), ""),
        (lambda folder: save(noise().convert("1"), folder / "a.png"), ""),
        (
            lambda folder: save(noise(), folder / "a.png", transparency=noise().getpixel((0, 0))),
            "transparency laid on white",
        ),
        (lambda folder: save(noise().convert("LA"), folder / "a.png"), ""),
        (lambda folder: save(plain("LA", (9, 9)), folder / "a.png"), "transparency laid on white"),
        (lambda folder: save(plain("P", 0), folder / "a.gif", transparency=0), "transparency laid on white"),
        (lambda folder: turned(folder / "a.jpg", 6), "turned upright (EXIF orientation 6)"),
        (lambda folder: turned(folder / "a.png", 3), "turned upright (EXIF orientation 3)"),
        (lambda folder: turned(folder / "a.tif", 8), "turned upright (EXIF orientation 8)"),
        (lambda folder: turned(folder / "a.tif", 1), ""),
        (lambda folder: frames(folder / "a.gif"), "first frame of several"),
        (lambda folder: frames(folder / "a.tif"), "first frame of several"),
        (
            lambda folder: save(noise().convert("CMYK"), folder / "a.png", format="TIFF"),
            "named .png but a TIFF: read by its content; converted from CMYK to RGB",
        ),
    ],
)
def test_what_was_repaired_is_said(tmp_path, make, repair):
    inspection = inspect_picture(make(tmp_path), LIMIT)
    assert (inspection.problem, inspection.repair) == (None, repair)


def test_a_picture_that_asks_for_too_much_memory(tmp_path, monkeypatch):
    def load(self):
        raise MemoryError

    path = save(noise(), tmp_path / "a.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert inspect_picture(path, LIMIT).problem == "picture needs more memory than there is"


def test_a_file_that_cannot_be_read_to_its_end(tmp_path, monkeypatch):
    def read(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = save(noise(), tmp_path / "a.png")
    monkeypatch.setattr(hashlib, "file_digest", read)
    assert inspect_picture(path, LIMIT).problem == "picture file cannot be read (Input/output error)"
    with pytest.raises(PictureError, match="cannot be read"):
        digest_picture(path)


def test_the_limit_is_of_one_picture_and_thread(tmp_path):
    """What else uses Pillow in this process has none; two limits at once do not meet."""
    path = save(Image.new("L", (300, 300)), tmp_path / "a.gif")
    assert inspect_picture(path, 300 * 300 - 1).problem is not None
    with Image.open(path) as image:
        assert image.size == (300, 300)
    with ThreadPoolExecutor(8) as pool:
        problems = list(pool.map(lambda limit: inspect_picture(path, limit).problem, [300 * 300, 300 * 300 - 1] * 100))
    assert [problem is None for problem in problems] == [True, False] * 100
