import base64
from io import BytesIO

from PIL import Image

from huse.vision.thumbnails import MISSING, make_thumbnail, thumbnails_of


def test_a_thumbnail_is_a_small_picture_of_the_same_shape_and_bytes():
    picture = Image.effect_mandelbrot((300, 150), (-2, -1, 1, 1), 20).convert("RGB")
    thumbnail = make_thumbnail(picture, 60)
    assert (thumbnail.width, thumbnail.height) == (60, 30)
    assert thumbnail == make_thumbnail(picture, 60)
    assert picture.size == (300, 150)
    kind, _, data = thumbnail.source.partition(",")
    assert kind == "data:image/webp;base64"
    with Image.open(BytesIO(base64.b64decode(data))) as written:
        assert (written.format, written.size) == ("WEBP", (60, 30))
    assert make_thumbnail(Image.new("RGB", (7, 9)), 60).height == 9  # a small one is not enlarged


def test_each_size_is_made_once_and_a_missing_picture_is_no_error():
    asked = []

    def read(row):
        asked.append(row)
        return None if row == 1 else Image.new("RGB", (10, 10))

    thumbnails = thumbnails_of(read)
    assert thumbnails(0, 8) is thumbnails(0, 8)
    assert thumbnails(0, 4).width == 4
    assert thumbnails(1, 8) is thumbnails(1, 8) is MISSING
    assert asked == [0, 0, 1]
