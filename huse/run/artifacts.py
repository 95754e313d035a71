"""Reading and writing artefacts: outputs are whole or absent, inputs are checked against each other.

Arrays are ``.npy``, tables Parquet, everything else JSON; nothing is pickled. Every array has one row a
product, in the row order of ``products.parquet``; where a product has no picture, or no name, the row of its vector,
its embedding and its scores is zeros. The manifest (a ``.json`` beside the ``.npy``) carries the
fingerprint of that table, and a reader that needs another fingerprint stops.
"""

import errno
import glob
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, zip_longest
from json.encoder import encode_basestring
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import psutil

from huse.engine.processes import uninterrupted
from huse.errors import InputError
from huse.files import PARTIAL_PREFIX, fingerprint_file, write_array

ASIDE = "-old"  # after the process: a folder that makes way
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what a write fails with where there is no room
TOGETHER = 65_536  # rows whose fingerprint is taken at a time
MAPPED_ABOVE = 2**29  # bytes of an array of vectors that is memory-mapped in place of read


@dataclass(frozen=True)
class Blocks:
    """A float32 array that is written some rows at a time, so that it need not be in memory.

    Attributes:
        shape: of the whole.
        rows: the rows, in blocks of any length.
    """

    shape: tuple[int, ...]
    rows: Iterable[npt.NDArray[np.float32]]
    dtype: ClassVar[np.dtype[np.float32]] = np.dtype(np.float32)

    def write(self, path: Path) -> None:
        """Write what `write_array` writes of the whole."""
        with path.open("wb") as file:
            _write_header(file, self.shape)
            for block in self.rows:
                file.write(np.ascontiguousarray(block, self.dtype).data)


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    header = {"descr": Blocks.dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


class Outputs:
    """The outputs of one stage, moved to their places together when the ``with`` block ends well.

    Every output is first written beside its place as ``.partial-<process>-<name>``, so two processes with the same
    output do not write into each other's. When the block raises, the partial files are removed and the places stay as
    they were. SIGTERM and interrupts wait for that, or for all to be moved. A killed process can leave partial files;
    the next run removes them before it writes its own.
    """

    def __init__(self) -> None:
        self._partial: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with uninterrupted():
            try:
                # Folders first: one that is a mount point cannot be replaced, and then nothing else has been.
                for final, partial in sorted(self._partial.items(), key=lambda pair: not pair[0].is_dir()):
                    if kind is None:
                        _move(partial, final)
            finally:
                for partial in self._partial.values():
                    _remove(partial)
        if isinstance(error, FileNotFoundError):
            for final, partial in self._partial.items():
                if str(partial) in str(error):
                    raise _refused(final, error) from error
        elif isinstance(error, OSError) and self._partial:
            self._name(error)

    def path(self, final: Path) -> Path:
        """Return the path to write to now; the file or folder there becomes `final` in the end.

        Raises:
            InputError: its folder can neither be found nor made, as in /proc.
        """
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError as error:
            raise _refused(final, error) from error
        _remove_left(final)
        partial = final.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{final.name}")
        self._partial[final] = partial
        return partial

    def _name(self, error: OSError) -> None:
        """Let an error name the output: no partial file, nor nothing, as a write does that finds no room."""
        finals = {str(partial): str(final) for final, partial in self._partial.items()}
        if error.filename is None and error.errno in FULL:
            error.filename = [*finals.values()][-1]
        else:
            error.filename = finals.get(str(error.filename), error.filename)

    def json(self, final: Path, content: Any) -> None:
        """Write JSON, keys in the order given, NaN refused."""
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        self.path(final).write_text(text + "\n", encoding="utf-8")

    def table(self, final: Path, table: pd.DataFrame) -> None:
        """Write a table: Parquet, or CSV where the name ends in ``.csv``."""
        if final.suffix == ".csv":
            table.to_csv(self.path(final), index=False, lineterminator="\n")
        else:
            table.to_parquet(self.path(final), index=False)

    def array(self, final: Path, array: npt.NDArray[Any] | Blocks) -> None:
        """Write an array as ``.npy``, memory-mappable."""
        if isinstance(array, Blocks):
            array.write(self.path(final))
        else:
            write_array(self.path(final), array)

    def described_array(self, final: Path, array: npt.NDArray[Any] | Blocks, about: Mapping[str, Any]) -> None:
        """Write an array with a manifest beside it: shape, dtype, SHA-256 of the file, and what else is said of it."""
        self.array(final, array)
        self._describe(final, array.shape, str(array.dtype), about)

    def _describe(self, final: Path, shape: tuple[int, ...], dtype: str, about: Mapping[str, Any]) -> None:
        form = {"shape": list(shape), "dtype": dtype, "sha256": fingerprint_file(self._partial[final])}
        self.json(manifest_path(final), {**form, **about})

    def vectors(
        self, final: Path, array: npt.NDArray[np.float32] | Blocks, *, rows: str, parameters: Mapping[str, Any]
    ) -> None:
        """Write N × D float32 vectors, or V × N × D in several views, with a manifest beside them.

        Args:
            final: the ``.npy``.
            array: one row a product.
            rows: fingerprint of the products, from `fingerprint_products`.
            parameters: what made the vectors; everything that would change them.
        """
        self.described_array(final, array, {"rows": rows, "parameters": dict(parameters)})

    def vectors_together(
        self,
        finals: Sequence[Path],
        blocks: Iterable[Sequence[npt.NDArray[np.float32]]],
        *,
        count: int,
        rows: str,
        parameters: Mapping[str, Any],
    ) -> None:
        """Write several arrays of N rows as `vectors` does, some rows of each at a time.

        Args:
            finals: the ``.npy`` files.
            blocks: at least one; the next rows of each array, n × D float32.
            count: N.
            rows: as in `vectors`.
            parameters: as in `vectors`.
        """
        following = iter(blocks)
        first = next(following)
        shapes = [(count, block.shape[1]) for block in first]
        with ExitStack() as stack:
            files = [stack.enter_context(self.path(final).open("wb")) for final in finals]
            for file, shape in zip(files, shapes, strict=True):
                _write_header(file, shape)
            for those in chain([first], following):
                for file, block in zip(files, those, strict=True):
                    file.write(np.ascontiguousarray(block, Blocks.dtype).data)
        for final, shape in zip(finals, shapes, strict=True):
            self._describe(final, shape, str(Blocks.dtype), {"rows": rows, "parameters": dict(parameters)})


def _refused(final: Path, error: OSError) -> InputError:
    return InputError(f"{final}: cannot be written ({os.strerror(error.errno or errno.ENOENT)}). Give another place.")


def _remove_left(final: Path) -> None:
    """Remove what this process, and processes that are no more, have left of an output."""
    for left in final.parent.glob(f"{PARTIAL_PREFIX}*-{glob.escape(final.name)}"):
        process = left.name.removeprefix(PARTIAL_PREFIX).removesuffix(f"-{final.name}").removesuffix(ASIDE)
        if process.isdecimal() and (int(process) == os.getpid() or not psutil.pid_exists(int(process))):
            _remove(left)


def _move(partial: Path, final: Path) -> None:
    aside = final.with_name(f"{PARTIAL_PREFIX}{os.getpid()}{ASIDE}-{final.name}")
    moved = False
    while not moved:
        # No folder can be replaced by another in one step, but it can be renamed first.
        if final.is_dir() and partial.is_dir():
            _remove(aside)
            with suppress(FileNotFoundError):  # another process has just done that
                final.replace(aside)
        try:
            partial.replace(final)
            moved = True
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:  # another process has just put its own there
                raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def manifest_path(vectors: Path) -> Path:
    """Return the place of the manifest of a set of vectors."""
    return vectors.with_suffix(".json")


def halves(products: pd.DataFrame) -> dict[str, npt.NDArray[np.bool_]]:
    """Return which of N products have a picture, `image`, and which a name, `text`: an empty field says that not."""
    return {
        modality: (products[column] != "").to_numpy() for modality, column in (("image", "image"), ("text", "name"))
    }


def fingerprint_products(products: pd.DataFrame) -> str:
    """Return the SHA-256 over image, name, class path and split of every product, in row order."""
    digest = hashlib.sha256()
    for start in range(0, len(products), TOGETHER):
        rows = products.iloc[start : start + TOGETHER]
        columns = [map(encode_basestring, rows[column].tolist()) for column in ("image", "name", "classes", "split")]
        # What `json.dumps` writes of each row, in a tenth of the time.
        digest.update("".join(f"[{', '.join(row)}]" for row in zip(*columns, strict=True)).encode())
    return digest.hexdigest()


def fingerprint_split(products: pd.DataFrame, split: str) -> str:
    """Return the first 16 digits of a SHA-256 over image, name and class path of a split's products, in any order."""
    rows = products.loc[products["split"] == split, ["image", "name", "classes"]]
    content = sorted(map(list, rows.itertuples(index=False)))
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]


