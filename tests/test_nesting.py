from huse.nesting import flatten, nest


def test_names_become_a_tree_and_names_again():
    tree = {"a": {"b": 1, "c": {"d": None}}, "e": 2}
    flat = {"a.b": 1, "a.c.d": None, "e": 2}
    assert nest(flat) == tree
    assert dict(flatten(tree)) == flat
    assert nest({"a/b.c": 1}, "/") == {"a": {"b.c": 1}}
    assert nest({}) == dict(flatten({})) == {}
