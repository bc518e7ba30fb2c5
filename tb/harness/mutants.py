"""Small changes of the RTL, each at one place of the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


@dataclass(frozen=True)
class Mutant:
    """One change of a file.

    file : below ``hw/rtl``
    line : of the change
    change : the old and the new text
    start, end : of the old text in the file, in characters
    new : text
    """

    file: str
    line: int
    change: str
    start: int
    end: int
    new: str

    def applied(self, source: str) -> str:
        """The changed file."""
        return source[: self.start] + self.new + source[self.end :]


def mutants_of(file: str, source: str) -> list[Mutant]:
    """Every mutant of a file, in the order of its text: operators, comparisons, numbers, terms, branches.

    Only code that builds hardware is changed: not annotations, defaults, docstrings, nor what is raised.
    """
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node in _code(ast.parse(source)):
        for other in _others(node):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            old, new = source[start:end], f"({ast.unparse(other)})"
            short = " ".join(old.split())
            found.append(Mutant(file, node.lineno, f"{short} -> {ast.unparse(other)}", start, end, new))
    return sorted(found, key=lambda own: (own.start, own.end, own.new))


def _code(tree: ast.AST) -> Iterator[ast.expr]:
    """Expressions within functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            for statement in node.body:
                yield from _expressions(statement)
        elif isinstance(node, ast.ClassDef):
            yield from _code(node)


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr)):
        return
    if isinstance(node, ast.expr):
        yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "defaults"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _expressions(child)


def _others(node: ast.expr) -> Iterator[ast.expr]:
    """What may stand in place of an expression."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in _BINARY:
            yield ast.BinOp(left, _BINARY[type(op)](), right)
            if isinstance(op, (ast.BitAnd, ast.BitOr, ast.Add)):
                yield from (left, right)
        case ast.Compare(left, [op], [right]) if type(op) in _COMPARED:
            yield ast.Compare(left, [_COMPARED[type(op)]()], [right])
        case ast.UnaryOp(ast.Invert(), operand):
            yield operand
        case ast.Constant(bool(), _):
            return
        case ast.Constant(int(value), _):
            yield ast.Constant(value + 1)
            if value > 1:
                yield ast.Constant(value - 1)
        case ast.Call(ast.Name("Mux"), [test, yes, no]):
            yield ast.Call(node.func, [test, no, yes], [])
        case ast.Call(ast.Attribute(_, "If" | "Elif"), [test]):
            holds = ast.Call(ast.Attribute(test, "bool"), [], [])
            yield ast.Call(node.func, [ast.UnaryOp(ast.Invert(), holds)], [])
        case ast.Call(ast.Attribute(_, "eq"), [_]):
            yield ast.List([])  # no assignment


def all_mutants(rtl: Path) -> list[Mutant]:
    """Of every file of the core, without those of an ear or a board."""
    return [
        mutant
        for path in sorted(rtl.glob("*.py"))
        if path.name != "__init__.py"
        for mutant in mutants_of(path.name, path.read_text(encoding="utf-8"))
    ]
