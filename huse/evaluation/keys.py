"""Cosines packed into integers that sort like the ranking, and detection of equal candidates.

Letters: B queries of a block, N candidates, D dimension of the shared space, F pairs of query and candidate found,
W the most pairs that one query has.
"""

import numpy as np
import numpy.typing as npt

from huse.evaluation.classification import Floats, Integers

Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.uint32]

LAST = np.uint64(2**64 - 1)  # sorts after every candidate
ALL_BUT_SIGN = np.uint32(2**31 - 1)
LOW_BITS = np.uint64(32)


def pack(cosines: Floats, places: Places) -> Keys:
    """Pack cosines and places into integers that sort like the ranking: high cosine first, then low place.

    Sorting integers is several times faster than sorting by two columns; the low 32 bits hold the place.

    Args:
        cosines: float32 of any shape.
        places: uint32 of the same shape; they order equal cosines.

    Returns:
        uint64 of the same shape, all below `LAST`.
    """
    bits = (cosines + np.float32(0)).view(np.uint32)  # -0 + 0 = 0
    # The bits of a float grow with its magnitude, below the sign bit. Inverting those of positive floats gives integers
    # that fall as the float grows.
    falling = np.where(bits > ALL_BUT_SIGN, bits, bits ^ ALL_BUT_SIGN)
    return (falling.astype(np.uint64) << LOW_BITS) | places


def packed_cosines(keys: Keys) -> Floats:
    """Return the cosines that were packed, float32; minus infinity for `LAST`."""
    falling = (keys >> LOW_BITS).astype(np.uint32)
    bits = np.where(falling > ALL_BUT_SIGN, falling, falling ^ ALL_BUT_SIGN)
    cosines: Floats = np.where(keys == LAST, np.float32(-np.inf), bits.view(np.float32))
    return cosines


def packed_places(keys: Keys) -> Places:
    """Return the places that were packed, uint32."""
    return keys.astype(np.uint32)  # takes the low bits


def by_query(keys: Keys, queries: Integers, count: int) -> Keys:
    """Arrange the keys of each query in a row.

    Args:
        keys: F keys.
        queries: F numbers of queries, ascending.
        count: queries, B.

    Returns:
        B × W keys, shorter rows filled up with `LAST`.
    """
    numbers = np.bincount(queries, minlength=count)
    starts = np.cumsum(numbers) - numbers
    rows = np.full((count, numbers.max(initial=0)), LAST)
    rows[queries, np.arange(len(keys)) - starts[queries]] = keys
    return rows


def first_copies(rows: Floats) -> Integers:
    """Return for each row the number of the first equal row.

    A matrix product alone does not give equal candidates equal cosines: it may add up in another order at the edge of a
    tile.

    Args:
        rows: N × D float32.
    """
    rows = np.ascontiguousarray(rows + np.float32(0))  # -0 + 0 = 0: the bytes of equal rows are equal
    as_bytes = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]
    _, firsts, numbers = np.unique(as_bytes, return_index=True, return_inverse=True)
    return firsts[numbers]
