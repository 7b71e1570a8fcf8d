"""What of a figure's words lies outside it."""

from __future__ import annotations

from matplotlib.backends.backend_agg import FigureCanvasAgg


def cut_off(figure):
    """Return the legends of a figure, and the titles and names of its axes, that its edges cut."""
    FigureCanvasAgg(figure).draw()
    edges = figure.bbox
    texts = [
        *figure.legends,
        *(text for axis in figure.axes for text in (axis.title, axis.xaxis.label, axis.yaxis.label)),
    ]
    boxes = [(text, text.get_window_extent()) for text in texts]
    return [
        text
        for text, box in boxes
        if not (edges.x0 <= box.x0 and box.x1 <= edges.x1 and edges.y0 <= box.y0 and box.y1 <= edges.y1)
    ]
