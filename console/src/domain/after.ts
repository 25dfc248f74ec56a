/** How long after the acceptance: `+266 ms`, `+4.1 s`, `+3 min`. */
export function after(from: string, at: string | null): string {
  if (!at) return "";
  const ms = Date.parse(at) - Date.parse(from);
  if (ms < 1000) return `+${ms} ms`;
  return ms < 60_000 ? `+${(ms / 1000).toFixed(1)} s` : ms < 3_600_000 ? `+${Math.round(ms / 60_000)} min` : `+${(ms / 3_600_000).toFixed(1)} h`;
}
