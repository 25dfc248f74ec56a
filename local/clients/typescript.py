"""clients/typescript: ims.js, which runs as it is, and ims.d.ts, its types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from local.clients import Json, Operation, camel, operations

MADE = "// Generated from docs/openapi.yaml by `make clients`: change local/clients, not this file.\n"
SCRIPT = '''/** What the API refused: `status`, `type`, `title`, `detail`, `errors` with a pointer each (RFC 9457). */
export class Problem extends Error {
  constructor(status, body) {
    super(`${status} ${body.title ?? ''}: ${body.detail ?? ''}`)
    this.name = 'Problem'
    this.status = status
    this.body = body
    this.type = String(body.type ?? '').split('/').pop()
    this.errors = body.errors ?? []
  }
}

const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000))

/** Calls with one key. What makes or changes something carries an Idempotency-Key, so it may be tried again. */
export class Ims {
  constructor(key, baseUrl = 'http://127.0.0.1:30001', { timeout = 30, tries = 4 } = {}) {
    Object.assign(this, { key, baseUrl: baseUrl.replace(/\\/$/, ''), timeout, tries })
  }

  /** All items of a list, page by page. */
  async *pages(operation, query = {}) {
    let cursor
    do {
      const page = await operation.call(this, cursor ? { ...query, cursor } : query)
      yield* page.items
      cursor = page.next
    } while (cursor)
  }

  async call(method, path, { query = {}, body, headers = {}, once } = {}) {
    const url = new URL(this.baseUrl + path)
    for (const [name, value] of Object.entries(query)) if (value != null) url.searchParams.set(name, String(value))
    const sent = { authorization: `Bearer ${this.key}` }
    for (const [name, value] of Object.entries(headers)) if (value != null) sent[name] = String(value)
    if (once !== undefined) sent['idempotency-key'] = once || crypto.randomUUID()
    const raw = body === undefined || body instanceof Uint8Array
    if (!raw) sent['content-type'] = 'application/json'
    const safe = once !== undefined || ['GET', 'PUT', 'DELETE'].includes(method)
    for (let left = safe ? this.tries - 1 : 0; ; left--) {
      let answer
      try {
        const signal = AbortSignal.timeout(this.timeout * 1000)
        answer = await fetch(url, { method, headers: sent, body: raw ? body : JSON.stringify(body), signal })
      } catch (error) {
        if (!left) throw error
        await wait(1)
        continue
      }
      const json = (answer.headers.get('content-type') ?? '').includes('json')
      const said = answer.status === 204 ? undefined : json ? await answer.json() : await answer.text()
      if (answer.ok) return said
      const problem = new Problem(answer.status, json ? said : { title: answer.statusText })
      const waits = [429, 503].includes(answer.status) || problem.type === 'in-flight'
      if (!left || !waits) throw problem
      await wait(Math.min(Number(answer.headers.get('retry-after') ?? 1), 30))
    }
  }
'''
TYPES = '''export interface ProblemBody { type: string; title: string; status: number; detail: string; errors: ProblemError[] }
export interface ProblemError { pointer: string; code: string; detail: string }

export class Problem extends Error {
  status: number
  type: string
  body: ProblemBody
  errors: ProblemError[]
}

export interface Options { timeout?: number; tries?: number }
export interface Once { idempotencyKey?: string }

'''


def script(document: Json) -> str:
    """ims.js."""
    return MADE + SCRIPT + "".join(f"\n{_method(one)}" for one in operations(document)) + "}\n"


def _method(one: Operation) -> str:
    path = re.sub(r"{(\w+)}", lambda found: f"${{encodeURIComponent({camel(found[1])})}}", one.path)
    arguments = [camel(place) for place in one.places]
    passed = []
    if one.form or one.body is not None:
        arguments.append("body")
        passed.append("body")
    if one.query or one.headers or one.once or one.form:
        arguments.append("given = {}")
    if one.query:
        names = (f"{_quoted(p['name'])}: given[{_quoted(p['name'])}]" for p in one.query)
        passed.append("query: { " + ", ".join(names) + " }")
    headers = [f"{_quoted(p['name'].lower())}: given.{camel(p['name'])}" for p in one.headers]
    headers += ["'content-type': given.contentType ?? 'application/octet-stream'"] if one.form else []
    if headers:
        passed.append("headers: { " + ", ".join(headers) + " }")
    if one.once:
        passed.append("once: given.idempotencyKey ?? ''")
    call = f"this.call('{one.method}', `{path}`" + (f", {{ {', '.join(passed)} }}" if passed else "") + ")"
    return f"  /** {_words(one)} */\n  {camel(one.name)}({', '.join(arguments)}) {{\n    return {call}\n  }}\n"


def _words(one: Operation) -> str:
    return (one.summary or one.name).rstrip(".").replace("*/", "") + "."


def _quoted(name: str) -> str:
    return f"'{name}'"


def types(document: Json) -> str:
    """ims.d.ts."""
    schemas = document["components"]["schemas"]
    parts = [f"export type {_type_name(name)} = {_type(schema)}\n" for name, schema in sorted(schemas.items())]
    head = (
        "export class Ims {\n"
        "  constructor(key: string, baseUrl?: string, options?: Options)\n"
        "  pages<T, Q>(operation: (query: Q) => Promise<{ items: T[]; next: string | null }>, query?: Q): AsyncGenerator<T>\n"
        "  call(method: string, path: string, given?: object): Promise<unknown>\n"
    )
    methods = [_declared(one) for one in operations(document)]
    return MADE + TYPES + "\n".join(parts) + "\n" + head + "".join(methods) + "}\n"


def _declared(one: Operation) -> str:
    arguments = [f"{camel(place)}: string" for place in one.places]
    if one.form:
        arguments.append("body: Uint8Array")
    elif one.body is not None:
        arguments.append(f"body{'' if one.body_required else '?'}: {_type(one.body)}")
    given = [f"'{p['name']}'?: {_type(p['schema'])}" for p in one.query]
    given += [f"{camel(p['name'])}?: string" for p in one.headers] + (["contentType?: string"] if one.form else [])
    if given or one.once:
        both = ([f"{{ {'; '.join(given)} }}"] if given else []) + (["Once"] if one.once else [])
        arguments.append(f"given?: {' & '.join(both)}")
    result = "string" if one.text else "void" if one.result is None else _type(one.result)
    return f"  /** {_words(one)} */\n  {camel(one.name)}({', '.join(arguments)}): Promise<{result}>\n"


def _type_name(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _type(schema: Json) -> str:
    """A schema as a type."""
    if "$ref" in schema:
        return _type_name(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(one) for one in schema["enum"])
    for word, sign in (("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")):
        if word in schema:
            return "(" + sign.join(_type(one) for one in schema[word]) + ")"
    kinds = schema.get("type", "object" if "properties" in schema else None)
    listed = kinds if isinstance(kinds, list) else [kinds]
    return " | ".join(_simple(kind, schema) for kind in listed)


def _simple(kind: Any, schema: Json) -> str:
    if kind == "array":
        return f"Array<{_type(schema.get('items', {}))}>"
    if kind == "object":
        return _object(schema)
    return {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}.get(
        kind, "unknown"
    )


def _object(schema: Json) -> str:
    required = schema.get("required", ())
    fields: Iterable[str] = [
        f"{json.dumps(name)}{'' if name in required else '?'}: {_type(one)}"
        for name, one in schema.get("properties", {}).items()
    ]
    more = schema.get("additionalProperties")
    if not fields:
        return f"Record<string, {_type(more) if isinstance(more, dict) and more else 'unknown'}>"
    return "{ " + "; ".join(fields) + " }"
