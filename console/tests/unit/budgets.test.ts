import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";

interface Chunk { file: string; css?: string[]; imports?: string[]; isEntry?: boolean; isDynamicEntry?: boolean; src?: string }
const DIST = join(import.meta.dirname, "../../../functions/console/dist");
const KB = 1024;
const MANIFEST = join(DIST, ".vite/manifest.json");

/** Whole loads need a build: `make console`; without one there is nothing to weigh. */
describe.skipIf(!existsSync(MANIFEST))("how much a browser loads, gzip", () => {
  const chunks = existsSync(MANIFEST) ? (JSON.parse(readFileSync(MANIFEST, "utf8")) as Record<string, Chunk>) : {};
  const size = (file: string): number => gzipSync(readFileSync(join(DIST, file))).length;
  const whole = (name: string, seen = new Set<string>()): Set<string> => {
    const chunk = chunks[name];
    if (!chunk || seen.has(chunk.file)) return seen;
    seen.add(chunk.file);
    chunk.css?.forEach((file) => seen.add(file));
    chunk.imports?.forEach((other) => whole(other, seen));
    return seen;
  };
  const weigh = (...names: string[]): number => { const files = new Set<string>(); names.forEach((n) => whole(n, files)); return [...files].reduce((all, file) => all + size(file), 0); };
  const pages = Object.keys(chunks).filter((name) => chunks[name]!.isDynamicEntry && name.endsWith(".vue"));

  it("to sign in: at most 120 KB", () => expect(weigh("index.html", "src/features/signin/SignInPage.vue")).toBeLessThanOrEqual(120 * KB));
  it("any page: at most 160 KB", () => expect(pages.filter((page) => weigh("index.html", page) > 160 * KB)).toEqual([]));
  it("a page's own part: at most 40 KB", () => expect(pages.filter((page) => size(chunks[page]!.file) > 40 * KB)).toEqual([]));
  it("has pages at all", () => expect(pages.length).toBeGreaterThan(10));
});
