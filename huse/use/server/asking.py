"""What requests may say, as JSON or as a form with files, and how it is read.

A request is JSON with pictures in base64, or multipart/form-data with pictures as files; a form has one product.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictStr, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import Request

from huse.use.server.computing import Asked
from huse.use.server.limits import Limits
from huse.use.server.refused import RefusedError

JSON, FORM = "application/json", "multipart/form-data"
FIELDS = 50  # of a form
BESIDE = ("where", "further")  # fields of a form that hold JSON
NUL = "\0"  # what databases cut texts at

Body = TypeVar("Body", bound="Said")


class Said(BaseModel):
    """A part of a request."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Given(Said):
    """A product by its name, its pictures, or both."""

    text: str | None = Field(default=None, description="the name, as it would stand in the catalogue")
    pictures: list[str | bytes] = Field(default=[], description="contents of picture files, in base64")


class Products(Said):
    """Several products."""

    products: list[Given] = Field(min_length=1)


class Classified(Products):
    """Products to classify."""

    precision: float | None = Field(
        default=None, gt=0, lt=1, description="share of right nodes that is wanted; null: always a class"
    )
    top: int = Field(default=0, ge=0, le=1000, description="classes to list with their probabilities")


class Condition(Said):
    """A condition on a column of the index; SQL from clients is not taken, as it can ask for any amount of work."""

    column: str = Field(max_length=200)
    op: Literal["=", "!=", "<", "<=", ">", ">="] = "="
    value: Annotated[StrictStr, Field(max_length=2000)] | StrictFloat


class Search(Given):
    """What to look for: a text, pictures, both together, a product of the index, or an embedding."""

    like: str | None = Field(default=None, description="id of a product in the index")
    embedding: list[float] | None = Field(default=None, description="D numbers of unit norm")
    kind: Literal["products", "pictures", "names"] = "products"
    classes: str | None = Field(default=None, description="only this class path; shoes<*: all below it too")
    where: list[Condition] = Field(default=[], max_length=20)
    k: int = Field(default=10, ge=1, description="hits, at most")
    decide: bool = Field(default=False, description="say the class of the text and the pictures too")
    precision: float | None = Field(default=None, gt=0, lt=1, description="as in /classify")


class New(Said):
    """A product to add."""

    id: str | None = Field(default=None, min_length=1, description="none: the name, else the path of its picture")
    name: str | None = None
    classes: str = Field(min_length=1, description="class path, such as shoes<boots")
    pictures: list[str | bytes] = Field(default=[], description="contents of picture files, in base64")
    further: dict[str, str | float | None] = Field(default={}, description="other columns of the index")


class Add(Said):
    """Products to add; one that is there is replaced."""

    products: list[New] = Field(min_length=1)


class Remove(Said):
    """Products to remove."""

    products: list[str] = Field(min_length=1, max_length=1000, description="ids")


class Token(Said):
    """The token of the server, for the page."""

    token: str


async def read_body(request: Request, kind: type[Body], limits: Limits) -> Body:
    """Read and check what a request says.

    Raises:
        RefusedError: 400, it is no JSON or no form; 415, it is something else; 422, it says what cannot be.
    """
    stated = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if stated not in (JSON, FORM):
        raise RefusedError(415, f"expected content of the type {JSON} or {FORM}, found {stated[:80] or 'none'}.")
    try:
        if stated == JSON:
            body = await request.body()
            return kind.model_validate_json(body)
        return kind.model_validate(_nested(await _form(request, limits), kind))
    except ValidationError as error:
        raise _told(error, kind) from None


def _told(error: ValidationError, kind: type[Said]) -> RefusedError:
    """Return the first thing that is wrong, in one line."""
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return RefusedError(400, f"expected JSON: {first['msg']}.")
    place = ".".join(map(str, first["loc"])) or "the request"
    more = f" ({error.error_count() - 1} more of the kind)" if error.error_count() > 1 else ""
    if first["type"] == "missing":
        return RefusedError(422, f"{place[:200]}: expected, found none{more}.")
    if first["type"] == "extra_forbidden":
        return RefusedError(
            422, f"{place[:200]}: no such field; expected {', '.join(_fields(kind, first['loc']))}{more}."
        )
    return RefusedError(422, f"{place[:200]}: {first['msg']}, found {_short(first['input'])}{more}.")


