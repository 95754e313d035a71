"""Commands for what a run starts from and leaves behind: presets of its parameters, and what is kept."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from huse.experiments.packaged import packaged_purposes
from huse.experiments.presets import PRESETS, read_preset
from huse.run import paths
from huse.run.artifacts import PARTIAL_PREFIX
from huse.run.params.editing import set_values


def cache(
    context: typer.Context,
    clear: Annotated[bool, typer.Option("--clear", help="Delete all of it; nothing but time is lost.")] = False,
) -> None:
    """Show what is kept so that it need not be computed again, or delete it."""
    kept_in = context.obj.cache
    kept = (
        ("image vectors", kept_in / paths.VECTOR_CACHE),
        ("text vectors", kept_in / paths.TEXT_VECTOR_CACHE),
        ("words of word vectors", kept_in / paths.WORD_CACHE),
        ("states of training and fine-tuning", kept_in / paths.CHECKPOINTS),
        ("results of the comparison", kept_in / paths.COMPARISON),
    )
    from huse.run.checkpoints import in_use  # noqa: PLC0415  torch takes a second to import

    table = Table("what", Column("MB", justify="right"), title=f"Kept in {kept_in}", title_justify="left")
    left = 0
    for what, place in kept:
        files = [file for file in (place, *place.rglob("*")) if file.is_file()]
        table.add_row(what, f"{sum(file.stat().st_size for file in files) / 1e6:,.1f}")
        running = {file.stem for file in files if file.suffix == ".lock" and in_use(file)}
        left += len(running) if clear else 0
        for file in files if clear else ():
            if file.stem.removeprefix(PARTIAL_PREFIX) not in running:
                file.unlink()
    Console().print(table)
    if clear:
        typer.echo("deleted" + (f", but for the states of {left} running" if left else ""))


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
