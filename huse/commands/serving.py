"""The command that serves a model and an index over HTTP."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huse.commands.places import check_images, check_writable
from huse.errors import InputError
from huse.run import paths
from huse.run.place import Run
from huse.use.server.limits import MIB, Limits
from huse.use.server.running import listen, run

if TYPE_CHECKING:
    from huse.use.server.guard import Guard

TOKEN = "HUSE_TOKEN"  # noqa: S105  the name of the variable
SHORTEST = 16  # characters of a token
NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
USUAL = Limits()


def serve(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on; any but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    public_name: Annotated[
        list[str] | None, typer.Option(help="A name by which a proxy on this machine asks; needs a token.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(help=f"That every request must have; better in {TOKEN} of the environment.")
    ] = None,
    writable: Annotated[bool, typer.Option("--writable", help="Let clients add and remove products.")] = False,
    uploads: Annotated[
        Path | None, typer.Option(help="Folder for pictures of products that are added; none: names alone.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Folder of the model, or its URL; none: data/model.")
    ] = None,
    index: Annotated[
        Path | None, typer.Option("--index", help="Folder of the index; none: data/index, if it is there.")
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(help="Folder of the pictures, or its URL; none: that of the catalogue when it was made."),
    ] = None,
    max_body: Annotated[int, typer.Option(min=1, help="MiB of one request.")] = USUAL.body // MIB,
    max_pictures: Annotated[int, typer.Option(min=1, help="Pictures in one request.")] = USUAL.pictures,
    max_products: Annotated[int, typer.Option(min=1, help="Products in one request.")] = USUAL.products,
    max_pixels: Annotated[int, typer.Option(min=1, help="Width × height of a picture.")] = USUAL.pixels,
    batch: Annotated[int, typer.Option(min=1, help="Products that go through the model together.")] = USUAL.batch,
    queue: Annotated[int, typer.Option(min=1, help="Products that may wait for the model.")] = USUAL.queue,
    seconds: Annotated[float, typer.Option(min=0.1, help="For the answer to one request.")] = USUAL.seconds,
    drain: Annotated[float, typer.Option(min=0, help="Seconds from SIGTERM to the end of listening.")] = USUAL.drain,
) -> None:
    """Serve a model and an index: a page to search on, and endpoints for programs."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(f"huse serve needs {', '.join(missing)}. Run `pip install 'huse[serve]'`.")
    here: Run = context.obj
    given = os.environ.get(TOKEN, "") if token is None else token
    loopback = _is_loopback(host)
    _check_token(given, host, needed=not loopback or bool(public_name))
    if uploads is not None and not writable:
        raise InputError("--uploads: keeps pictures of products that are added. Give --writable with it.")
    pictures = check_images(images)
    if uploads is not None:
        check_writable(uploads / "picture.jpg")
    limits = USUAL.changed(
        body=max_body * MIB,
        bodies=max(USUAL.bodies, 2 * max_body * MIB),
        pictures=max_pictures,
        products=max_products,
        pixels=max_pixels,
        batch=batch,
        queue=queue,
        seconds=seconds,
        drain=drain,
    )
    listening = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    print(f"http://{shown}:{listening.getsockname()[1]} is served as soon as model and index are loaded", flush=True)

    def make(failed: Callable[[Exception], None]) -> "Guard":
        from huse.use.server.app import make_app  # noqa: PLC0415  half a second, in which clients can connect
        from huse.use.server.guard import LOOPBACK, Access  # noqa: PLC0415
        from huse.use.server.shop import Places  # noqa: PLC0415
        from huse.use.server.writing import Checks  # noqa: PLC0415

        usual = here / paths.INDEX
        place = index if index is not None else usual if usual.is_dir() else None
        return make_app(
            Places(here / paths.MODEL if model is None else model, place, pictures, uploads),
            access=Access(given, (*LOOPBACK, shown, *map(str.lower, public_name or ())) if loopback else ()),
            limits=limits,
            checks=Checks(_cell, _class_path, _why_no_name) if writable else None,
            failed=failed,
        )

    run(make, listening, limits)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_token(token: str, host: str, *, needed: bool) -> None:
    if needed and not token:
        raise InputError(
            f"{host}: others than this machine could ask, so a token is needed. Put one into {TOKEN}, or keep the "
            "usual --host without --public-name."
        )
    if token and (len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token):
        raise InputError(
            f"--token, or {TOKEN}: expected at least {SHORTEST} letters, digits and signs, no spaces. Give another."
        )


def _cell(column: str, text: str) -> str:
    from huse.catalogue.mending import mend  # noqa: PLC0415  half a second to import
    from huse.catalogue.reading import tidy  # noqa: PLC0415

    return tidy(mend(text, tags=column == "name")[0] if column in ("name", "classes") else text)


def _class_path(classes: str) -> str:
    from huse.catalogue.checking import class_path  # noqa: PLC0415  half a second to import
    from huse.taxonomy import LEVEL_SEPARATOR  # noqa: PLC0415

    return LEVEL_SEPARATOR.join(class_path(classes))


def _why_no_name(name: str) -> str:
    from huse.catalogue.checking import why_no_name  # noqa: PLC0415  half a second to import

    return why_no_name(name)
