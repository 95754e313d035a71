import pytest

from huse.engine.work import here
from huse.vision import inspecting
from huse.vision.decoding import inspect_picture
from huse.vision.inspecting import inspect_pictures
from tests.engine.test_work import elsewhere
from tests.vision.conftest import noise


@pytest.mark.parametrize("spread", [here, elsewhere])
def test_pictures_are_inspected_alike_on_every_engine_and_in_their_order(tmp_path, monkeypatch, spread):
    paths = [
        tmp_path / name for name in ("a.png", "cut.png", "none.png", "text.jpg", "named.jpg", "link.png", "big.png")
    ]
    for path in (paths[0], paths[6]):
        noise(20, 30, seed=len(path.name)).save(path)
    paths[1].write_bytes(paths[0].read_bytes()[:-200])
    paths[3].write_text("no picture")
    paths[4].write_bytes(paths[0].read_bytes())
    paths[5].symlink_to(tmp_path / "gone.png")
    paths[6].write_bytes(b"0" * 1_200_000)
    monkeypatch.setattr(inspecting, "BATCH", 3)
    expected = [inspect_picture(path, 1000) for path in paths]
    found = list(inspect_pictures(paths, 1000, spread))
    assert [(one.problem, one.repair) for one in found] == [(one.problem, one.repair) for one in expected]
    assert [one.problem is None for one in found] == [True, False, False, False, True, False, False]
    assert found[4].repair
    # A file that is too large for any picture is not sent; nobody asks for the digest of what cannot be used.
    assert found[:6] == expected[:6]


@pytest.mark.parametrize("spread", [here, elsewhere])
def test_no_pictures(spread):
    assert list(inspect_pictures([], 1000, spread)) == []
