"""Conditions of clients as SQL: columns that the index has, and values that are quoted."""

from collections.abc import Sequence

from huse.use.index import COLUMNS, Index, quoted
from huse.use.server.asking import Condition
from huse.use.server.refused import RefusedError


def condition(index: Index, conditions: Sequence[Condition], without: str | None = None) -> str | None:
    """Return the SQL that all conditions hold for; None where there is nothing to hold.

    Args:
        index: that is searched.
        conditions: of a client.
        without: a product that is not to be found.

    Raises:
        RefusedError: 422, the index has no such column, or it is of another type.
    """
    numbers, known = index.numbers, sorted({*COLUMNS, *index.further})
    parts = [] if without is None else [f"product != {quoted(without)}"]
    for one in conditions:
        if one.column not in known:
            raise RefusedError(422, f"where: expected a column of {', '.join(known)}, found {one.column[:80]!r}.")
        if (one.column in numbers) != isinstance(one.value, float):
            wanted = "a number" if one.column in numbers else "a text"
            raise RefusedError(
                422, f"where: the column {one.column} is compared with {wanted}, found {one.value!r:.80}."
            )
        value = quoted(one.value) if isinstance(one.value, str) else repr(one.value)
        parts.append(f"{one.column} {one.op} {value}")
    return " AND ".join(parts) or None
