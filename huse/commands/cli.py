"""The command `huse`: what a person runs beside DVC, in the repository or a folder of it."""

import signal
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from huse import __version__
from huse.commands.places import refuse_url
from huse.engine.cores import check_address_space
from huse.errors import InputError, in_one_line
from huse.run.place import Run

# Where each command is. A module is imported when its command is asked for: all of them take more than a second.
COMMANDS = {
    "classify": "huse.commands.classifying",
    "suspects": "huse.commands.suspecting",
    "duplicates": "huse.commands.deduplicating",
    "metrics": "huse.commands.showing",
    "words": "huse.commands.showing",
    "labels": "huse.commands.showing",
    "search": "huse.commands.searching",
    "add": "huse.commands.searching",
    "update": "huse.commands.searching",
    "remove": "huse.commands.searching",
    "serve": "huse.commands.serving",
    "export": "huse.commands.exporting",
    "methods": "huse.commands.methods",
    "check": "huse.commands.checking",
    "cache": "huse.commands.keeping",
    "preset": "huse.commands.keeping",
    "parameters": "huse.commands.parameters",
    "compare": "huse.commands.compare",
    "tune": "huse.commands.tune",
    "gate": "huse.commands.gate",
    "tolerances": "huse.commands.gate",
    "import": "huse.commands.importing",
}


class _Commands(TyperGroup):
    """The commands, each made when it is asked for."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # names alone, to propose one for a misspelled one

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return their names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """Return a command; None for a name of none."""
        if cmd_name not in COMMANDS:
            return None
        try:
            module = import_module(COMMANDS[cmd_name])
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] == "huse":
                raise
            return _without(error.name, cmd_name)
        if hasattr(module, "app"):  # it has commands of its own
            for info in module.app.registered_commands:
                if not hasattr(info.callback, "__wrapped__"):
                    info.callback = _by_paths(info.callback)
            command = get_command(module.app)
            command.name = cmd_name
            return command
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(_by_paths(getattr(module, cmd_name)))
        return get_command(alone)


def _by_paths(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that refuses URLs where it takes paths alone, such as those of its outputs."""

    @wraps(command)
    def called(**given: Any) -> Any:
        for value in given.values():
            if isinstance(value, Path):
                refuse_url(value)
        return command(**given)

    return called


def _without(package: str, name: str) -> Any:
    """Return the command `name` of an installation that was made for less, such as for a server alone."""
    lacks = f"needs the package {package}, which is not installed"

    def tell() -> NoReturn:
        raise InputError(f"huse {name} {lacks}. Install it, or huse with all that it requires.")

    alone = typer.Typer(add_completion=False)
    alone.command(
        name,
        help=f"({lacks[0].upper()}{lacks[1:]}.)",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )(tell)
    return get_command(alone)


app = typer.Typer(
    cls=_Commands,
    help="One space for product pictures, product names and product classes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def place(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Find the run that every command is about."""
    context.obj = Run.find()


def main() -> None:
    """Run the command; an `InputError` is printed without a traceback and gives exit code 2, a full disk 1."""
    signal.signal(signal.SIGTERM, _terminate)
    with in_one_line():
        check_address_space()
        app()


def _terminate(number: int, frame: object) -> NoReturn:
    """Leave through every ``with`` block, so that unfinished outputs are removed."""
    print("terminated: all outputs are as before, or all are written", file=sys.stderr)
    sys.exit(128 + number)
