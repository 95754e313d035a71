"""How the endpoints are described: OpenAPI, and the page /docs, which needs no other site."""

import json
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from huse.templates import templates
from huse.use.server.asking import FORM, JSON, Add, Classified, Products, Remove, Said, Search

SCHEMAS = "#/components/schemas/"
REFUSALS = {
    "400": "no JSON, or no form",
    "401": "the token is missing or wrong",
    "403": "another host, another page, or a server that does not write",
    "404": "no such product, picture or address",
    "408": "not sent in time",
    "413": "too large, or too many",
    "415": "content of another type",
    "422": "what cannot be, with the place, what was expected and what was found",
    "503": "loading, full, or an index of another model; with Retry-After",
    "504": "no answer in time",
}
HIT = {
    "product": "4711",
    "similarity": 0.87,
    "name": "A product",
    "class_path": "shoes<boots",
    "further": {"price": 9.5},
}
DECISION = {"class_path": "shoes<boots", "probability": 0.93, "node": "shoes<boots", "agree": True}


@dataclass(frozen=True)
class Post:
    """An endpoint that takes a body.

    Attributes:
        summary: one line.
        description: the rest.
        example: of an answer.
    """

    summary: str
    description: str
    example: dict[str, Any]

    def responses(self) -> dict[int | str, dict[str, Any]]:
        """Return the answers as OpenAPI has them."""
        return {200: {"description": "an answer", "content": {JSON: {"example": self.example}}}}


POSTS = {
    "/embed": Post(
        "Embed products.",
        "A product has a text, pictures or both; its embedding is the mean of both, scaled to unit norm.",
        {"fingerprint": "9f2c…", "embeddings": [[0.12, -0.03]]},
    ),
    "/classify": Post(
        "Decide the class of products.",
        "The class, its probability, the class by picture and by name alone, and how far down the tree it is sure.",
        {"products": [DECISION | {"top": [{"class_path": "shoes<boots", "probability": 0.93}]}]},
    ),
    "/search": Post(
        "Find what is nearest.",
        "To a text, to pictures, to both together, to a product of the index, or to an embedding.",
        {"hits": [HIT | {"picture": "/pictures/products%200%204711"}], "decision": DECISION},
    ),
    "/add": Post(
        "Add products, or replace those of the same id.",
        "Answered when the index has them, all in one commit. Off, unless the server was started with --writable.",
        {"added": 1, "replaced": 0, "embeddings": 120},
    ),
    "/remove": Post(
        "Remove products.",
        "All in one commit. Off, unless the server was started with --writable.",
        {"removed": 1, "unknown": [], "embeddings": 117},
    ),
}
BODIES: tuple[type[Said], ...] = (Products, Classified, Search, Add, Remove)


def request_body(kind: type[Said]) -> dict[str, Any]:
    """Return the body of a request as OpenAPI has it: JSON, or a form of one product."""
    form = {"type": "object", "properties": {}}
    fields = dict(kind.model_fields)
    inner = fields.pop("products", None)
    if inner is not None and kind is not Remove:
        fields |= inner.annotation.__args__[0].model_fields  # type: ignore[union-attr]
    for name, field in fields.items():
        of_file = {"type": "array", "items": {"type": "string", "format": "binary"}}
        form["properties"][name] = of_file if name == "pictures" else {"description": field.description or ""}  # type: ignore[index]
    content: dict[str, Any] = {JSON: {"schema": {"$ref": f"{SCHEMAS}{kind.__name__}"}}}
    if kind is not Remove:
        content[FORM] = {"schema": form}
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI, *, with_token: bool) -> None:
    """Complete the OpenAPI of an application, and serve it as a page at /docs."""
    made = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = made()
            parts = schema.setdefault("components", {})
            for kind in BODIES:
                own = kind.model_json_schema(ref_template=f"{SCHEMAS}{{model}}")
                parts.setdefault("schemas", {}).update(own.pop("$defs", {}))
                parts["schemas"][kind.__name__] = own
            if with_token:
                parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
                schema["security"] = [{"token": []}]
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_page(complete(), with_token=with_token))


def _page(schema: dict[str, Any], *, with_token: bool) -> str:
    environment = templates("huse.use.server", "page")
    endpoints = [
        {
            "path": path,
            "method": method.upper(),
            "summary": about["summary"],
            "description": about.get("description", ""),
            "fields": _fields(schema, about),
            "form": FORM in about.get("requestBody", {}).get("content", {}),
            "example": _example(about),
        }
        for path, methods in schema["paths"].items()
        for method, about in methods.items()
    ]
    return environment.get_template("docs.html").render(
        endpoints=endpoints, refusals=REFUSALS, version=schema["info"]["version"], with_token=with_token
    )


def _fields(schema: dict[str, Any], about: dict[str, Any]) -> list[dict[str, str]]:
    """Return the fields of a body, those of its products below it, or the parameters."""
    fields = [{"name": one["name"], "type": _type(one["schema"]), "said": ""} for one in about.get("parameters", ())]
    if "requestBody" in about:
        fields += _properties(schema, about["requestBody"]["content"][JSON]["schema"]["$ref"], "")
    return fields


def _properties(schema: dict[str, Any], reference: str, before: str) -> list[dict[str, str]]:
    found = []
    for name, of in schema["components"]["schemas"][reference.removeprefix(SCHEMAS)]["properties"].items():
        found.append({"name": f"{before}{name}", "type": _type(of), "said": of.get("description", "")})
        inner = of.get("items", {}).get("$ref")
        if inner:
            found += _properties(schema, inner, f"{before}{name}[].")
    return found


def _type(of: dict[str, Any]) -> str:
    kinds = [_type(one) for one in of.get("anyOf", ())] or [str(of.get("type", "object"))]
    if "enum" in of:
        kinds = [json.dumps(one) for one in of["enum"]]
    if of.get("type") == "array":
        kinds = [f"list of {_type(of['items'])}"]
    return " or ".join(dict.fromkeys(kind for kind in kinds if kind not in ("", "null")))  # "": of null alone


def _example(about: dict[str, Any]) -> str:
    example = about["responses"].get("200", {}).get("content", {}).get(JSON, {}).get("example")
    return "" if example is None else json.dumps(example, ensure_ascii=False, indent=1)
