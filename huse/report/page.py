"""Renders the sections as one self-contained page: no other files, no network.

Templates are Jinja2's, every value escaped. The program of the charts (Vega, Vega-Lite, Vega-Embed) is included once.
"""

import json
import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
from markupsafe import Markup

from huse.report.answers import percent
from huse.report.metric_tables import Metric
from huse.report.sections import Section
from huse.templates import templates
from huse.wording import counted


def render(head: dict[str, Any], sections: Sequence[Section | None]) -> str:
    """Write the page as HTML; the same arguments give the same text.

    Args:
        head: what stands above all sections: `lead`, and `answers` as `huse.report.answers` gives them.
        sections: in order; None is left out.
    """
    shown = [section for section in sections if section is not None]
    environment = templates("huse.report")
    environment.filters |= {
        "metric": write_metric,
        "interval": write_interval,
        "number": write_number,
        "parameter": write_parameter,
        "percent": percent,
    }
    specs = {
        name: {**spec, "datasets": {**spec.get("datasets", {}), **section.data}}
        for section in shown
        for name, spec in section.charts.items()
    }
    page: str = environment.get_template("page.html").render(
        head=head,
        sections=shown,
        specs=specs,
        program=Markup(chart_program()),  # noqa: S704
    )
    return page


def lead(products: pd.DataFrame, classes: int) -> str:
    """Say what was measured, and whether a given split let training see products of the test split.

    Args:
        products: `image` and `name`, empty where there is none, `split` and `group` of every row.
        classes: how many there are.
    """
    groups, split = products["group"], products["split"]
    test = groups[split == "test"]
    known = int(test.isin(groups[split.isin(["train", "validation"])]).sum())
    seen = f"; the given split has the products of {known:,} of them in training or validation too." if known else ""
    of = f"{counted(groups.nunique(), 'product')} in {counted(classes, 'class', 'classes')}"
    measured = f"{_rows(products[split == 'test'])} of the test split{seen or ', which training never saw.'}"
    return f"{_rows(products)} of {of}. Measured on the {measured}"


def _rows(products: pd.DataFrame) -> str:
    """Return how many pictures and names without a picture there are."""
    named = int((products["image"] == "").sum())
    pictures = counted(len(products) - named, "picture")
    if named == len(products):
        return counted(named, "name")
    if named:
        return f"{pictures} and {counted(named, 'name')} without a picture"
    return f"{pictures} without a name" if (products["name"] == "").all() else pictures


def installed(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of Python and of packages."""
    return {"Python": platform.python_version(), **{name: metadata.version(name) for name in packages}}


def chart_program() -> str:
    """Return the JavaScript that draws charts, of the version that made their specifications."""
    major, minor, *_ = alt.SCHEMA_VERSION.removeprefix("v").split(".")
    program: str = vl_convert.javascript_bundle(vl_version=f"{major}.{minor}")  # type: ignore[call-arg]
    # This text would end the script element.
    return program.replace("</script", "<\\/script")


def write_metric(metric: Metric | None) -> str:
    """Write the value: a share with three decimals, others with at most one."""
    if metric is None:
        return "–"
    return f"{metric.value:.3f}" if metric.share else f"{metric.value:,.1f}".removesuffix(".0")


def write_interval(metric: Metric | None) -> str:
    """Write the interval; empty if there is none."""
    if metric is None or metric.low is None or metric.high is None:
        return ""
    return f"{metric.low:.3f} to {metric.high:.3f}"


def write_number(value: float | None) -> str:
    """Write a number of unknown kind: counts and large ones with separators, small ones with three decimals."""
    if value is None:
        return "–"
    if isinstance(value, int) or abs(value) >= 10 or (value.is_integer() and abs(value) > 1):
        return f"{value:,.1f}".removesuffix(".0")
    return f"{value:.3f}"


def write_parameter(value: Any) -> str:
    """Write a parameter as YAML would: ``true``, ``null``, text without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
