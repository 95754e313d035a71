from huse.report.names import short_names, shorten, whole_name


def test_a_class_path_is_written_out():
    assert whole_name(("a", "b")) == "a › b"


def test_names_are_as_short_as_they_can_be():
    paths = [("a", "x", "flat"), ("b", "x", "flat"), ("b", "y"), ("c", "flat"), ("d",)]
    assert short_names(paths) == ["a › x › flat", "b › x › flat", "y", "c › flat", "d"]
    assert short_names([]) == []


def test_names_that_cannot_be_told_apart_are_numbered():
    assert short_names([("a", "b"), ("a › b",), ("b",)]) == ["a › b", "a › b (2)", "b"]


def test_long_names_are_cut():
    assert shorten("abc def", 7) == "abc def"
    assert shorten("abc defg", 5) == "abc…"