def _fields(kind: type[Said], place: tuple[int | str, ...]) -> list[str]:
    """Return the fields of the part of a request that has a place."""
    for name in place[:-1]:
        if isinstance(name, str) and name in kind.model_fields:
            inner = [one for one in get_args(kind.model_fields[name].annotation) if isinstance(one, type)]
            kind = next((one for one in inner if issubclass(one, Said)), kind)
    return list(kind.model_fields)


def _short(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:60]}…"


async def _form(request: Request, limits: Limits) -> dict[str, list[Any]]:
    """Return the values of each field; files as their contents."""
    parser = MultiPartParser(
        request.headers,
        request.stream(),
        max_files=limits.pictures + 1,  # one more is told as too many pictures
        max_fields=FIELDS,
        max_part_size=limits.body,
    )
    parser.spool_max_size = limits.body  # in memory, which the limits count; no file on a disk that may be full
    try:
        form = await parser.parse()
    except Exception as error:
        said = str(error) or type(error).__name__
        raise RefusedError(
            413 if said.startswith("Too many") else 400, f"expected a form ({FORM}): {said[:200]}"
        ) from None
    values: dict[str, list[Any]] = {}
    for name, value in form.multi_items():
        values.setdefault(name, []).append(await value.read() if isinstance(value, UploadFile) else value)
    await form.close()
    return values


def _nested(values: dict[str, list[Any]], kind: type[Said]) -> dict[str, Any]:
    """Return the fields of a form as JSON would have them."""
    flat: dict[str, Any] = {}
    for name, each in values.items():
        flat[name] = [one for one in each if one] if name == "pictures" else each[0] if len(each) == 1 else each
        if name in BESIDE and isinstance(flat[name], str):
            flat[name] = _json(name, flat[name])
    if "products" not in kind.model_fields or kind is Remove:
        return flat
    own = {name: flat.pop(name) for name in list(flat) if name not in kind.model_fields}
    return {**flat, "products": [own]}


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError(400, f"{name}: expected JSON, found {_short(text)}.") from None


def contents(pictures: Sequence[str | bytes]) -> tuple[bytes, ...]:
    """Return contents of picture files; those of JSON are in base64.

    Raises:
        RefusedError: 422, it is not base64.
    """
    try:
        return tuple(one if isinstance(one, bytes) else base64.b64decode(one, validate=True) for one in pictures)
    except (binascii.Error, ValueError):
        raise RefusedError(422, "pictures: expected the content of a picture file in base64.") from None


def asked_for(products: Sequence[Given], limits: Limits) -> list[Asked]:
    """Return products as the model takes them; their pictures are not looked at yet.

    Raises:
        RefusedError: 413, they are too many; 422, one of them has nothing to go by, or too long a text.
    """
    if len(products) > limits.products:
        raise RefusedError(413, f"expected at most {limits.products} products in a request, found {len(products)}.")
    check_number(sum(len(product.pictures) for product in products), limits)
    found = []
    for number, product in enumerate(products):
        text = checked_text(product.text, "text", limits)
        asked = Asked(contents(product.pictures), text)
        if asked == Asked():
            raise RefusedError(422, f"product {number}: expected a text, pictures or both, found neither.")
        found.append(asked)
    return found


def check_number(pictures: int, limits: Limits) -> None:
    """Refuse too many pictures."""
    if pictures > limits.pictures:
        raise RefusedError(413, f"expected at most {limits.pictures} pictures in a request, found {pictures}.")


def checked_text(text: str | None, name: str, limits: Limits) -> str | None:
    """Return a text without space around it, None for an empty one.

    Raises:
        RefusedError: 422, it is too long, or has what no text has.
    """
    if text is None or not text.strip():
        return None
    if len(text) > limits.text:
        raise RefusedError(422, f"{name}: expected at most {limits.text} characters, found {len(text)}.")
    if NUL in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise RefusedError(422, f"{name}: expected a text, found one with a zero byte or half a character.")
    return text.strip()
