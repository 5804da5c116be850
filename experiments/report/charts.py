"""Charts of the page, by plotly: each a figure with a caption that says what is drawn."""
import plotly.graph_objects as go

import cells as grouping
import words

COLOURS = {"shm": "#0072b2", "queue": "#009e73", "pipe": "#e69f00", "unix": "#d55e00", "tcp": "#cc79a7", "mqueue": "#56b4e9",
           "null": "#999999", "none": "#999999", "msgpack": "#0072b2", "pickle": "#e69f00", "dill": "#d55e00",
           "cloudpickle": "#009e73"}  # Okabe and Ito's palette: told apart by everybody
SYMBOLS = {"shm": "circle", "queue": "star", "pipe": "square", "unix": "diamond", "tcp": "triangle-up",
           "mqueue": "triangle-down"}


def figure(title, x_title, y_title, log_x=True, log_y=True):
    fig = go.Figure()
    fig.update_layout(title=title, height=460, margin=dict(l=60, r=20, t=60, b=60), legend=dict(orientation="h", y=-0.22),
                      paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font=dict(color="#777"),
                      hovermode="closest")
    fig.update_xaxes(title=x_title, type="log" if log_x else None, gridcolor="rgba(128,128,128,0.25)")
    fig.update_yaxes(title=y_title, type="log" if log_y else None, gridcolor="rgba(128,128,128,0.25)",
                     exponentformat="SI", ticksuffix=" ")
    return fig


def error_bars(points, field, scale):
    """Ranges over blocks."""
    middle = [c.median(field) * scale for c in points]
    low, high = zip(*(c.spread(field) for c in points))
    return dict(type="data", symmetric=False, array=[h * scale - m for h, m in zip(high, middle)],
                arrayminus=[m - lo * scale for m, lo in zip(middle, low)], thickness=1)


def by_size(cells, field, title, y_title, scale):
    """Echo with bytes and serializer none, one line per transport; a menu chooses placement and wake."""
    views = {}
    for c in grouping.find(cells, workload="echo", serializer="none"):
        if c.is_ours and c.lang == "c" and c.axes["payload"].startswith("bytes:") and c.median(field) is not None:
            views.setdefault((c.axes["placement"], c.axes["wake"]), {}).setdefault(c.axes["transport"], []).append(c)
    views = dict(sorted(views.items(), key=lambda item: -sum(len(v) for v in item[1].values())))
    if not views:
        return None
    fig = figure(title, "payload in bytes", y_title)
    owner = []
    for view, transports in views.items():
        for transport, points in sorted(transports.items()):
            points.sort(key=lambda c: c.axes["size_bytes"])
            fig.add_trace(go.Scatter(
                x=[max(1, c.axes["size_bytes"]) for c in points], y=[c.median(field) * scale for c in points],
                error_y=error_bars(points, field, scale), name=transport, mode="lines+markers",
                line=dict(color=COLOURS.get(transport)), marker=dict(symbol=SYMBOLS.get(transport, "x"), size=9),
                customdata=[[c.text, words.time_text(c.median("p50_ns")), words.rate_text(c.median("messages_per_s"))]
                            for c in points],
                hovertemplate="%{customdata[0]}<br>p50 %{customdata[1]}, %{customdata[2]}<extra></extra>",
                visible=view == next(iter(views))))
            owner.append(view)
    fig.update_layout(updatemenus=[dict(
        x=1, xanchor="right", y=1.16, buttons=[dict(label=f"{p}, wake {w}", method="update",
                                                    args=[{"visible": [o == (p, w) for o in owner]}]) for p, w in views])])
    return fig


