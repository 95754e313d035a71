"""The charts of the report as Vega-Lite specifications, made with Altair.

Colours are CSS variables of the page (`style.css`), so one chart serves light, dark and printed pages. Every chart has
a description, which becomes its alternative text.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt

from huse.report.curves import Picture
from huse.report.matrices import Confusion
from huse.report.metric_tables import Metric

Spec = dict[str, Any]
Records = list[dict[str, Any]]

HUES = [f"var(--hue-{number})" for number in range(1, 11)]
RAMP = [f"var(--ramp-{number})" for number in range(1, 8)]  # from low to high
WARM = [f"var(--warm-{number})" for number in range(1, 6)]
INK, FAINT, LINE, PAPER = "var(--ink)", "var(--faint)", "var(--line)", "var(--paper)"
FONT = "system-ui, sans-serif"
SHAPES = {"image": "circle", "text": "triangle-up"}
MOST_NAMED = 45  # rows of a matrix
MOST_NARROW = 5  # pixels a cell
WIDE = 600  # pixels; a narrower map has no room for names
NAME_WIDTH = 170  # pixels

TEXT = {"labelFont": FONT, "titleFont": FONT, "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal"}
STYLE = {
    "view": {"stroke": None},
    "axis": {
        **TEXT,
        **dict.fromkeys(("labelColor", "titleColor"), FAINT),
        **dict.fromkeys(("gridColor", "domainColor", "tickColor"), LINE),
    },
    "legend": {**TEXT, "labelColor": INK, "titleColor": FAINT, "orient": "top", "symbolStrokeWidth": 2},
    "text": {"font": FONT},
}


def headline_chart(title: str, metrics: Sequence[tuple[str, Metric]]) -> Spec:
    """Draw each metric as a dot on its interval, with chance as a bar across."""
    keys = ("value", "low", "high", "chance")
    values = [{"name": name, **{key: rounded(getattr(metric, key)) for key in keys}} for name, metric in metrics]
    base = alt.Chart(_data(values)).encode(
        y=alt.Y("name:N", sort=[name for name, _ in metrics], title=None, axis=alt.Axis(minExtent=120, ticks=False))
    )
    axis = alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5))
    tips = [alt.Tooltip(f"{key}:Q", format=".3f") for key in keys]
    rule = base.mark_rule(strokeWidth=3, opacity=0.45, color=HUES[0]).encode(x=alt.X("low:Q", title=None), x2="high:Q")
    chance = base.mark_tick(color=HUES[1], thickness=2.5, size=13).encode(x=alt.X("chance:Q", title=None))
    dot = base.mark_point(filled=True, size=70, opacity=1, color=HUES[0]).encode(x=axis, tooltip=["name:N", *tips])
    chart = alt.layer(rule, chance, dot).properties(width="container", height=21 * len(metrics))
    shown = "; ".join(f"{name} {metric.value:.3f}" for name, metric in metrics)
    return finish(chart, f"{title} as dots with their intervals, a bar across marks chance: {shown}.")


def recall_chart(points: Records) -> Spec:
    """Draw Recall@K (`value`) over `k`, one line a `direction`, dashed where the `kind` is `chance`."""
    dashes = alt.Scale(domain=["measured", "chance"], range=[[1, 0], [4, 4]])
    chart = (
        alt.Chart(_data(points))
        .mark_line(point=True, strokeWidth=2)
        .encode(
            x=alt.X("k:Q", title="K", axis=alt.Axis(values=sorted({point["k"] for point in points}), grid=False)),
            y=alt.Y("value:Q", title="Recall@K", scale=alt.Scale(domain=[0, 1])),
            color=hues("direction:N", list(dict.fromkeys(point["direction"] for point in points))),
            strokeDash=alt.StrokeDash("kind:N", scale=dashes, legend=None),
            detail="kind:N",
            tooltip=["direction:N", "kind:N", "k:Q", alt.Tooltip("value:Q", format=".3f")],
        )
        .properties(width="container", height=260)
    )
    return finish(chart, "Recall at K in four directions over K, beside the chance level of each.")


def risk_chart(points: Records) -> Spec:
    """Draw the `error` of the surest share of the items, `covered`, one line for each of what it goes `by`."""
    share = alt.Axis(format="%", tickCount=5, grid=False)
    chart = (
        alt.Chart(_data(points))
        .mark_line(point={"size": 22}, strokeWidth=2)
        .encode(
            x=alt.X("covered:Q", title="items, the surest first", scale=alt.Scale(domain=[0, 1]), axis=share),
            y=alt.Y("error:Q", title="share of them that is wrong", axis=alt.Axis(format="%", tickCount=5)),
            color=hues("by:N", list(dict.fromkeys(point["by"] for point in points))),
            tooltip=["by:N", alt.Tooltip("covered:Q", format=".0%"), alt.Tooltip("error:Q", format=".1%")],
        )
        .properties(width="container", height=260)
    )
    return finish(chart, "Error among the surest items over their share, by image, text and both.")


def answers_chart(shares: Records, rows: Sequence[str], answers: Sequence[str]) -> Spec:
    """Draw each row as a bar of the `share` of items with each `answer`, in the order of `place`.

    Args:
        shares: the parts of the bars.
        rows: their names, the first at the top.
        answers: from the class, in the strongest colour, up to nothing.
    """
    levels = max(len(answers) - 2, 1)  # the parts get fainter by as many steps as there are, down to a faint one
    strengths = [RAMP[len(RAMP) - 1 - round(4 * step / levels)] for step in range(len(answers) - 1)]
    chart = (
        alt.Chart(_data(shares))
        .mark_bar(height=15)
        .encode(
            y=alt.Y("row:N", sort=list(rows), title=None, axis=alt.Axis(minExtent=70, ticks=False, domain=False)),
            x=alt.X("share:Q", title="items", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5)),
            color=alt.Color(
                "answer:N",
                scale=alt.Scale(domain=list(answers), range=[*strengths, LINE]),
                legend=alt.Legend(title=None, columns=min(len(answers), 4)),
            ),
            order=alt.Order("place:Q"),
            tooltip=["row:N", "answer:N", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(width="container", height=26 * len(rows))
    )
    return finish(chart, f"Share of the items that are answered with {', '.join(answers)}, for rising precisions.")


def curve_chart(picture: Picture) -> Spec:
    """Draw curves as lines."""
    values: Records = [
        {"x": int(x), "y": float(f"{y:.5g}"), "curve": str(curve)}
        for x, y, curve in picture.points[["x", "y", "curve"]].itertuples(index=False)
    ]
    curves = list(dict.fromkeys(value["curve"] for value in values))
    scale = alt.Scale(type="log") if picture.logarithmic else alt.Scale(zero=False)
    ticks = alt.Axis(values=_powers(values), format="~g") if picture.logarithmic else alt.Axis(tickCount=5)
    chart = (
        alt.Chart(_data(values))
        .mark_line(strokeWidth=2, point={"size": 22} if len(values) <= 80 else False)
        .encode(
            x=alt.X("x:Q", title=picture.x, axis=alt.Axis(grid=False, tickCount=6, tickMinStep=1)),
            y=alt.Y("y:Q", title=picture.y, scale=scale, axis=ticks),
            color=hues("curve:N", curves),
            tooltip=["curve:N", alt.Tooltip("x:Q", title=picture.x), alt.Tooltip("y:Q", title=picture.y, format=".4g")],
        )
        .properties(width="container", height=220)
    )
    return finish(chart, f"{picture.title}: {', '.join(curves)} over {picture.x}s.")


def confusion_chart(confusion: Confusion, names: Sequence[str]) -> Spec:
    """Draw a confusion matrix: the diagonal in one colour, errors in another; S different `names` of its nodes."""
    values = [
        {"a": row, "p": column, "n": count, "s": round(count / confusion.items[row].item(), 3)}
        for row, counts in enumerate(confusion.counts.tolist())
        for column, count in enumerate(counts)
        if count
    ]
    items, share = alt.Tooltip("n:Q", title="items"), alt.Tooltip("s:Q", title="share", format=".1%")
    cells = (
        _named_matrix(values, names, ("actual", "predicted"), _cell(len(names), 620), columns_named=True)
        .mark_rect()
        .encode(tooltip=["actual:N", "predicted:N", items, share])
    )
    errors = ramp("s:Q", "share taken for another", (0, 0.5), WARM, "%")
    right = ramp("s:Q", "share that is right", (0, 1), RAMP, "%")
    chart = alt.layer(
        cells.transform_filter("datum.a != datum.p").encode(color=errors),
        cells.transform_filter("datum.a == datum.p").encode(fill=right),
    ).resolve_scale(color="independent", fill="independent")
    return finish(chart, f"Matrix of {len(names)} actual by predicted nodes of level {confusion.level}.")


def distance_chart(
    distances: npt.NDArray[np.float32], names: Sequence[str], bounds: tuple[float, float], title: str
) -> Spec:
    """Draw the distances (S × S) of all pairs of S classes; near pairs get a strong colour, NaN is left empty.

    Charts to compare have the same `bounds`: the distances of the strongest and the faintest colour.
    """
    values = [
        {"a": row, "p": column, "d": round(float(distances[row, column]), 3)}
        for row in range(len(names))
        for column in range(len(names))
        if row != column and np.isfinite(distances[row, column])
    ]
    base = _named_matrix(values, names, ("class", "other class"), _cell(len(names), 340), columns_named=False)
    chart = base.mark_rect().encode(
        color=ramp("d:Q", "distance (strong is near)", bounds, RAMP[::-1], ".2f"),
        tooltip=["class:N", "other class:N", alt.Tooltip("d:Q", title="distance", format=".3f")],
    )
    return finish(chart, f"{title}: matrix of {len(names)} by {len(names)} classes in the order of the class tree.")


def map_chart(points: Records, labels: Sequence[tuple[str, float, float]], classes: Sequence[str]) -> Spec:
    """Draw the map of the space: circles are images, triangles are texts.

    Args:
        points: `x`, `y`, `mark` (`image` or `text`) and `item`, a row of the data set `items`, which the page adds:
            `item`, `name`, `class`, `first level`, `thumbnail`.
        labels: names to print on the map.
        classes: all class names, for the selection of one.
    """
    choice = alt.binding_radio(options=["first level", "class"], name="Colour by ")
    by = alt.param(name="coloured_by", value="first level", bind=choice)
    choice_of_class = alt.binding_select(options=["all", *classes], name="Single out a class ")
    only = alt.param(name="only", value="all", bind=choice_of_class)
    columns = alt.ExprRef(f"width > {WIDE} ? 6 : 2")
    known = ["name", "class", "first level", "thumbnail"]
    scale = alt.Scale(domain=[-0.02, 1.02], nice=False)
    plane = {"x": alt.X("x:Q", axis=None, scale=scale), "y": alt.Y("y:Q", axis=None, scale=scale)}
    marks = (
        alt.Chart(_data(points))
        .transform_lookup("item", alt.LookupData(data=alt.NamedData(name="items"), key="item", fields=known))
        .transform_calculate(group="coloured_by == 'class' ? datum.class : datum['first level']")
        .mark_point(filled=True, size=38)
        .encode(
            **plane,
            shape=alt.Shape(
                "mark:N",
                scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values())),
                legend=alt.Legend(title=None, symbolFillColor=FAINT, symbolStrokeColor=FAINT),
            ),
            color=alt.Color(
                "group:N",
                scale=alt.Scale(range=HUES),
                legend=alt.Legend(title=None, symbolLimit=12, columns=columns, labelLimit=NAME_WIDTH),
            ),
            opacity=alt.condition("only == 'all' || datum.class == only", alt.value(0.75), alt.value(0.06)),
            tooltip=["name:N", "class:N", alt.Tooltip("mark:N", title="shown as"), "thumbnail:N"],
        )
        .add_params(by, only)
    )
    named = [{"label": name, "x": round(x, 4), "y": round(y, 4)} for name, x, y in labels]
    # On a narrow page, names would cover each other and the marks.
    wide = alt.condition(f"width > {WIDE}", alt.value(1), alt.value(0))
    halo, text = (
        alt.Chart(_data(named))
        .mark_text(fontSize=11, fontWeight=600, dy=-7, baseline="bottom", **paint)
        .encode(text="label:N", opacity=wide, **plane)
        for paint in ({"stroke": PAPER, "strokeWidth": 2.5, "fill": PAPER}, {"fill": INK})
    )
    # Colouring by class makes the legend longer.
    grows = alt.AutoSizeParams(type="fit-x", contains="padding", resize=True)
    chart = alt.layer(marks, halo, text).properties(width="container", height=620, autosize=grows)
    return finish(chart, "Map of the embeddings of test products on a plane: circles are images, triangles are names.")


def hues(field: str, domain: Sequence[str]) -> alt.Color:
    """Colour by a name, in the order given."""
    scale = alt.Scale(domain=list(domain), range=[HUES[place % len(HUES)] for place in range(len(domain))])
    return alt.Color(field, scale=scale, legend=alt.Legend(title=None, columns=2))


def ramp(field: str, title: str, bounds: tuple[float, float], colours: Sequence[str], number: str) -> alt.Color:
    """Colour by a number, in equal steps between two bounds."""
    scale = alt.Scale(type="quantize", domain=list(bounds), range=list(colours))
    return alt.Color(field, scale=scale, legend=alt.Legend(title=title, format=number, orient="bottom"))


def _data(values: Records) -> alt.Data:
    return alt.Data(values=values)  # type: ignore[no-untyped-call]


def _powers(values: Records) -> list[float]:
    """Return the powers of ten around all values, the grid of a logarithmic scale."""
    low, high = (bound(value["y"] for value in values) for bound in (min, max))
    return [10.0**power for power in range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)]


def rounded(value: float | None) -> float | None:
    """Round for display."""
    return None if value is None else round(value, 4)


def _named_matrix(
    values: Records, names: Sequence[str], heads: tuple[str, str], cell: int, *, columns_named: bool
) -> alt.Chart:
    """Start a matrix whose cells `a`, `p` hold numbers of names, so that each name is stored once."""
    (row, column), titles = heads, heads if columns_named else (None, None)
    scale, shown = alt.Scale(domain=list(names)), len(names) <= MOST_NAMED
    manner: dict[str, Any] = {"labelLimit": NAME_WIDTH, "labelFontSize": min(11, max(cell, 8)), "labelPadding": 5}
    manner |= {"ticks": False, "domain": False}
    rows = alt.Axis(labels=shown, **manner)
    columns = alt.Axis(labels=shown and columns_named, labelAngle=-90, **manner)
    return (
        alt.Chart(_data(values), width=cell * len(names), height=cell * len(names))
        .add_params(alt.param(name="names", value=list(names)))
        .transform_calculate(**{row: "names[datum.a]", column: "names[datum.p]"})
        .encode(
            y=alt.Y(f"{row}:N", title=titles[0], scale=scale, axis=rows),
            x=alt.X(f"{column}:N", title=titles[1], scale=scale, axis=columns),
        )
    )


def _cell(count: int, side: int) -> int:
    """Return the side of a cell in whole pixels, so that there are no seams; the matrix fits `side`."""
    return max(MOST_NARROW, min(22, side // count))


def finish(chart: Any, description: str) -> Spec:
    """Apply the page's style to a chart, and return its specification."""
    spec: Spec = chart.properties(description=description, background="transparent", padding=4, config=STYLE).to_dict()
    return spec
