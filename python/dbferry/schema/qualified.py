"""Other names of schemas in what a server prints."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dbferry.engines import Engine

TOKENS = {
    False: re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|[\w$]+|.""", re.DOTALL),
    True: re.compile(r"""'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|[\w$]+|.""", re.DOTALL),
}
OBJECT = re.compile(r"::reg[a-z]+")
"""Follows a text that is the name of an object; in PostgreSQL."""


def requalified(text: str, schemas: Mapping[str, str], engine: Engine) -> str:
    """The text of an engine with other names of schemas before its points."""
    backslashes = engine.dialect is not None and engine.dialect.backslashes
    tokens = TOKENS[backslashes].findall(text)
    for place, token in enumerate(tokens[:-1]):
        if token[0] == "'" and OBJECT.match("".join(tokens[place + 1 : place + 4])):
            inner = requalified(token[1:-1].replace("''", "'"), schemas, engine)
            tokens[place] = "'" + inner.replace("'", "''") + "'"
        if tokens[place + 1] != "." or (place and tokens[place - 1] == "."):
            continue
        name = token[1:-1].replace(token[0] * 2, token[0]) if token[0] in '"`' else token
        if name in schemas:
            tokens[place] = engine.quote(schemas[name])
    return "".join(tokens)
