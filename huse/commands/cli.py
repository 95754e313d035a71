"""The command `huse`: what a person runs beside DVC, in the repository or a folder of it."""

import typer

from huse.commands import (
    checking,
    classifying,
    compare,
    deduplicating,
    exporting,
    gate,
    importing,
    keeping,
    methods,
    parameters,
    searching,
    showing,
    suspecting,
    tune,
)
from huse.errors import in_one_line
from huse.run.place import Run

COMMANDS = (
    classifying.classify,
    suspecting.suspects,
    showing.metrics,
    showing.words,
    showing.labels,
    searching.search,
    searching.add,
    searching.update,
    searching.remove,
    deduplicating.duplicates,
    methods.methods,
    checking.check,
    keeping.cache,
    keeping.preset,
    parameters.parameters,
    compare.compare,
    tune.tune,
    gate.gate,
    gate.tolerances,
)

app = typer.Typer(
    help="One space for product pictures, product names and product classes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(importing.app, name="import")
app.add_typer(exporting.app, name="export")


@app.callback()
def place(context: typer.Context) -> None:
    """Find the run that every command is about."""
    context.obj = Run.find()


def main() -> None:
    """Run the command; an `InputError` is printed without a traceback and gives exit code 2, a full disk 1."""
    with in_one_line():
        app()
