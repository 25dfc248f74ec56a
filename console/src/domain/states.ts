/** Every state that the API tells, and how it is shown: sign, word and colour, never colour alone. */
export type Tone = "ok" | "bad" | "warn" | "info" | "idle";

const TONES: Record<Tone, string[]> = {
  ok: ["delivered", "approved", "active", "done", "closed", "up", "live", "resolved", "replayed", "checked", "open-invitation", "accepted-all", "sent-digest", "true", "ok"],
  bad: ["failed", "rejected", "firing", "exhausted", "disabled", "suspended", "open", "refused", "silent", "down", "dead", "blocked", "critical"],
  warn: ["expired", "uncertain", "pending", "half-open", "half_open", "paused", "submitted", "in_review", "suspect", "warning", "waiting", "unseen", "gone"],
  info: ["sending", "sent", "routed", "accepted", "checking", "running"],
  idle: ["scheduled", "held", "canceled", "draft", "asleep", "rest", "at rest", "dropped", "ended", "none", "false", "test", "queued"],
};
const SIGNS: Record<Tone, string> = { ok: "✓", bad: "✕", warn: "!", info: "→", idle: "·" };
const OWN_SIGNS: Record<string, string> = { expired: "△", uncertain: "?", held: "‖", paused: "‖", scheduled: "○" };

export const FINAL = new Set(["delivered", "failed", "expired", "canceled"]);

export const toneOf = (state: string): Tone =>
  (Object.keys(TONES) as Tone[]).find((tone) => TONES[tone].includes(state)) ?? "idle";
export const signOf = (state: string): string => OWN_SIGNS[state] ?? SIGNS[toneOf(state)];
