"""NIR files as flat graphs: nodes of known types, with checked arrays, and edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError, shown
from fxp_model.exchange.hdf5 import Table
from fxp_model.folders import shortened

PARAMETERS: dict[str, tuple[str, ...]] = {
    "Input": (),
    "Output": (),
    "Affine": ("weight", "bias"),
    "Linear": ("weight",),
    "Scale": ("scale",),
    "Conv1d": ("weight", "bias", "stride", "padding", "dilation", "groups"),
    "Delay": ("delay",),
    "Flatten": (),
    "IF": ("r", "v_threshold"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLIF": ("tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "w_in"),
    "I": ("r",),
    "LI": ("tau", "r", "v_leak"),
    "CubaLI": ("tau_mem", "tau_syn", "r", "v_leak", "w_in"),
}
"""Nodes that can be the same here, and the arrays that each must have (NIR 1.0)."""
FIRING = ("IF", "LIF", "CubaLIF")
NEURONS = (*FIRING, "I", "LI", "CubaLI")


@dataclass(frozen=True)
class Node:
    """A node; `said` is what `name` and `kind` make in a message."""

    name: str
    kind: str
    arrays: dict[str, NDArray[np.float64]]

    @property
    def said(self) -> str:
        """For messages."""
        return f"node {shown(self.name)} ({self.kind})"


@dataclass(frozen=True)
class Graph:
    """Nodes by name, edges between them, and the texts of the file's metadata; without subgraphs."""

    nodes: dict[str, Node]
    edges: tuple[tuple[str, str], ...]
    metadata: dict[str, str]

    def into(self, name: str) -> list[str]:
        """The nodes with an edge to `name`."""
        return [source for source, target in self.edges if target == name]


def graph_of(path: Path, table: Table) -> Graph:
    """The graph of the NIR file `path`, which holds `table`, its subgraphs inlined: node ``b`` of subgraph
    ``a`` becomes ``a.b``.

    Raises
    ------
    InputError
        Naming file and node: no NIR file, a node of another kind than `PARAMETERS`, an array that is
        missing, not finite or of another type, an edge of no node, more than one port.
    """
    node = table.get("node")
    if not isinstance(node, dict) or np.any(node.get("type") != "NIRGraph"):
        raise InputError(f"{path}: must be a NIR file, with a graph as its node")
    try:
        nodes, edges = _flattened(node, "", 0)
        texts = node.get("metadata", {})
        metadata = (
            {key: text for key, text in texts.items() if isinstance(text, str)}
            if isinstance(texts, dict)
            else {}
        )
        graph = Graph({own.name: own for own in nodes}, tuple(edges), metadata)
        for kind in ("Input", "Output"):
            count = sum(own.kind == kind for own in nodes)
            if count != 1:
                raise InputError(f"a graph must have 1 {kind}, not {count}")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return graph


_MAX_NESTING = 8


def _flattened(graph: Table, prefix: str, depth: int) -> tuple[list[Node], list[tuple[str, str]]]:
    """Nodes and edges of a graph and its subgraphs; ports of subgraphs are gone."""
    where = f"subgraph {shown(prefix[:-1])}: " if prefix else ""
    if depth > _MAX_NESTING:
        raise InputError(f"{where}must be nested at most {_MAX_NESTING} deep")
    tables, own_edges = graph.get("nodes"), graph.get("edges", [])
    if not isinstance(tables, dict):
        raise InputError(f"{where}nodes is missing")
    names = set(tables)
    edges = [_edge(where, edge, names) for edge in _pairs(where, own_edges)]
    if len(set(edges)) != len(edges):
        twice = next(edge for index, edge in enumerate(edges) if edge in edges[:index])
        raise InputError(f"{where}edge {twice[0]} -> {twice[1]} must be there once")
    nodes: list[Node] = []
    inner: list[tuple[str, str]] = []
    ports: dict[str, dict[str, str]] = {}
    for name, table in tables.items():
        if not isinstance(table, dict) or not isinstance(table.get("type"), str):
            raise InputError(f"{where}node {shown(name)}: type is missing")
        if table["type"] == "NIRGraph":
            below, between = _flattened(table, f"{prefix}{name}.", depth + 1)
            ports[name] = {own.kind: own.name for own in below if own.kind in ("Input", "Output")}
            if sum(own.kind in ("Input", "Output") for own in below) != 2 or len(ports[name]) != 2:
                raise InputError(f"{where}subgraph {shown(name)} must have 1 Input and 1 Output")
            nodes += below
            inner += between
        else:
            nodes.append(_node(f"{prefix}{name}", table))
    outer = [
        (ports[a]["Output"] if a in ports else prefix + a, ports[b]["Input"] if b in ports else prefix + b)
        for a, b in edges
    ]
    inner += outer
    for own in ports.values():
        nodes, inner = _without(nodes, inner, set(own.values()))
    return nodes, inner


def _without(
    nodes: list[Node], edges: list[tuple[str, str]], gone: set[str]
) -> tuple[list[Node], list[tuple[str, str]]]:
    """Nodes and edges without the ports `gone`, whose neighbours are joined."""
    for name in gone:
        sources = [a for a, b in edges if b == name]
        targets = [b for a, b in edges if a == name]
        edges = [edge for edge in edges if name not in edge]
        edges += [(a, b) for a in sources for b in targets]
    return [node for node in nodes if node.name not in gone], edges


def _pairs(where: str, edges: Any) -> Iterator[tuple[str, str]]:
    rows = edges.tolist() if isinstance(edges, np.ndarray) else edges
    if not isinstance(rows, list):
        raise InputError(f"{where}edges must be pairs of names")
    for row in rows:
        if not isinstance(row, list) or len(row) != 2 or not all(isinstance(name, str) for name in row):
            raise InputError(f"{where}edges must be pairs of names, not {shown(row)}")
        yield row[0], row[1]


def _edge(where: str, edge: tuple[str, str], names: set[str]) -> tuple[str, str]:
    for name in edge:
        if name not in names:
            known = shortened(sorted(names), 20)
            raise InputError(
                f"{where}edge {edge[0]} -> {edge[1]}: there is no node {shown(name)} (nodes: {known})"
            )
    return edge


def _node(name: str, table: Table) -> Node:
    kind = table["type"]
    said = f"node {shown(name)} ({kind})"
    if kind not in PARAMETERS:
        raise InputError(f"{said}: no such node can be the same here; known are {', '.join(PARAMETERS)}")
    for key in PARAMETERS[kind]:
        if key not in table:
            raise InputError(f"{said}: {key} is missing")
    arrays = {}
    for key, value in table.items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
            arrays[key] = value.astype(np.float64)
            if not np.isfinite(arrays[key]).all():
                raise InputError(
                    f"{said}: {key} must be finite, not {arrays[key][~np.isfinite(arrays[key])].flat[0]}"
                )
        elif key in PARAMETERS[kind] and not (key == "padding" and isinstance(value, str)):
            raise InputError(f"{said}: {key} must be numbers, not {shown(value)}")
    return Node(name, kind, arrays)
