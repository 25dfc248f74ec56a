import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LISTS } from "@/features/lists";
import { OPERATOR, TENANT } from "@/app/menu";

type Words = Record<string, unknown>;
const HERE = join(import.meta.dirname, "../../src/i18n");
const flat = (words: Words, at = ""): [string, string][] =>
  Object.entries(words).flatMap(([k, v]) => (typeof v === "object" && v !== null ? flat(v as Words, `${at}${k}.`) : [[`${at}${k}`, String(v)] as [string, string]]));
const of = (language: string): Map<string, string> =>
  new Map(readdirSync(join(HERE, language)).flatMap((file) => flat(JSON.parse(readFileSync(join(HERE, language, file), "utf8")) as Words)));
const [ko, en] = [of("ko"), of("en")];
const names = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]!).sort();

describe("both languages", () => {
  it("have the same words", () => expect([...ko.keys()].sort()).toEqual([...en.keys()].sort()));
  it("have the same placeholders", () => expect([...ko].filter(([k, v]) => names(v).join() !== names(en.get(k) ?? "").join()).map(([k]) => k)).toEqual([]));
  it("are not each other", () => expect([...en].filter(([k, v]) => /[가-힣]/.test(v.replaceAll("(광고)", "")) && k !== "shell.otherLanguage").map(([k]) => k)).toEqual([]));
});

describe("words of what is data", () => {
  it("every list has a title, and every column, filter, field and action its word", () => {
    const wanted = Object.entries(LISTS).flatMap(([name, list]) => [
      `page.${name}`, ...list.columns.map((c) => `col.${c.label ?? c.field}`), ...(list.filters ?? []).map((f) => `col.${f.name}`),
      ...(list.further ? [`act.${list.further.name}`] : []),
      ...[...(list.actions ?? []), ...(list.create ? [list.create] : [])].flatMap((a) => [`act.${a.name}`, ...(a.fields ?? []).map((f) => `col.${f.name}`)]),
    ]);
    expect([...new Set(wanted)].filter((k) => !ko.has(k))).toEqual([]);
  });
  it("every entry of the menu has a title, and no two share a letter", () => {
    for (const groups of [TENANT, OPERATOR]) {
      const entries = groups.flatMap((g) => g.entries);
      expect(entries.filter((e) => !ko.has(`page.${e.name}`))).toEqual([]);
      const keys = entries.flatMap((e) => (e.key ? [e.key] : []));
      expect(new Set(keys).size).toBe(keys.length);
    }
  });
});
