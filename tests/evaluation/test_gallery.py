import numpy as np
from PIL import Image

from huse.evaluation.gallery import Item, choose_queries, draw_gallery, nearest


def test_queries_are_of_different_classes_and_seeded():
    classes = np.array([0, 0, 0, 1, 1, 2])
    chosen = choose_queries(classes, 5, seed=1)
    assert sorted(classes[chosen].tolist()) == [0, 1, 2]
    assert chosen == choose_queries(classes, 5, seed=1)
    assert len(choose_queries(classes, 2, seed=1)) == 2


def test_nearest_is_by_cosine_and_stable(unit_rows):
    rows = unit_rows(30, 4)
    order = nearest(rows[3], rows, 5)
    assert order[0] == 3
    similarity = rows @ rows[3]
    assert similarity[order].tolist() == sorted(similarity.tolist(), reverse=True)[:5]
    assert nearest(rows[0], np.tile(rows[0], (4, 1)), 3) == [0, 1, 2]


def test_a_gallery_is_drawn_with_fewer_items_than_asked_for(tmp_path, unit_rows):
    items = [
        Item(lambda: Image.new("RGB", (20, 30), "red"), f"a rather long name, number {n}, " * 4, "x<y")
        for n in range(3)
    ]
    output = tmp_path / "gallery.png"
    draw_gallery(items, unit_rows(3, 4), unit_rows(3, 4, 1), [0, 2], found=5, output=output)
    with Image.open(output) as picture:
        assert picture.width > 800
    first = output.read_bytes()
    draw_gallery(items, unit_rows(3, 4), unit_rows(3, 4, 1), [0, 2], found=5, output=output)
    assert output.read_bytes() == first
