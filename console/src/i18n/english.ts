/** All English words, loaded on demand. */
const files = import.meta.glob<{ default: Record<string, unknown> }>("./en/*.json", { eager: true });

export const words: Record<string, unknown> = Object.assign({}, ...Object.values(files).map((file) => file.default)) as Record<string, unknown>;