def serializer_cost(cells):
    """Echo over one transport: bars per payload and serializer."""
    groups = {}
    for c in words.between_envs(cells, workload="echo"):
        groups.setdefault((c.axes["transport"], c.axes["wake"], c.axes["placement"]), []).append(c)
    if not groups:
        return None
    key, members = max(groups.items(), key=lambda item: len({(c.axes["serializer"], c.axes["payload"]) for c in item[1]}))
    payloads = sorted({c.axes["payload"] for c in members if c.axes["serializer"] != "none"},
                      key=lambda p: min(c.axes["size_bytes"] for c in members if c.axes["payload"] == p))
    fig = figure(f"A round trip by serializer and payload, over {key[0]} ({key[1]}, {key[2]})", "payload", "p50 in µs", log_x=False)
    for serializer in ("none", "msgpack", "pickle", "cloudpickle", "dill"):
        points = {c.axes["payload"]: c for c in members if c.axes["serializer"] == serializer}
        shown = [p for p in payloads if p in points]
        if shown:
            fig.add_trace(go.Bar(x=shown, y=[points[p].median("p50_ns") / 1e3 for p in shown], name=serializer,
                                 marker_color=COLOURS.get(serializer),
                                 hovertemplate=serializer + ", %{x}: %{y:.3g} µs<extra></extra>"))
    fig.update_layout(barmode="group")
    return fig if fig.data else None


def share_chart(cells):
    """How much of a call serializing takes, per transport and serializer."""
    found = words.shares(cells)
    if not found:
        return None
    fig = figure("Share of serializing in a call", "size of the encoded payload in bytes", "share of p50", log_y=False)
    fig.update_yaxes(range=[0, 1.02], tickformat=".0%")
    for serializer in ("msgpack", "pickle", "cloudpickle", "dill"):
        points = [(c, s) for c, s in found if c.axes["serializer"] == serializer]
        if points:
            fig.add_trace(go.Scatter(
                x=[max(1, c.axes["size_bytes"]) for c, _ in points], y=[s for _, s in points], mode="markers", name=serializer,
                marker=dict(color=COLOURS[serializer], size=9, symbol=[SYMBOLS.get(c.axes["transport"], "x") for c, _ in points]),
                customdata=[c.text for c, _ in points], hovertemplate="%{customdata}: %{y:.0%}<extra></extra>"))
    fig.add_hline(y=0.5, line_dash="dot", annotation_text="half of the call")
    return fig


def control_chart(cells):
    """Echo of 64 bytes against the bare ping-pong of the same wake and placement."""
    points = [c for c in words.between_envs(cells, workload="echo", serializer="none", payload="bytes:64") if c.to_control]
    if not points:
        return None
    points.sort(key=lambda c: (c.axes["placement"], c.axes["wake"], c.to_control.estimate))
    fig = figure("64 B round trip, in multiples of the bare ping-pong", "", "p50 ÷ control", log_x=False)
    for transport in sorted({c.axes["transport"] for c in points}):
        mine = [c for c in points if c.axes["transport"] == transport]
        fig.add_trace(go.Bar(x=[f"{c.axes['placement']}, {c.axes['wake']}" for c in mine],
                             y=[c.to_control.estimate for c in mine], name=transport, marker_color=COLOURS.get(transport),
                             customdata=[c.control for c in mine],
                             hovertemplate=transport + ", %{x}: %{y:.2f}× %{customdata}<extra></extra>"))
    fig.add_hline(y=1, line_dash="dot", annotation_text="the bare mechanism")
    fig.update_layout(barmode="group")
    return fig


def all_charts(cells):
    """[(figure, caption)] of those for which there is data."""
    made = [
        (by_size(cells, "p50_ns", "Latency by transport and size", "p50 of a round trip in µs", 1e-3),
         "One request in flight, bytes as they are. Bars reach from the lowest to the highest block. Choose placement and wake above."),
        (by_size(cells, "bytes_per_s", "Throughput by transport and size", "bytes per second", 1),
         "Payload bytes per second, one request in flight."),
        (control_chart(cells), "How far the core is from two bare processes that use the same mechanism, sleep or spin the same "
                               "way and sit on the same processors."),
        (serializer_cost(cells), "The same round trip with each serializer; the difference to none is what serializing costs."),
        (share_chart(cells), "Estimate: (p50 − p50 with serializer none at the same transport, wake, placement and nearest size) / "
                             "p50. The marker's shape is the transport."),
    ]
    return [(fig, caption) for fig, caption in made if fig is not None]
