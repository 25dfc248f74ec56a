/** Lines of the recipients' box: `01012345678, ref=A-1, name=홍길동` → what the API takes. */
export interface Recipient { to: string; ref?: string; variables?: Record<string, string> }

export function recipientsOf(text: string): Recipient[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).map(one);
}

function one(line: string): Recipient {
  const [to = "", ...more] = line.split(/[,\t;]/).map((part) => part.trim());
  const made: Recipient = { to };
  for (const part of more) {
    const at = part.indexOf("=");
    if (at < 1) continue;
    const [name, value] = [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    if (name === "ref") made.ref = value;
    else (made.variables ??= {})[name] = value;
  }
  return made;
}

/** The names in `#{…}` of some texts, once each. */
export const variablesIn = (...texts: string[]): string[] =>
  [...new Set(texts.flatMap((t) => [...t.matchAll(/#\{([^{}]+)\}/g)].map((m) => m[1] ?? "")))];

/** A text as one recipient sees it, filled in one pass. */
export const filled = (text: string, values: Record<string, string> = {}): string =>
  text.replaceAll(/#\{([^{}]+)\}/g, (whole, name: string) => values[name] ?? whole);
