import unicodedata
from collections import Counter

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from huse.catalogue.finding import PictureFolder
from huse.storage import FEW, Remote

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


def test_a_few_objects_are_looked_for_one_by_one_and_more_in_one_listing(store, monkeypatch):
    asked = Counter()
    for name in ("info", "find"):

        def counted(self, *arguments, own=getattr(MemoryFileSystem, name), name=name, **named):  # noqa: B008
            asked[name] += 1
            return own(self, *arguments, **named)

        monkeypatch.setattr(MemoryFileSystem, name, counted)
    for number in range(FEW + 10):
        store.put(f"shop/pictures/sub/{number}.JPG", b"x")
    folder = PictureFolder(Remote("memory", "shop", "pictures"))
    assert [folder.has(f"sub/{number}.JPG") for number in (0, 1, 0, 1)] == [True] * 4
    assert not folder.has("sub/none.JPG") and folder.is_there()
    assert asked == {"info": 3}
    for name in ("", "/sub/0.JPG", "a" * 2000, "sub/\0.JPG", "../pictures/sub/0.JPG"):
        assert not folder.has(name)
    assert all(folder.has(f"sub/{number}.JPG") for number in range(FEW + 10))
    assert asked["find"] == 1
    assert folder.find("SUB\\0.jpg") == "sub/0.JPG" and folder.find("sub/7") == "sub/7.JPG"
    assert folder.find("pictures/sub/7.jpg") == "sub/7.JPG" and folder.find("none") is None
    assert folder.find("memory://shop/pictures/sub/7.JPG") == "sub/7.JPG"
    assert folder.find("memory://shop/other/sub/7.JPG") is None
    assert asked["find"] == 1
    assert not PictureFolder(Remote("memory", "shop", "none")).is_there()
