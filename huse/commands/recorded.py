"""Whether files that parameters name are still those that the stages read.

DVC watches files at paths that are always there. A parameter such as ``backbone.weights`` may name a file or say
``random``, so DVC knows its value alone. The stages keep the SHA-256 of what they read beside what they made of it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from huse.errors import InputError
from huse.run import paths
from huse.run.artifacts import Outputs, manifest_path, read_json
from huse.run.params.reader import read_yaml
from huse.run.place import Run


class Reading(NamedTuple):
    """Which stage reads the file, and where, in what it wrote, the file's SHA-256 stands."""

    stage: str
    made: Path
    keys: tuple[str, ...]


_TEXT = manifest_path(paths.TEXT_VECTORS)
READINGS = {
    "backbone.network": Reading("finetune_backbone", paths.BACKBONE, ("given_sha256",)),
    "backbone.weights": Reading("finetune_backbone", paths.BACKBONE, ("origin", "weights_sha256")),
    "label_graph.given.file": Reading("label_graph", paths.LABELS, ("given", "given_sha256")),
    "label_graph.pair": Reading("label_graph", paths.LABELS, ("pair", "model_sha256")),
    "label_graph.sentences.model": Reading("label_graph", paths.LABELS, ("sentences", "model_sha256")),
    "label_graph.weights": Reading("label_graph", paths.LABELS, ("weights", "kind")),
    "text_vectors.given.file": Reading("text_vectors", _TEXT, ("parameters", "fingerprints", "given")),
    "text_vectors.pair": Reading("text_vectors", _TEXT, ("parameters", "fingerprints", "pair")),
    "text_vectors.sentences.model": Reading("text_vectors", _TEXT, ("parameters", "fingerprints", "sentences")),
    "word_vectors.source": Reading("word_vectors", manifest_path(paths.WORD_VECTORS), ("source_sha256",)),
}


def refuse_changed(
    here: Run, parameter: str, value: Any, file: Path, fingerprint: Callable[[], str], *, part: str = ""
) -> None:
    """Refuse a file that has other content than when its stage read it under the same name.

    The file is read only when its size, time or place has changed since it was last read for this: data/cache knows.

    Args:
        here: the run.
        parameter: a key of `READINGS`.
        value: of the parameter; where it is another than the stage had, DVC runs the stage by itself.
        file: that it names; or a folder.
        fingerprint: returns the SHA-256 that the stage keeps.
        part: file below the place of the reading, where a parameter names several files.

    Raises:
        InputError: it has changed; says how to run the stage again.
    """
    stage, made, keys = READINGS[parameter]
    try:
        recorded: Any = read_json(here / made / part, keys[:1])
        for key in keys:
            recorded = recorded[key]
        locked: Any = read_yaml(here / paths.LOCK)["stages"][stage]["params"][str(paths.PARAMS)]
        for name in parameter.split("."):
            locked = locked[name]
    except (InputError, KeyError, TypeError):
        return  # the stage has not run, or read no file
    if locked == value and recorded != _known(here, file, fingerprint):
        raise InputError(
            f"{file}: has changed since the stage {stage} read it, which DVC cannot see. Run `dvc repro --force "
            f"--single-item {stage}`, or give the file a new name, and name it in {parameter}."
        )


def _known(here: Run, file: Path, fingerprint: Callable[[], str]) -> str:
    place, at = here.cache / paths.FINGERPRINTS, str(file.resolve())
    known: dict[str, Any] = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
    states = [each.stat() for each in (sorted(file.rglob("*")) if file.is_dir() else [file])]
    now = [part for state in states for part in (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)]
    if known.get(at, {}).get("state") != now:
        known[at] = {"state": now, "sha256": fingerprint()}
        with Outputs() as outputs:
            outputs.json(place, known)
    return str(known[at]["sha256"])
