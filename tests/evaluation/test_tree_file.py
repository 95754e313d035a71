import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from huse.errors import InputError
from huse.evaluation.tree_file import read_tree
from huse.taxonomy import ClassTree
from tests.worked_example import PATHS, TREES

WORKED_EXAMPLE = """child,parent
lipstick,makeup
eyeshadow,makeup
mascara,makeup
perfume,fragrance
ankle,boots
knee,boots
high,pumps
mid,pumps
makeup,beauty
fragrance,beauty
boots,shoes
pumps,shoes
beauty,product
shoes,product
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="tree.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def tables(ways):
    tree = ClassTree(ways)
    return tree.hops, tree.correct_sets(2), tree.correct_sets(5), tree.similarity


def assert_same_tables(ways, paths):
    for found, expected in zip(tables(ways), tables(paths), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_worked_example_gives_the_paths_back(write):
    assert read_tree(write(WORKED_EXAMPLE), PATHS) == PATHS
    # Two roots are joined under one.
    text = "".join(line for line in WORKED_EXAMPLE.splitlines(keepends=True) if ",product" not in line)
    assert read_tree(write(text), PATHS) == PATHS


def test_another_tree_than_that_of_the_paths(write):
    """Perfume and lipstick in one bag, three levels deeper than the rest."""
    text = "child,parent\nlipstick,red\nperfume,red\nred,c\nc,b\nb,top\nankle,top\n"
    ways = read_tree(write(text), [PATHS[0], PATHS[3], PATHS[4]])
    assert ways == [["b", "c", "red", "lipstick"], ["b", "c", "red", "perfume"], ["ankle"]]


def test_whole_paths_spaces_quotes_blank_lines_and_nodes_that_are_no_class(write):
    text = '\ufeffchild , parent\n a < x ,"top, or all"\n\nb<x,"top, or all"\nz,"top, or all"\na<x,"top, or all"\n'
    assert read_tree(write(text), [["a", "x"], ["b", "x"]]) == [["a<x"], ["b<x"]]


def test_a_class_may_be_the_root_or_lie_above_another(write):
    path = write("child,parent\nb,a\nc,b\n")
    assert read_tree(path, [["b"], ["c"]]) == [["b"], ["b", "c"]]
    assert read_tree(path, [["a"], ["b"], ["c"]]) == [["a"], ["a", "b"], ["a", "b", "c"]]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES, st.randoms())
def test_any_class_paths_written_as_a_file_give_the_same_tables(write, paths, random):
    edges = {
        "<".join(path[: depth + 1]): "<".join(path[:depth]) or "root" for path in paths for depth in range(len(path))
    }
    lines = [f"{child},{parent}" for child, parent in edges.items()]
    random.shuffle(lines)
    assert_same_tables(read_tree(write("\n".join(["child,parent", *lines])), paths), paths)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: found ''"),
        ("name,above\na,b\n", "line 1: found 'name,above'"),
        ("child,parent\n", "has a header but no edges"),
        ("child,parent\nx,a\nx\n", "line 3: found 'x'"),
        ("child,parent\nx,a\ny,a,b\n", "line 3: found 'y,a,b'"),
        ("child,parent\nx,\n", "line 2: found 'x,'"),
        ('child,parent\nx,"a\n', "line 2: unexpected end of data"),
        ("child,parent\nx,a\ny,a\nx,b\n", "line 4: expected one parent of 'x', found 'b' beside 'a' of line 2"),
        ("child,parent\nx,a\ny,a\na,b\nb,a\n", "line 5: expected a tree, found a cycle: a → b → a"),
        ("child,parent\nx,a\na,b\nb,c\nc,a\ny,x\n", "line 5: expected a tree, found a cycle: a → b → c → a"),
        ("child,parent\nx,x\n", "line 2: expected a tree, found a cycle: x → x"),
        ("child,parent\nx,a\nz,a\n", "expected every class, found neither 'q<y' nor 'y'"),
    ],
)
def test_what_is_no_tree_is_named_with_its_line(write, text, message):
    path = write(text)
    with pytest.raises(InputError, match=re.escape(f"{path}: {message}")) as error:
        read_tree(path, [["p", "x"], ["q", "y"]])
    assert "evaluate.tree" in str(error.value)


def test_a_last_name_of_two_classes_is_not_enough(write):
    classes = [["boots", "flat"], ["sandals", "flat"]]
    with pytest.raises(InputError, match="2 classes are called 'flat', so that 'boots<flat'"):
        read_tree(write("child,parent\nflat,boots\n"), classes)
    text = "child,parent\nboots<flat,boots\nsandals<flat,sandals\n"
    assert_same_tables(read_tree(write(text), classes), classes)


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_tree(tmp_path / "tree.csv", [["x"]])
    (tmp_path / "tree.csv").write_bytes(b"child,parent\nx,\xff\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_tree(tmp_path / "tree.csv", [["x"]])
