import pytest

from tests.catalogue.importing.layouts import make_fashion, make_folders, make_food101


@pytest.fixture
def food101(tmp_path):
    return make_food101(tmp_path / "food101")


@pytest.fixture
def fashion(tmp_path):
    return make_fashion(tmp_path / "fashion")


@pytest.fixture
def folders(tmp_path):
    return make_folders(tmp_path / "folders")
