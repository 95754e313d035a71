"""Folders that are splits, not levels of the classes."""

from collections.abc import Sequence

from huse.catalogue.importing.entries import Imported
from huse.catalogue.splitting import split_of
from huse.errors import InputError

OPTION = "--split-folders (or --no-split-folders)"

Folders = tuple[str, ...]


def take_splits(
    imported: Imported, tree: Sequence[Folders], wanted: bool | None
) -> list[tuple[str | None, Folders] | None]:
    """Return for each picture its split, if there are any, and the folders that are levels of its class.

    Folders are splits, if every picture lies in such a folder at one depth, and the classes below agree: a class is in
    training and in another split, or only training has classes. A shop may sell test kits and toy trains, so anything
    less is only said. A picture beside all folders has no class in any case, so it does not count.

    Args:
        imported: takes remarks.
        tree: folders of each picture, from the top.
        wanted: whether some folders are splits; None: find out.

    Returns:
        None for a picture in no folder of a split, where there are such.

    Raises:
        InputError: split folders are wanted, but there are none.
    """
    plain: list[tuple[str | None, Folders] | None] = [(None, folders) for folders in tree]
    if wanted is False:
        return plain
    some = [depth for depth in range(max(map(len, tree), default=0)) if any(_split(folders, depth) for folders in tree)]
    sure = some if wanted else [depth for depth in some if _are_splits(tree, depth)]
    if sure:
        return _taken(imported, tree, sure[0])
    if wanted:
        raise InputError(f"{imported.images}: --split-folders: expected folders such as train and test, found none.")
    if some:
        odd = sorted({folders[some[0]] for folders in tree if _split(folders, some[0])})
        imported.remarks.append(
            f"folders {', '.join(odd)} are named like splits, but other folders beside them are not, or no class is in "
            f"two of them: they are taken as levels of the classes. {OPTION} says what is right"
        )
    return plain


def _split(folders: Folders, depth: int) -> str | None:
    return split_of(folders[depth]) if depth < len(folders) else None


def _class(folders: Folders, depth: int) -> Folders:
    """Return the folders without that of a split, and without the same once more in it, as archives unpack."""
    split, end = _split(folders, depth), depth
    while split and _split(folders, end) == split:
        end += 1
    return folders[:depth] + folders[end:]


def _are_splits(tree: Sequence[Folders], depth: int) -> bool:
    classes = {(_split(folders, depth), _class(folders, depth)) for folders in tree if folders}
    training = {path for split, path in classes if split == "train" and path}
    others = {path for split, path in classes if split != "train" and path}
    fitting = not others or bool(training & others)
    return all(split for split, _ in classes) and bool(training) and fitting


def _taken(imported: Imported, tree: Sequence[Folders], depth: int) -> list[tuple[str | None, Folders] | None]:
    found = sorted({folders[depth] for folders in tree if _split(folders, depth)})
    several = len({split_of(folder) for folder in found}) > 1
    kept = "their split is kept" if several else "there is no other, so no split is kept"
    imported.remarks.append(
        f"folders {', '.join(found)} are splits, not levels of the classes, and {kept}. {OPTION} says what is right"
    )
    splits = [_split(folders, depth) for folders in tree]
    return [
        (split if several else None, _class(folders, depth)) if split else None
        for folders, split in zip(tree, splits, strict=True)
    ]
