"""Words that messages share."""


def counted(count: int, one: str, several: str = "") -> str:
    """Return a count with what is counted: ``1 product``, ``1,203 products``.

    Args:
        count: how many there are.
        one: the words after 1.
        several: those after any other number; empty: the words after 1 with an ``s``.
    """
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
