"""Calls that must not stand in the gateway and that ruff has no rule for, found in a file's syntax tree."""

import ast

SECRET_COMPARED = "how long it takes tells how much is right: use hmac.compare_digest, or look digests up"
_NEVER_FALSE = {"ssl", "verify", "verify_ssl", "check_hostname"}
_SECRETS = ("_token", "_secret", "password", "authorization", "get_secret_value")


def forbidden(source):
    """Give `line: why` for each."""
    return [f"{node.lineno}: {why}" for node in ast.walk(ast.parse(source)) for why in _objections(node)]


def _objections(node):
    match node:
        case ast.Call(func=ast.Attribute(attr="exception"), args=[_, *_]):
            yield "an exception's text and frames may hold tokens: log an event with exc_info=error"
        case ast.Call(func=ast.Attribute(attr="create_task", value=ast.Name(id=name))) if "loop" in name:
            yield "a lost task swallows its error: use asyncio.TaskGroup"
        case ast.Call(func=ast.Attribute(attr="SSLContext")):
            yield "make contexts with gateway.net.tls"
        case ast.keyword(
            arg="show_locals" | "capture_locals" | "tracebacks_show_locals", value=ast.Constant(value=True)
        ):
            yield "local variables hold tokens"
        case ast.keyword(arg=name, value=ast.Constant(value=False)) if name in _NEVER_FALSE:
            yield "certificates are always checked"
        case ast.Assign(targets=[ast.Attribute(attr="check_hostname")], value=ast.Constant(value=False)):
            yield "certificates are always checked"
        case ast.Compare(ops=[ast.Eq() | ast.NotEq()]) if any(map(_is_secret, (node.left, *node.comparators))):
            yield SECRET_COMPARED


def _is_secret(node):
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Call(func=ast.Attribute(attr=name)):
            return name.lower().endswith(_SECRETS)
    return False
