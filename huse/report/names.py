"""How names and class paths are written on the page."""

from collections import Counter
from collections.abc import Iterable

from huse.taxonomy import Node

STEP = " › "
LONGEST = 140  # characters of a name


def whole_name(path: Node) -> str:
    """Write a class path out: ``beauty › makeup › lipstick``."""
    return STEP.join(path)


def shorten(name: str, longest: int = LONGEST) -> str:
    """Shorten a long name."""
    return name if len(name) <= longest else f"{name[: longest - 1].rstrip()}…"


def short_names(paths: Iterable[Node]) -> list[str]:
    """Name nodes by as many last levels as make each unique: ``flat`` or ``boots › flat``.

    Args:
        paths: different class paths.

    Returns:
        Different names, one a path. If two whole paths look the same, the later one is numbered.
    """
    known = list(paths)
    named = [path[-1] for path in known]
    for levels in range(2, max(map(len, known), default=0) + 1):
        times = Counter(named)
        named = [
            STEP.join(path[-levels:]) if times[name] > 1 else name for path, name in zip(known, named, strict=True)
        ]
    seen: Counter[str] = Counter()
    different = []
    for name in named:
        seen[name] += 1
        different.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return different
