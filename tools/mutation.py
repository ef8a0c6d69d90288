"""Small faults for a Python module, one at a time, made in its syntax tree: what a test suite has to notice."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_SWAPPED = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.Mod: ast.Add, ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.UAdd: ast.USub, ast.USub: ast.UAdd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A module with one fault.

    Attributes:
        line: where it is.
        change: what was changed into what.
    """

    line: int
    change: str
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module. Texts of errors, annotations and docstrings are left alone: they decide nothing."""
    original = ast.parse(source)
    number = 0
    while True:
        tree = copy.deepcopy(original)
        mutator = _Mutator(number)
        tree = mutator.visit(tree)
        if mutator.made is None:
            return
        line, change = mutator.made
        yield Mutant(line, change, ast.fix_missing_locations(tree))
        number += 1


class _Mutator(ast.NodeTransformer):
    """Makes the n-th of all faults."""

    def __init__(self, wanted: int) -> None:
        self._left = wanted
        self.made: tuple[int, str] | None = None

    def visit(self, node: ast.AST) -> ast.AST:
        if self.made is not None:
            return node
        for change, mutated in _faults(node):
            if self._left == 0:
                self.made = (getattr(node, "lineno", 0), change)
                return mutated
            self._left -= 1
        return self._below(node)

    def _below(self, node: ast.AST) -> ast.AST:
        match node:
            case ast.Raise() | ast.Expr(value=ast.Constant()) | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
                return node
            case ast.AnnAssign():
                if node.value is not None:
                    node.value = self.visit(node.value)  # type: ignore[assignment]
                return node
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for name in ("defaults", "kw_defaults"):
                    setattr(node.args, name, [each and self.visit(each) for each in getattr(node.args, name)])
                node.body = [self.visit(each) for each in node.body]  # type: ignore[misc]
                return node
        return self.generic_visit(node)


def _faults(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What can be wrong at one node, with the node that is."""
    yield from _other_words(node)
    yield from _other_ways(node)


def _other_words(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Other operators and values."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _SWAPPED:
            yield from _swapped(node, "ops", [_SWAPPED[type(operator)]()])
        case ast.BoolOp() | ast.BinOp() if type(node.op) in _SWAPPED:
            yield from _swapped(node, "op", _SWAPPED[type(node.op)]())
        case ast.UnaryOp(op=ast.Not()):
            yield f"{ast.unparse(node)}: without not", node.operand
        case ast.Constant(value=bool()):
            yield from _swapped(node, "value", not node.value)
        case ast.Constant(value=int() | float()):
            yield from _swapped(node, "value", node.value + 1)
        case ast.Constant(value=str() | bytes()) if node.value:
            yield from _swapped(node, "value", node.value[:-1])
        case ast.Tuple(ctx=ast.Load()) | ast.List(ctx=ast.Load()) | ast.Set() if len(node.elts) > 1:
            for place, element in enumerate(node.elts):
                rest = [each for each in node.elts if each is not element]
                yield f"without {ast.unparse(element)} (element {place})", _with(node, "elts", rest)


def _other_ways(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Other conditions and results, and what is not done."""
    match node:
        case ast.If() | ast.IfExp() | ast.While():
            test = ast.UnaryOp(ast.Not(), node.test)
            yield f"if not {ast.unparse(node.test)}", _with(node, "test", test)
        case ast.Return(value=ast.expr()) if not isinstance(node.value, ast.Constant):
            yield f"{ast.unparse(node)}: None", _with(node, "value", ast.Constant(None))
        case ast.Raise():
            yield f"{ast.unparse(node)[:60]}: left out", ast.Pass(lineno=node.lineno, col_offset=0)
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield f"{ast.unparse(node)[:60]}: left out", ast.Pass(lineno=node.lineno, col_offset=0)
        case ast.keyword() if node.arg and not isinstance(node.value, ast.Constant):
            yield f"{ast.unparse(node)}: None", _with(node, "value", ast.Constant(None))


def _swapped(node: ast.AST, field: str, value: object) -> Iterator[tuple[str, ast.AST]]:
    mutated = _with(node, field, value)
    yield f"{ast.unparse(node)[:60]}: {ast.unparse(mutated)[:60]}", mutated


def _with(node: ast.AST, field: str, value: object) -> ast.AST:
    mutated = copy.copy(node)
    setattr(mutated, field, value)
    return mutated
