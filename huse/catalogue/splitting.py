"""Groups pictures into products and splits products into train, validation and test."""

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SPLITS = ("train", "validation", "test")
UNSEEN = "unseen"  # products of classes that are held out; no stage learns from them
# As people call their folders and cells.
NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "evaluation": "test",
    "eval": "test",
    "pred": "test",
}
# Around such a name, as in test_set, train2017 and seg_train.
AROUND = re.compile(r"^(seg|data|images|imgs)[ _-]|([ _-]?(set|data|images|imgs|split|(19|20)\d\d))+$")


@lru_cache
def split_of(text: str) -> str | None:
    """Return the split that a folder or a cell names, in any case; None: it names none."""
    return NAMES.get(AROUND.sub("", text.strip().lower()))


def renamed_remark(cells: Iterable[str]) -> list[str]:
    """Return a remark if cells name splits otherwise than in `SPLITS`, in whatever case."""
    counts = Counter(map(str.strip, cells))
    other = [
        f"{text!r} as {split_of(text)} ({count:,})"
        for text, count in counts.items()
        if split_of(text) not in (None, text.lower())
    ]
    return [f"splits are named otherwise, and read so: {', '.join(other)}"] if other else []


def product_keys(
    names: Sequence[str], digests: Sequence[str], products: Sequence[str | None]
) -> npt.NDArray[np.object_]:
    """Return what each row's product is known by: its id, else its name without case, else its picture.

    Args:
        names: N names, empty where there is none.
        digests: N hashes of the pictures' bytes, empty where there is no picture.
        products: N ids, None or empty where there is none.
    """
    rows = zip(names, digests, products, strict=True)
    keys = [
        f"id {own}" if own else f"name {name.casefold()}" if name else f"picture {digest}" for name, digest, own in rows
    ]
    # Objects: an array of strings gives every row the width of the longest name.
    return np.array(keys, dtype=object)


def group_products(
    keys: npt.NDArray[np.object_], digests: Sequence[str], products: Sequence[str | None]
) -> npt.NDArray[np.int64]:
    """Number the products: rows of one key, or of one picture file, belong to the same product.

    Rows that share a picture are joined too: else training could see a test picture. Rows with an id of their product
    belong to that one alone.

    Args:
        keys: N keys of `product_keys`.
        digests: N hashes of the pictures' bytes, empty where there is no picture.
        products: N ids, None or empty where there is none.

    Returns:
        N group numbers, counted from 0 in the order of first appearance.
    """
    rows = zip(keys.tolist(), digests, products, strict=True)
    pictures_or_keys = [key if own or not digest else f"picture {digest}" for key, digest, own in rows]
    left, known = pd.factorize(keys)
    right = len(known) + pd.factorize(np.array(pictures_or_keys, dtype=object))[0]
    size = int(right.max()) + 1
    graph = coo_array((np.ones(len(left)), (left, right)), shape=(size, size))
    component = connected_components(graph, directed=False)[1]
    return pd.factorize(component[left])[0]


def hash_keys(keys: Sequence[str] | npt.NDArray[np.object_], seed: int) -> npt.NDArray[np.uint64]:
    """Return two independent numbers for each of N keys, N × 2: the same on every machine, whatever the other keys."""
    salt = str(seed).encode()
    digests = b"".join(
        blake2b(salt + b" " + key.encode("utf-8", "surrogatepass"), digest_size=16).digest() for key in keys
    )
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def split_by_hash(rows: pd.DataFrame, shares: Mapping[str, float], seed: int) -> npt.NDArray[np.object_]:
    """Split products each by its own hash, so that another product moves none.

    The hash of the key is a place in [0, 1): below the share of train it is train, then validation, then test. Of
    several keys the one with the smallest other hash counts. In every class the smallest place goes to train, so that
    it is learned, and the greatest to test, if the share of test makes one product or more of it, so that it is
    measured. Where a class has no other in train or in test, a new product may take over from that one, which goes
    where its place says: it is the only one that moves.

    Args:
        rows: columns `key`, `group`, `classes`, N rows; a group is never divided. Its class is its most frequent one.
        shares: share of each of `SPLITS`.
        seed: of the hash.

    Returns:
        N split names.
    """
    order, place = hash_keys(rows["key"].to_numpy(), seed).T
    table = pd.DataFrame({"group": rows["group"].to_numpy(), "order": order, "class": _classes_of_groups(rows)})
    first = table.groupby("group")["order"].transform("idxmin").to_numpy()
    table["place"] = (place[first] >> np.uint64(11)) * 2.0**-53  # as many bits as a float holds: 1 is never reached
    bounds = np.cumsum([shares[name] for name in SPLITS])
    split = np.array(SPLITS, dtype=object)[np.searchsorted(bounds[:-1] / bounds[-1], table["place"], side="right")]
    of_class = table.groupby("class")
    least, most = (table["place"] == of_class["place"].transform(each) for each in ("min", "max"))
    split[most & (of_class["group"].transform("nunique") * shares["test"] >= 1)] = "test"
    split[least] = "train"
    return split


