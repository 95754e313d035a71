import pytest

from huse.wording import counted


@pytest.mark.parametrize(
    ("count", "words", "said"),
    [
        (1, ("product",), "1 product"),
        (0, ("product",), "0 products"),
        (1203, ("product",), "1,203 products"),
        (1, ("class has", "classes have"), "1 class has"),
        (2, ("class has", "classes have"), "2 classes have"),
    ],
)
def test_counts_agree_with_what_is_counted(count, words, said):
    assert counted(count, *words) == said
