"""Scenes that several tests look at, and what a page holds."""

from __future__ import annotations

import base64
import json
import re

import numpy as np


def page_data(html: str) -> dict:
    """Return what the script of a page reads."""
    return json.loads(re.search(r'<script type="application/json" id="scene">(.*?)</script>', html, re.DOTALL).group(1))


def values_of(panel: dict, channel: int = 0) -> np.ndarray:
    """Return the values of a channel of a page's panel at its points."""
    stored = base64.b64decode(panel["channels"][channel]["values"])
    return np.frombuffer(stored, dtype="<f2").reshape(panel["shape"]).astype(float)


def points_of(panel: dict) -> np.ndarray:
    """Return the points of a page's panel, (n1, n2, n3, 3) in Å."""
    places = np.moveaxis(np.indices(panel["shape"]), 0, -1)
    return np.array(panel["origin"]) + places @ np.array(panel["steps"]).T
