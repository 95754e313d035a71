"""A server as an ASGI application: the endpoints, and the guard before them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from huse import __version__
from huse.use.server import describing
from huse.use.server.asking import Add, Classified, Products, Remove, Said, Search, Token, read_body
from huse.use.server.guard import COOKIE, Access, Guard, refusal
from huse.use.server.limits import Limits
from huse.use.server.pictures import SIDES
from huse.use.server.refused import RefusedError, busy
from huse.use.server.service import Service
from huse.use.server.shop import Places
from huse.use.server.writing import Checks

PAGE = Path(__file__).parent / "page"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/favicon.svg": ("favicon.svg", "image/svg+xml"),
}
LONGEST = 4000  # characters of an id or a key


def make_app(
    places: Places,
    *,
    access: Access | None = None,
    limits: Limits | None = None,
    checks: Checks | None = None,
    failed: Callable[[Exception], None] = lambda error: None,
) -> Guard:
    """Make the application of one server.

    Args:
        places: its folders.
        access: who may ask; None: this machine, without a token.
        limits: what it takes on.
        checks: of products that are added; None: nothing can be written.
        failed: called where model or index cannot be loaded.

    Returns:
        An ASGI application, which loads model and index when it is started.
    """
    limits, access = limits or Limits(), access or Access()
    service = Service(places, limits, checks)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start(failed)
        yield
        await service.stop()

    app = FastAPI(
        title="HUSE",
        version=__version__,
        summary="Embed, classify and search products by picture, by name, or by both.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    _serve_page(app)
    for path, kind, answer in (
        ("/embed", Products, service.embed),
        ("/classify", Classified, service.classify),
        ("/search", Search, service.search),
        ("/add", Add, service.add),
        ("/remove", Remove, service.remove),
    ):
        _serve_post(app, path, kind, answer, limits)
    _serve_index(app, service)
    _serve_state(app, service, access)
    describing.describe(app, with_token=bool(access.token))
    for error in (RefusedError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(error, _refused)
    return Guard(app, access, limits, service)


async def _refused(_: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        said = {404: "no such address. /docs has those that there are.", 405: "this address takes another method."}
        names = {name.replace("-", "_"): value for name, value in (error.headers or {}).items()}
        error = RefusedError(error.status_code, said.get(error.status_code, str(error.detail)), **names)
    elif isinstance(error, RequestValidationError):
        first = error.errors()[0]
        error = RefusedError(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}.")
    status, headers, body = refusal(error)
    return Response(body, status, headers)


def _serve_page(app: FastAPI) -> None:
    """Serve the files of the page; small ones, so they are read once."""

    def serve(path: str, file: str, kind: str) -> None:
        content = (PAGE / file).read_bytes()

        async def get() -> Response:
            return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

        app.add_api_route(path, get, methods=["GET"], include_in_schema=False)

    for path, (file, kind) in FILES.items():
        serve(path, file, kind)


def _serve_state(app: FastAPI, service: Service, access: Access) -> None:
    @app.get("/health", summary="Live: the process answers.")
    async def health() -> dict[str, bool]:
        return {"live": True}

    @app.get("/ready", summary="Ready: model and index are loaded; else 503.")
    async def ready() -> dict[str, bool]:
        if service.why_not:
            raise busy(service.why_not)
        return {"ready": True}

    @app.get("/metrics", summary="What is counted, for Prometheus.", response_class=Response)
    async def metrics() -> Response:
        text = await service.metrics_text()
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/about", summary="What is served: model, index, whether it can be written.")
    async def about() -> dict[str, Any]:
        return await service.about()

    @app.post("/session", include_in_schema=False)
    async def session(request: Request) -> Response:
        given = await read_body(request, Token, service.limits)
        if not access.is_token(given.token):
            raise RefusedError(401, "this is not the token of the server.")
        response = Response(status_code=204)
        response.set_cookie(COOKIE, access.cookie, httponly=True, samesite="strict")
        return response


def _serve_post(
    app: FastAPI, path: str, kind: type[Said], answer: Callable[[Any], Awaitable[dict[str, Any]]], limits: Limits
) -> None:
    async def post(request: Request) -> Response:
        return JSONResponse(await answer(await read_body(request, kind, limits)))

    about = describing.POSTS[path]
    app.add_api_route(
        path,
        post,
        methods=["POST"],
        name=path[1:],
        summary=about.summary,
        description=about.description,
        openapi_extra=describing.request_body(kind),
        responses=about.responses(),
    )


def _serve_index(app: FastAPI, service: Service) -> None:
    @app.get("/product", summary="All that the index has of a product.")
    async def product(id: Annotated[str, Query(min_length=1, max_length=LONGEST)], decide: bool = False) -> Response:
        return JSONResponse(await service.product(id, decide=decide))

    @app.get("/classes", summary="Class paths of model and index, with the number of products.")
    async def classes() -> Response:
        return JSONResponse(await service.classes())

    @app.get("/pictures/{key:path}", summary="A small WebP; a hit has its address in `picture`.")
    async def picture(key: str, request: Request, side: int = SIDES[1]) -> Response:
        if side not in SIDES:
            raise RefusedError(422, f"side: expected {', '.join(map(str, SIDES))}, found {side}.")
        small = await service.picture(key[:LONGEST], side)
        headers = {"etag": f'"{small.tag}"', "cache-control": "private, max-age=60"}
        if headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(small.content, media_type="image/webp", headers=headers)