def _require(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"{path}: not found. Run `dvc repro` to make it.")
    return path


def read_json(path: Path, keys: Iterable[str]) -> dict[str, Any]:
    """Read a JSON object that has at least `keys`.

    Raises:
        InputError: the file is missing, damaged or lacks a key.
    """
    try:
        content = json.loads(_require(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}). Delete it and run `dvc repro`.") from error
    if not isinstance(content, dict) or not set(keys) <= content.keys():
        raise InputError(f"{path}: expected an object with {', '.join(keys)}. Delete it and run `dvc repro`.")
    return content


def read_table(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """Read a Parquet table that has at least `columns`.

    Raises:
        InputError: the file is missing, damaged or lacks a column.
    """
    return _read_table(path, columns, pd.read_parquet)


def read_text_table(path: Path, numbers: Sequence[str], text: Sequence[str] = (), separator: str = ",") -> pd.DataFrame:
    """Read a table of text with a header that has at least these columns.

    Args:
        path: of the file.
        numbers: columns of numbers; an empty cell is a missing one.
        text: columns of text, such as class paths: "007", "1e5", "True" and "NA" are names.
        separator: of the cells.

    Raises:
        InputError: the file is missing, no such table, or lacks a column.
    """
    options: Any = {
        "sep": separator,
        "dtype": dict.fromkeys(text, str),
        "keep_default_na": False,
        "na_values": {name: [""] for name in numbers},
    }
    return _read_table(path, [*numbers, *text], lambda file: pd.read_csv(file, **options))


def _read_table(path: Path, columns: Iterable[str], read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
    try:
        table = read(_require(path))
    except (OSError, ValueError) as error:  # pandas' own errors of parsing are ValueErrors
        raise InputError(f"{path}: not a readable table ({error}). Delete it and run `dvc repro`.") from error
    if not set(columns) <= set(table.columns):
        raise InputError(
            f"{path}: expected the columns {', '.join(columns)}; found {', '.join(map(str, table.columns))}. "
            "Run `dvc repro` to make it again."
        )
    return table


def read_curves(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the curves of training in a folder: a TSV file each, with the columns `step` and the curve's name.

    Returns:
        By name, such as ``validation/recall_at_1``, in alphabetical order; empty where there is no such folder.

    Raises:
        InputError: see `read_text_table`.
    """
    files = {file.relative_to(folder).with_suffix("").as_posix(): file for file in folder.rglob("*.tsv")}
    return {name: read_text_table(files[name], ["step", files[name].stem], separator="\t") for name in sorted(files)}


def read_names(path: Path, *, products: pd.DataFrame) -> list[str]:
    """Read the cleaned names and check that they were made of these products' names, in this order.

    Raises:
        InputError: as `read_table`; or the names belong to other products.
    """
    table = read_table(path, ["row", "name", "clean"])
    if table["name"].tolist() != products["name"].tolist():
        raise InputError(f"{path}: made of other names than the {len(products)} of this catalogue. Run `dvc repro`.")
    return table["clean"].tolist()


def read_labels(path: Path, *, products: pd.DataFrame) -> dict[str, Any]:
    """Read the labels and check that they are those of these products' classes.

    Raises:
        InputError: as `read_json`; or the labels belong to other classes.
    """
    labels = read_json(path, ["labels", "class_labels", "classes"])
    if labels["classes"] != sorted(set(products["classes"])):
        raise InputError(f"{path}: made for other classes than those of this catalogue. Run `dvc repro`.")
    return labels


def read_array(path: Path, *, shape: tuple[int | None, ...], mapped: bool = False) -> npt.NDArray[np.float32]:
    """Read a float32 array.

    Args:
        path: the ``.npy``.
        shape: the expected shape; None where any length will do.
        mapped: memory-mapped in place of read into memory, as one of more than `MAPPED_ABOVE` bytes always is. What is
            written to a mapped array stays in memory and never reaches the file.

    Raises:
        InputError: the file is missing, damaged, or has another shape or dtype.
    """
    try:
        mapped = mapped or _require(path).stat().st_size > MAPPED_ABOVE
        array = np.load(path, mmap_mode="c" if mapped else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not a readable array ({error}). Delete it and run `dvc repro`.") from error
    fits = [want in (None, have) for want, have in zip_longest(shape, array.shape, fillvalue=-1)]
    if not all(fits) or array.dtype != np.float32:
        wanted = " × ".join("any" if length is None else str(length) for length in shape)
        found = " × ".join(map(str, array.shape))
        raise InputError(
            f"{path}: expected {wanted} float32, found {found} {array.dtype}. Run `dvc repro` to make it again."
        )
    return array  # type: ignore[no-any-return]


def read_described_array(
    path: Path, *, shape: tuple[int | None, ...], mapped: bool = False
) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
    """Read what `Outputs.described_array` wrote, as `read_array` does, and its manifest.

    Raises:
        InputError: as `read_array` and `read_json`; or array and manifest do not belong together.
    """
    manifest = read_json(manifest_path(path), ["sha256"])
    array = read_array(path, shape=shape, mapped=mapped)
    if manifest["sha256"] != fingerprint_file(path):
        raise InputError(f"{path}: not the array that {manifest_path(path)} describes. Run `dvc repro` to make both.")
    return array, manifest


def read_vectors(path: Path, *, products: pd.DataFrame, views: bool = False) -> npt.NDArray[np.float32]:
    """Read vectors and check that they were made for these products, in this order.

    Returns:
        N × D; in several views (V + 1) × N × D, the plain ones first.

    Raises:
        InputError: as `read_described_array`; or the vectors are of other products; or a value is not finite.
    """
    # The rows before the array: of other products, the array has another length as well.
    if read_json(manifest_path(path), ["rows"])["rows"] != fingerprint_products(products):
        raise InputError(
            f"{path}: made for other products or another row order than {len(products)} rows of this "
            "catalogue. Run `dvc repro` to make it again."
        )
    shape = (len(products), None)
    array, _ = read_described_array(path, shape=(None, *shape) if views else shape)
    # Row by row of what may be larger than memory; a sum is finite where all that is summed is, but for overflow.
    broken = ~np.isfinite(array.sum(axis=-1, dtype=np.float64))
    if broken.any():
        row = int(np.argwhere(broken)[0][-1])
        raise InputError(f"{path}: row {row} ({products['image'].iloc[row]}) has a value that is not finite.")
    return array
