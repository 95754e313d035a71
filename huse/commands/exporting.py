"""Commands that write a model, or the vectors of an index, for use elsewhere."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huse.commands.places import check_writable
from huse.commands.tables import model_of, place_of
from huse.errors import InputError
from huse.run import paths
from huse.run.artifacts import Outputs
from huse.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from huse.use.export.parity import Parity
    from huse.use.index import Index

    Writer = Callable[[Index, Path, str | None, Callable[[int], object]], int]

app = typer.Typer(
    help="Write the model, or the vectors, for use elsewhere.", no_args_is_help=True, add_completion=False
)

Folder = Annotated[Path, typer.Argument(help="Folder to write.")]
ModelFolder = Annotated[str | None, typer.Option("--model", help="Folder of the model, or its URL; none: data/model.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what an export wrote there before.")]
IndexFolder = Annotated[Path | None, typer.Option("--index", help="Folder of the index; none: data/index.")]
Kind = Annotated[str | None, typer.Option("--in", help="pictures, names or products; none: all three.")]
Where = Annotated[str | None, typer.Option(help="A condition in SQL, such as \"split = 'test'\".")]


@app.command()
def onnx(context: typer.Context, folder: Folder, *, model: ModelFolder = None, force: Force = False) -> None:
    """A model that needs no torch: networks as ONNX graphs, tables as they are, two examples; huse.load reads it."""
    _check_folder(folder, "config.json", force=force)
    # These take seconds to import.
    import huse  # noqa: PLC0415
    from huse.use.export.graphs import refuse_without_libraries  # noqa: PLC0415
    from huse.use.export.onnx_model import export_onnx  # noqa: PLC0415

    refuse_without_libraries()
    loaded = huse.load(model_of(context.obj, model))
    typer.echo("exporting: torch traces each network, which takes from seconds to a minute", err=True)
    with Outputs() as outputs:
        place = outputs.path(folder)
        place.mkdir()
        found = export_onnx(loaded, place)
        megabytes = _megabytes(place)
    for modality, parity in found.parity.items():
        typer.echo(f"{modality}: {_told(parity)}")
    for modality, parity in found.rounded.items():
        typer.echo(f"{modality}: the model computes in bfloat16, the export in float32: {_told(parity)}")
    if not found.examples:
        typer.echo("no examples: vectors of pictures were given, and a new picture has none")
    typer.echo(f"wrote {folder}, {megabytes:.0f} MB; huse.load reads it without torch")


@app.command(name="sentence-transformers")
def sentence_transformers(
    context: typer.Context, folder: Folder, *, model: ModelFolder = None, force: Force = False
) -> None:
    """Names to embeddings as a folder of sentence-transformers, where a model of sentences reads them."""
    _check_folder(folder, "huse.json", force=force)
    import huse  # noqa: PLC0415  these take seconds to import
    from huse.use.export.sentence_folder import export_sentence_transformers  # noqa: PLC0415

    loaded = huse.load(model_of(context.obj, model))
    with Outputs() as outputs:
        place = outputs.path(folder)
        place.mkdir()
        parity = export_sentence_transformers(loaded, place)
        megabytes = _megabytes(place)
    typer.echo(f"text: embeddings differ by at most {parity.embeddings:.1e} from the model's, on {parity.inputs} names")
    typer.echo(f"wrote {folder}, {megabytes:.0f} MB; SentenceTransformer({str(folder)!r}) reads it")


@app.command()
def parquet(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Parquet to write.")],
    *,
    kind: Kind = None,
    where: Where = None,
    index: IndexFolder = None,
    force: Force = False,
) -> None:
    """The embeddings of the index with all its columns, as one Parquet."""
    from huse.use.export.vectors import write_parquet  # noqa: PLC0415  as above

    asked = _Asked(place_of(context.obj, index, paths.INDEX), kind, where)
    count = _write(file, write_parquet, asked, force=force)
    typer.echo(f"wrote {file}: {counted(count, 'embedding')}; the column `embedding` is a list of float32")


@app.command()
def qdrant(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File of JSON lines to write, one point a line.")],
    *,
    kind: Kind = None,
    where: Where = None,
    index: IndexFolder = None,
    force: Force = False,
) -> None:
    """The embeddings of the index as points of Qdrant: id, vector, payload."""
    from huse.use.export.vectors import write_qdrant  # noqa: PLC0415  as above

    asked = _Asked(place_of(context.obj, index, paths.INDEX), kind, where)
    count = _write(file, write_qdrant, asked, force=force)
    typer.echo(f"wrote {file}: {counted(count, 'point')}; docs/export.md says how Qdrant takes them")


@dataclass(frozen=True)
class _Asked:
    """Which rows of an index to write: of a kind, or all; those that a condition holds for, or all."""

    index: Path
    kind: str | None
    where: str | None


def _write(file: Path, write: "Writer", asked: _Asked, *, force: bool) -> int:
    """Write the rows of an index, whole or not at all; return how many."""
    from huse.progress import progress  # noqa: PLC0415  these take a second to import
    from huse.use.index import KINDS, Index  # noqa: PLC0415

    if file.is_dir() or (file.exists() and not force):
        remedy = "Give the name of a file." if file.is_dir() else "Replace it with --force, or give another name."
        raise InputError(f"{file}: is there already. {remedy}")
    check_writable(file)
    if asked.kind is not None and asked.kind not in KINDS:
        raise InputError(f"--in: expected {', '.join(KINDS)}, found {asked.kind!r}.")
    opened = Index.open(asked.index)
    conditions = [
        *([f"kind = '{asked.kind}'"] if asked.kind else []),
        *([f"({asked.where})"] if asked.where else []),
    ]
    condition = " AND ".join(conditions) or None
    with Outputs() as outputs, progress(total=opened.matching(condition), description="export", unit="row") as bar:
        count = write(opened, outputs.path(file), condition, bar.update)
        if not count:
            raise InputError(f"{opened.folder}: no row for that condition. Nothing is written.")
    return count


def _check_folder(folder: Path, file: str, *, force: bool) -> None:
    """Refuse to write where something else is.

    Args:
        folder: to write.
        file: JSON that an export of this kind has, with the key `export`.
        force: replace an export.
    """
    if not folder.resolve().name or folder.resolve() == Path().resolve():
        raise InputError(f"{folder}: cannot be replaced as a whole. Give the name of a folder in it.")
    check_writable(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not force or not folder.is_dir():
        raise InputError(f"{folder}: is there and not empty. Give another folder; --force replaces an earlier export.")
    try:
        content = json.loads((folder / file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}
    if "export" not in content:
        raise InputError(f"{folder}: is no earlier export, so --force does not replace it. Give another folder.")


def _told(parity: "Parity") -> str:
    return (
        f"embeddings differ by at most {parity.embeddings:.1e}, scores by {parity.scores:.1e}, on "
        f"{parity.inputs} inputs made for it"
    )


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
