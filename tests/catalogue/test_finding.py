import unicodedata

import pytest

from huse.catalogue.finding import PictureFolder

FILES = ("sub/a.jpg", "red shoe.jpg", "Big.PNG", "é.jpg", "123.jpg", "two.jpg", "two.png", "images/b.jpg", "100%25.jpg")


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        path = tmp_path / "Images" / unicodedata.normalize("NFD", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "secret.jpg").touch()
    return PictureFolder(tmp_path / "Images")


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("sub\\a.jpg", "sub/a.jpg"),
        ("SUB/A.JPG", "sub/a.jpg"),
        ("red%20shoe.jpg", "red shoe.jpg"),
        ("red&#32;shoe.jpg", "red shoe.jpg"),
        ("big", "Big.PNG"),
        ("\u00e9.jpg", unicodedata.normalize("NFD", "é.jpg")),
        ("123.0", "123.jpg"),
        ("123", "123.jpg"),
        ("two.PNG", "two.png"),
        ("two", None),  # .jpg or .png
        ("/sub/a.jpg", "sub/a.jpg"),
        ("images/sub/a", "sub/a.jpg"),
        ("images/b.JPG", "images/b.jpg"),  # as written goes before without the folder
        ("C:\\shop\\Images\\sub\\a.jpg", "sub/a.jpg"),
        ("/home/me/images/sub/a.jpg", "sub/a.jpg"),
        ("100%25.JPG", "100%25.jpg"),
        ("https://shop.example/images/sub/a.jpg", None),
        ("secret.jpg", None),
        ("../secret.jpg", None),
        ("images/../../secret.jpg", None),
        ("", None),
        (".", None),
        ("images", None),
    ],
)
def test_the_one_file_that_is_meant(folder, image, found):
    assert folder.find(image) == found


def test_what_is_there_as_it_is_written(folder, tmp_path):
    assert folder.has("Big.PNG") and folder.has("../secret.jpg")  # which is refused later, by its path
    for image in ("big.png", "", "sub", "a\0b", "x" * 5000, str(tmp_path / "secret.jpg")):
        assert not folder.has(image)
