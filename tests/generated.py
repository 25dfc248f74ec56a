"""Requests made from the OpenAPI document: what fits, and what almost does. By a seed, so that a fault comes again."""

from __future__ import annotations

import base64
import copy
import json
import random
import string
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]

TIMES = (
    "2026-12-01T09:00:00+09:00", "2026-12-01T00:00:00Z", "2100-01-01T00:00:00Z", "1970-01-01T00:00:00Z",
    "2026-12-01T09:00:00", "2026-13-41T99:00:00Z", "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00+23:59",
)  # fmt: skip
UUIDS = ("01a20ca7-24ba-78bb-beb6-488995c00000", "01a20ca7-24ba-78bb-beb6-488995c000a0", "0" * 32, "not-an-id")
WORDS = (
    "", " ", "a", "010-1234-5678", "0215441234", "a@client.example", "fcm:magic-0000", "https://client.example/x",
    "한글과 emoji 🙂", "#{name}", "#{", "\u0000", "\u202e\u200b", "%00%ff", "' OR 1=1 --", "a" * 300, "-1", "null",
    "../../etc/passwd", "\r\nx: y", "١٢٣", "=1+1", "\ud7ff\ue000", "true", "0", "NaN",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e300, 2**63, -(2**63), 10**40, "", "x", [], {}, [[]], [None], {"": None},
    {"a": {"b": [1, {"c": "d"}]}}, ["x"] * 40, "\u0000", "a" * 5000,
)  # fmt: skip


class Maker:
    """Values of a document's schemas; `known`: what was seen of a kind, by the name of a path's parameter."""

    def __init__(self, document: Json, seed: str, known: dict[str, list[str]] | None = None) -> None:
        self._document, self._random = document, random.Random(seed)
        self._known = known or {}

    def value(self, schema: Json, depth: int = 0) -> Any:
        """One value that a schema allows, as far as it is simple to make."""
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        for word in ("oneOf", "anyOf"):
            if word in schema:
                return self.value(self._random.choice(schema[word]), depth + 1)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = self._random.choice(kind)
        made: Any = getattr(self, f"_{kind}")(schema, depth)
        return made

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            found: Any = self._document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = {**found, **{k: v for k, v in schema.items() if k != "$ref"}}
        for part in schema.get("allOf", ()):
            inner = self._resolved(part)
            properties = {**schema.get("properties", {}), **inner.get("properties", {})}
            required = [*schema.get("required", ()), *inner.get("required", ())]
            schema = {**inner, **schema, "properties": properties, "required": required, "type": "object"}
        return schema

    def _object(self, schema: Json, depth: int) -> Json:
        wanted = schema.get("required", ())
        properties = schema.get("properties", {})
        chosen = [n for n in properties if n in wanted or (depth < 5 and self._random.random() < 0.4)]
        made = {name: self.value(properties[name], depth + 1) for name in chosen}
        more = schema.get("additionalProperties")
        if isinstance(more, dict) and depth < 5:
            for _ in range(self._random.randrange(3)):
                made[self._random.choice(("name", "order", "auth", "realtime", "mt", "한글"))] = self.value(
                    more, depth + 1
                )
        return made

    def _array(self, schema: Json, depth: int) -> list[Any]:
        low = schema.get("minItems", 0)
        size = min(max(low, self._random.randrange(4)), schema.get("maxItems", 4))
        return [self.value(schema.get("items", {}), depth + 1) for _ in range(0 if depth > 6 and not low else size)]

    def _string(self, schema: Json, _: int) -> str:
        form = schema.get("format")
        if form in ("date-time", "date"):
            return self._random.choice(TIMES)[: 10 if form == "date" else None]
        if form == "uuid":
            return self._random.choice(UUIDS)
        low, high = schema.get("minLength", 0), schema.get("maxLength", 80)
        text = self._random.choice(WORDS)
        if len(text) < low or self._random.random() < 0.3:
            text = "".join(
                self._random.choices(
                    string.ascii_letters + string.digits + "-_ .", k=self._random.randint(low, max(low, min(high, 40)))
                )
            )
        return text[:high]

    def _integer(self, schema: Json, _: int) -> int:
        low, high = schema.get("minimum", 0), schema.get("maximum", 1000)
        return self._random.choice((low, high, self._random.randint(low, max(low, high))))

    def _number(self, schema: Json, depth: int) -> float:
        return self._integer({k: int(v) for k, v in schema.items() if k in ("minimum", "maximum")}, depth) + 0.5

    def _boolean(self, _schema: Json, _: int) -> bool:
        return self._random.random() < 0.5

    def _null(self, _schema: Json, _: int) -> None:
        return None

    # --- requests ---

    def path(self, template: str) -> str:
        """A path with its parameters filled in: with what is there, or with what is not."""
        parts = []
        for part in template.split("/"):
            name = part[1:-1] if part.startswith("{") else ""
            parts.append(self._segment(name) if name else part)
        return "/".join(parts)

    def _segment(self, name: str) -> str:
        known = self._known.get(name, [])
        if known and self._random.random() < 0.7:
            return self._random.choice(known)
        text = self._random.choice((*UUIDS, *WORDS, "2026-11-30", "auth"))
        return text.replace("/", "") or "none"

    def query(self, operation: Json) -> str:
        """Some of the query's parameters; now and then one that is none."""
        given = [p for p in map(self._resolved, operation.get("parameters", ())) if p["in"] == "query"]
        chosen = [p for p in given if p.get("required") or self._random.random() < 0.4]
        pairs = [(p["name"], self._text(p["schema"])) for p in chosen]
        if self._random.random() < 0.1:
            pairs.append(("offset", "1"))
        return "&".join(f"{quote(name)}={quote(text)}" for name, text in pairs)

    def _text(self, schema: Json) -> str:
        if self._random.random() < 0.2:
            return self._random.choice(WORDS)
        made = self.value(schema)
        return str(made).lower() if isinstance(made, bool) else str(made)

    def body(self, operation: Json) -> tuple[bytes, str]:
        """A body with its type: as the schema wants it, bent somewhere, or none at all."""
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return self._random.choice((b"", b"{}", b"x", base64.b64decode("/9j/4AAQ"))), "application/json"
        schema = content["application/json"].get("schema", {})
        examples = [one["value"] for one in content["application/json"].get("examples", {}).values()]
        made = (
            copy.deepcopy(self._random.choice(examples))
            if examples and self._random.random() < 0.4
            else self.value(schema)
        )
        if self._random.random() < 0.6:
            made = self._bent(made)
        raw = json.dumps(made, ensure_ascii=self._random.random() < 0.5).encode("utf-8", "surrogatepass")
        if self._random.random() < 0.1:
            raw = self._random.choice((b"", b"{", raw[:-1], b"\xff\xfe", b"[" * 3000, raw + raw, b"NaN"))
        kind = "application/json" if self._random.random() < 0.95 else self._random.choice(("text/plain", "", "x"))
        return raw, kind

    def _bent(self, value: Any) -> Any:
        """The same with something else at some place."""
        if isinstance(value, dict) and value and self._random.random() < 0.8:
            name = self._random.choice(list(value))
            what = self._random.random()
            if what < 0.15:
                return {k: v for k, v in value.items() if k != name}
            if what < 0.25:
                return {**value, self._random.choice(WORDS): self._random.choice(ODD)}
            return {**value, name: self._bent(value[name])}
        if isinstance(value, list) and value and self._random.random() < 0.7:
            place = self._random.randrange(len(value))
            return [self._bent(one) if i == place else one for i, one in enumerate(value)]
        return self._random.choice((*ODD, *WORDS))
