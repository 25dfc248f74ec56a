/** What a list page is made of: columns, filters, and what may be done with a row; the pages themselves are data. */
import type { Asked, PathOf } from "@/api/client";

export type Row = Record<string, unknown>;
export type Kind =
  | "text" | "id" | "time" | "to" | "money" | "number" | "percent" | "state" | "code" | "channel" | "word" | "counts" | "groups" | "levels";

export interface Column { field: string; label?: string; kind?: Kind; width?: string }
export interface Field {
  name: string;
  type?: "text" | "password" | "number" | "lines" | "json" | "choice" | "many" | "time" | "yes" | "long";
  choices?: readonly string[];
  required?: boolean;
  /** What it begins with; of a time `+2`, that many hours from now. */
  value?: string;
  /** The row's field that it begins with. */
  from?: string;
}
export interface Action {
  name: string;
  method: "get" | "post" | "put" | "patch" | "delete";
  path: (row: Row) => string;
  scope: string;
  /** The key that does it while the row is marked. */
  key?: string;
  fields?: readonly Field[];
  fixed?: (row: Row) => Row;
  query?: (row: Row) => NonNullable<Asked["query"]>;
  when?: (row: Row) => boolean;
  danger?: boolean;
  /** Its effect is shown before it is made. */
  dryRun?: boolean;
  /** Fields of the answer to show, once. */
  shows?: readonly string[];
  /** The answer is a file of this name. */
  file?: string;
}
export interface Filter { name: string; choices?: readonly string[]; time?: boolean }
export interface List {
  at: string;
  path: PathOf<"get">;
  scope: string;
  query?: Record<string, string>;
  columns: readonly Column[];
  filters?: readonly Filter[];
  unpaged?: boolean;
  /** Where a row leads; without it, a drawer shows the row with its actions. */
  open?: (row: Row) => string;
  /** A further page of a row, and its word, in the drawer. */
  further?: { name: string; to: (row: Row) => string };
  create?: Action;
  actions?: readonly Action[];
}

/** A field of a row by its path: `callback.callback_uri`. */
export const at = (row: Row, field: string): unknown =>
  field.split(".").reduce<unknown>((value, part) => (value as Row | null | undefined)?.[part], row);

/** The written fields of a form as the API takes them; what is empty is left out. */
export function bodyOf(fields: readonly Field[], given: Record<string, string>): Row {
  const body: Row = {};
  for (const field of fields) {
    const text = given[field.name] ?? "";
    if (field.type === "yes") body[field.name] = text === "true";
    else if (text.trim() !== "") body[field.name] = READ[field.type ?? "text"](text);
  }
  return body;
}

/** What a field begins with: its own value, or the row's. */
export function startOf(field: Field, row: Row, now = Date.now()): string {
  const found = field.from === undefined ? undefined : at(row, field.from);
  if (found == null) return field.type === "time" && field.value ? soon(now, Number(field.value)) : (field.value ?? "");
  return Array.isArray(found) ? found.join(",") : String(found);
}

/** Some hours from now, as a field for Korea's time has it. */
const soon = (now: number, hours: number): string => new Date(now + (hours + 9) * 3_600_000).toISOString().slice(0, 16);

const READ: Record<NonNullable<Field["type"]>, (text: string) => unknown> = {
  text: (t) => t, password: (t) => t, long: (t) => t, choice: (t) => t, yes: (t) => t === "true",
  number: (t) => (Number.isNaN(Number(t)) ? t : Number(t)),
  lines: (t) => t.split("\n").map((line) => line.trim()).filter(Boolean),
  many: (t) => t.split(",").filter(Boolean),
  json: (t) => { try { return JSON.parse(t) as unknown; } catch { return t; } },
  time: (t) => `${t.length === 16 ? `${t}:00` : t}+09:00`,
};
