"""Commands for what a run starts from and leaves behind: presets of its parameters, and what is kept."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from huse.experiments.packaged import packaged_purposes
from huse.experiments.presets import PRESETS, read_preset
from huse.files import PARTIAL_PREFIX
from huse.object_copies import FILES, MODELS
from huse.object_copies import kept as kept_objects
from huse.run import paths
from huse.run.params.editing import set_values
from huse.vision import known


def cache(
    context: typer.Context,
    clear: Annotated[
        bool, typer.Option("--clear", help="Delete what is kept of this run; nothing but time is lost.")
    ] = False,
    clear_objects: Annotated[
        bool,
        typer.Option("--clear-objects", help="Delete the copies of objects, which all runs of this user share."),
    ] = False,
) -> None:
    """Show what is kept so that it need not be computed or copied again, or delete it."""
    kept_in = context.obj.cache
    kept = {
        "image vectors": kept_in / paths.VECTOR_CACHE,
        "text vectors": kept_in / paths.TEXT_VECTOR_CACHE,
        "words of word vectors": kept_in / paths.WORD_CACHE,
        "states of training and fine-tuning": kept_in / paths.CHECKPOINTS,
        "results of the comparison": kept_in / paths.COMPARISON,
    }
    objects = kept_objects()
    copies = {
        "files": objects / FILES,
        "models": objects / MODELS,
        "pictures": objects / known.COPIES,
        "what is known of pictures": objects / known.FILE,
    }
    _show(f"Kept in {kept_in}", kept)
    if clear:
        left = _clear(kept.values())
        typer.echo("deleted" + (f", but for the states of {left} running" if left else ""))
    if any(place.exists() for place in copies.values()):
        _show(f"Copied from object stores to {objects}", copies)
    if clear_objects:
        _clear_copies(objects)
        typer.echo("copies of objects deleted")


def _show(title: str, places: Mapping[str, Path]) -> None:
    typer.echo(title)  # not the table's own, which is broken where the table is narrow
    table = Table("what", Column("MB", justify="right"))
    for what, place in places.items():
        table.add_row(what, f"{sum(file.stat().st_size for file in _files(place)) / 1e6:,.1f}")
    Console().print(table)


def _files(place: Path) -> list[Path]:
    return [file for file in (place, *place.rglob("*")) if file.is_file()]


def _clear(places: Iterable[Path]) -> int:
    """Delete files, but for those of trainings that are running; return how many are."""
    from huse.run.checkpoints import in_use  # noqa: PLC0415  torch takes a second to import

    running = 0
    for place in places:
        files = _files(place)
        used = {file.stem for file in files if file.suffix == ".lock" and in_use(file)}
        running += len(used)
        for file in files:
            if file.stem.removeprefix(PARTIAL_PREFIX) not in used:
                file.unlink()
    return running


def _clear_copies(objects: Path) -> None:
    """Delete each copy whole, so that no part of one is taken for it; what is being written stays."""
    if not objects.is_dir():
        return
    whole = (f"{FILES}/[!.]*", f"{MODELS}/[!.]*", f"{known.COPIES}/*/[!.]*", f"{known.FILE}*")
    with TemporaryDirectory(prefix=PARTIAL_PREFIX, dir=objects) as aside:
        for copy in [one for pattern in whole for one in objects.glob(pattern)]:
            copy.rename(Path(aside, copy.name))


def preset(
    context: typer.Context, name: Annotated[str | None, typer.Argument(help="The preset; none: list them.")] = None
) -> None:
    """Write a preset's values into params.yaml, or list the presets."""
    if name is None:
        typer.echo("\n".join(packaged_purposes(PRESETS)))
        return
    params = context.obj / paths.PARAMS
    changes = set_values(params, read_preset(name))
    typer.echo("\n".join(changes) or f"{params} has these values already")
