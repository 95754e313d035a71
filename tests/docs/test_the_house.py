"""The map in docs/the-house.md against the code: its rooms, what they know, and the functions of its walks."""

import ast
import re

import pytest

from tests.closure import ROOT, imported, module_file

PAGE = (ROOT / "docs/the-house.md").read_text(encoding="utf-8")
ROOMS = {
    name: set(re.findall(r"\w+", knows)) - {"nothing"}
    for name, knows in re.findall(r"^\| `((?:huse/)?\w+)` \| .+ \| (.+) \|$", PAGE, re.MULTILINE)
}
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)`: `([\w.]+)`", PAGE)))


def room(path):
    """The name of the room that a file lies in, or None on the ground floor."""
    if path.parts[0] != "huse":
        return path.parts[0]
    return path.parts[1] if len(path.parts) > 2 else None


def defined(file):
    """What a module defines: names, and for a class those of its methods too."""
    names = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            names |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return names


def test_the_map_has_every_room_and_every_module_of_the_ground_floor():
    folders = {path.name for path in (ROOT / "huse").iterdir() if (path / "__init__.py").is_file()}
    assert set(ROOMS) == {f"huse/{name}" for name in folders} | {"stages", "sample"}
    listed = set(re.findall(r"^\| `(huse/\w+\.py)` \|", PAGE, re.MULTILINE))
    loose = {f"huse/{path.name}" for path in (ROOT / "huse").glob("*.py")}
    assert listed == loose - {"huse/__init__.py", "huse/__main__.py"}


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_no_more_than_the_map_says(name):
    for file in (ROOT / name).rglob("*.py"):
        files = (module_file(module) for module in imported(file.relative_to(ROOT)))
        reached = {room(path) for path in files if path is not None and (ROOT / path).stat().st_size}
        assert reached - {None, name.split("/")[-1]} <= ROOMS[name], file


def test_the_ground_floor_knows_no_room():
    for file in re.findall(r"^\| `(huse/\w+\.py)` \|", PAGE, re.MULTILINE):
        files = (module_file(module) for module in imported(ROOT / file))
        assert {room(path) for path in files if path is not None} <= {None}, file


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_function_that_the_walks_name_is_there(file, name):
    assert name in defined(file)
