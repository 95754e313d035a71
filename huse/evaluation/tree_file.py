"""A class tree from a file, such as a part of WordNet, for metrics that use distances of classes.

The file is a CSV with the header ``child,parent``, one edge a row, of any depth. A class is named by its whole path
(``beauty<makeup<lipstick``) or, if no other class has the same one, by its last name. Nodes need not be classes.

Letters: C classes.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from huse.errors import InputError
from huse.taxonomy import LEVEL_SEPARATOR, Levels

HEADER = ["child", "parent"]
PARAMETER = "evaluate.tree"


# By node its parent, and the line of the file that says so.
Edges = dict[str, tuple[str, int]]


def read_tree(path: Path, classes: Sequence[Levels]) -> list[list[str]]:
    """Read a tree, and return for every class its path in it, to build a `ClassTree` from.

    Several roots get an unnamed root above them, like the first levels of class paths. A single root is left out of the
    paths, unless it is a class.

    Args:
        path: the file, UTF-8.
        classes: C different class paths, each the names of its levels.

    Returns:
        C paths, each the names of its nodes, coarse to fine.

    Raises:
        InputError: the file is missing or no such CSV; a node has two parents; nodes form a cycle; or a class is not in
            it, or cannot be told from another.
    """
    edges = _read_edges(path)
    ways = []
    for node in _class_nodes(path, edges, classes):
        way = [node]
        while way[-1] in edges:
            way.append(edges[way[-1]][0])
        ways.append(way[::-1])
    roots = {way[0] for way in ways}
    if len(roots) == 1 and all(len(way) > 1 for way in ways):
        return [way[1:] for way in ways]
    return ways


def _read_edges(path: Path) -> Edges:
    edges: Edges = {}
    for line, child, parent in _rows(path):
        earlier, its_line = edges.setdefault(child, (parent, line))
        if earlier != parent:
            raise InputError(
                f"{path}: line {line}: expected one parent of {child!r}, found {parent!r} beside {earlier!r} of line "
                f"{its_line} ({PARAMETER}). A tree has one; keep the one that matters."
            )
    if not edges:
        raise InputError(
            f"{path}: has a header but no edges ({PARAMETER}). Add one row a node: its name, its parent's."
        )
    try:
        TopologicalSorter({child: [parent] for child, (parent, _) in edges.items()}).prepare()
    except CycleError as error:
        cycle = error.args[1][::-1]  # a node before its parent; the first comes again at the end
        raise InputError(
            f"{path}: line {edges[cycle[-2]][1]}: expected a tree, found a cycle: {' → '.join(cycle)} ({PARAMETER}). "
            "Take one of these edges out."
        ) from None
    return edges


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line, child and parent of every row that is not empty."""
    wanted = f"({PARAMETER}). Expected a CSV in UTF-8 with the header {','.join(HEADER)} and one edge a row."
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if [cell.strip() for cell in header] != HEADER:
                raise InputError(f"{path}: line 1: found {','.join(header)[:80]!r} {wanted}")
            for cells in reader:
                names = [LEVEL_SEPARATOR.join(level.strip() for level in cell.split(LEVEL_SEPARATOR)) for cell in cells]
                if not any(names):
                    continue
                if len(names) != len(HEADER) or not all(names):
                    raise InputError(f"{path}: line {reader.line_num}: found {','.join(cells)[:80]!r} {wanted}")
                yield reader.line_num, names[0], names[1]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror} {wanted}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 {wanted}") from error
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error} {wanted}") from error


def _class_nodes(path: Path, edges: Edges, classes: Sequence[Levels]) -> list[str]:
    """Find the node of every class."""
    nodes = edges.keys() | {parent for parent, _ in edges.values()}
    named = Counter(levels[-1] for levels in classes)
    found = []
    for levels in classes:
        whole, last = LEVEL_SEPARATOR.join(levels), levels[-1]
        if whole in nodes:
            found.append(whole)
        elif last not in nodes:
            raise InputError(
                f"{path}: expected every class, found neither {whole!r} nor {last!r} ({PARAMETER}). Add a row for it."
            )
        elif named[last] > 1:
            raise InputError(
                f"{path}: {named[last]} classes are called {last!r}, so that {whole!r} cannot be told from the others "
                f"({PARAMETER}). Give their whole paths."
            )
        else:
            found.append(last)
    return found
