"""Chooses the classes to hold out, to test the space on classes that it never saw.

A class is held out only while another class of the same parent stays seen, because the test is whether an unseen class
lands among its siblings. First levels have the root as parent.
"""

from collections.abc import Sequence

from huse.catalogue.checking import class_path
from huse.catalogue.splitting import hash_keys
from huse.errors import InputError
from huse.taxonomy import LEVEL_SEPARATOR, split_path


def choose_unseen(classes: Sequence[str], wanted: float | Sequence[str], seed: int) -> list[str]:
    """Return the class paths that are held out, sorted.

    Where a share is wanted, those with the smallest hashes are: another class exchanges at most one of them.

    Args:
        classes: C different class paths, sorted.
        wanted: the share of classes, at least one class, fewer if no more qualify; 0: none. Or a list of class
            paths.
        seed: of the hashes.

    Raises:
        InputError: a class path is unknown; no sibling of one would stay seen; or no class qualifies.
    """
    if not isinstance(wanted, float | int):
        return _named(classes, wanted)
    if wanted == 0:
        return []
    hashes = hash_keys([f"class {path}" for path in classes], seed)[:, 0]
    order = [classes[index] for index in hashes.argsort()]
    stays = {parent(path): path for path in order}  # the last of each parent
    qualify = [path for path in order if stays[parent(path)] != path]
    if not qualify:
        raise InputError(
            f"catalogue.unseen_classes: expected classes with a sibling, found none among {len(classes)}: each is the "
            "only one of its parent. Set it to 0, or give class paths with a common level above the last."
        )
    return sorted(qualify[: max(1, round(wanted * len(classes)))])


def parent(classes: str) -> tuple[str, ...]:
    """Return the node above a class: its levels without the last."""
    return split_path(classes)[:-1]


def _named(classes: Sequence[str], wanted: Sequence[str]) -> list[str]:
    chosen = {_tidied(path) for path in wanted}
    unknown = sorted(chosen - set(classes))
    if unknown:
        raise InputError(
            f"catalogue.unseen_classes: {unknown[0]!r} is no class of the catalogue. Expected whole paths, such as "
            f"{classes[0]!r}."
        )
    seen = {parent(path) for path in classes if path not in chosen}
    for path in sorted(chosen):
        if parent(path) not in seen:
            raise InputError(
                f"catalogue.unseen_classes: no class beside {path!r} under the same parent stays seen. Take it, or one "
                "of its siblings, off the list."
            )
    return sorted(chosen)


def _tidied(path: str) -> str:
    try:
        return LEVEL_SEPARATOR.join(class_path(path))
    except ValueError as error:
        raise InputError(f"catalogue.unseen_classes: {error}. Expected a whole path, such as 'a<b'.") from error
