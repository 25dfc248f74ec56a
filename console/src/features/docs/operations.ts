/** The OpenAPI document as a list of operations that can be searched. */
interface Media { example?: unknown; examples?: Record<string, { value?: unknown; $ref?: string }> }
interface Raw {
  operationId?: string; summary?: string; description?: string; "x-scopes"?: string[];
  requestBody?: { content?: Record<string, Media> }; responses?: Record<string, { description?: string; content?: Record<string, Media> }>;
}
export interface Document { paths: Record<string, Record<string, Raw>> }
export interface Operation {
  id: string; method: string; path: string; summary: string; description: string; scopes: string; examples: { name: string; text: string }[]; text: string;
}
const METHODS = ["get", "post", "put", "patch", "delete"];

export function describe(document: Document): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => (item[method] ? [one(path, method, item[method])] : [])));
}

function one(path: string, method: string, raw: Raw): Operation {
  const made = {
    id: raw.operationId ?? `${method} ${path}`, method: method.toUpperCase(), path, summary: raw.summary ?? "", description: raw.description ?? "",
    scopes: (raw["x-scopes"] ?? []).join(" · "), examples: [...exampleOf("request", raw.requestBody?.content), ...answers(raw)],
  };
  return { ...made, text: `${made.method} ${path} ${made.summary} ${made.description} ${made.scopes}`.toLowerCase() };
}

const answers = (raw: Raw): { name: string; text: string }[] =>
  Object.entries(raw.responses ?? {}).filter(([status]) => status < "300").flatMap(([status, answer]) => exampleOf(status, answer.content));

function exampleOf(name: string, content: Record<string, Media> | undefined): { name: string; text: string }[] {
  const media = Object.values(content ?? {})[0];
  const value = media?.example ?? Object.values(media?.examples ?? {})[0]?.value;
  return value === undefined ? [] : [{ name, text: JSON.stringify(value, null, 2) }];
}

/** A call by a key instead of the session, and its whole answer as text. */
export async function tried(method: string, path: string, key: string, body: string): Promise<string> {
  const sends = method !== "GET" && method !== "DELETE" && body.trim() !== "";
  try {
    const answer = await fetch(path, {
      method, credentials: "omit", body: sends ? body : null,
      headers: { authorization: `Bearer ${key}`, ...(sends ? { "content-type": "application/json" } : {}) },
    });
    const text = await answer.text();
    return `${answer.status} ${answer.statusText}\n\n${pretty(text)}`;
  } catch (e) { return String(e); }
}

const pretty = (text: string): string => { try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; } };