def split_by_balance(rows: pd.DataFrame, shares: Mapping[str, float], seed: int) -> npt.NDArray[np.object_]:
    """Split products so that every class has its shares as nearly as can be; another product moves many.

    Within a class, groups in random order go one by one to the split that is farthest below its share. The first always
    goes to train, so that every class is learned. Ties go to the split farthest below its share over all classes, so
    that small classes do not all favour one split. Arguments as in `split_by_hash`; the shares add up to 1.
    """
    members: dict[int, list[int]] = {}
    for row, group in enumerate(rows["group"].tolist()):
        members.setdefault(group, []).append(row)
    classes = _classes_of_groups(rows)
    by_class: dict[str, list[list[int]]] = {}
    for those in members.values():
        by_class.setdefault(classes[those[0]], []).append(those)
    share = np.array([shares[name] for name in SPLITS])
    lacking_overall = share * len(rows)
    assigned = np.empty(len(rows), dtype=object)
    for name in sorted(by_class):
        candidates = by_class[name]
        order = np.random.default_rng([seed, zlib.crc32(name.encode())]).permutation(len(candidates))
        lacking = share * sum(map(len, candidates))
        for position, index in enumerate(order):
            those = candidates[index]
            chosen = 0 if position == 0 else int(np.lexsort((lacking_overall, lacking.round(9)))[-1])
            lacking[chosen] -= len(those)
            lacking_overall[chosen] -= len(those)
            assigned[those] = SPLITS[chosen]
    return assigned


SPLIT_BY: dict[str, Callable[[pd.DataFrame, Mapping[str, float], int], npt.NDArray[np.object_]]] = {
    "hash": split_by_hash,
    "balance": split_by_balance,
}


def keep_split(rows: pd.DataFrame, shares: Mapping[str, float], seed: int, by: str) -> npt.NDArray[np.object_]:
    """Return the given split; if it has no validation or no test part, take it out of its training part.

    Published splits often have only training and one other. Whole products are taken, so none is in both training and
    the part that is taken. A product that the given split divides stays divided: metrics are of the split as published.

    Args:
        rows: columns `split`, `key`, `group`, `classes`, N rows.
        shares: of `split_by_hash`; the shares of training and of what is taken divide the training part.
        seed: of the split.
        by: a name of `SPLIT_BY`.
    """
    split = rows["split"].to_numpy(dtype=object, copy=True)
    if lacking := lacking_parts(split):
        training = split == "train"
        within = {name: share if name in ("train", *lacking) else 0.0 for name, share in shares.items()}
        within = {name: share / sum(within.values()) for name, share in within.items()}
        split[training] = SPLIT_BY[by](rows[training], within, seed)
    return split


def lacking_parts(given: Iterable[str | None]) -> list[str]:
    """Return the splits that a given one lacks beside training, which `keep_split` takes out of that."""
    found = set(given)
    return [name for name in SPLITS[1:] if name not in found]


def _classes_of_groups(rows: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return for each row the most frequent class path of its group, of several the first by name."""
    counts = rows.groupby(["group", "classes"]).size().sort_values(ascending=False, kind="stable").reset_index()
    frequent = counts.drop_duplicates("group").set_index("group")["classes"]
    return rows["group"].map(frequent).to_numpy(dtype=object)


def torn_groups(groups: npt.NDArray[np.int64], split: npt.NDArray[Any]) -> int:
    """Count the groups whose rows stand in more than one split."""
    return int((pd.Series(split).groupby(groups).nunique() > 1).sum())
