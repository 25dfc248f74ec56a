/** Days of Korea, as the API counts them. */
const OFFSET_MS = 9 * 3_600_000;
export const DAY_MS = 86_400_000;

/** When the day of Korea began that a time is in, some days before or after. */
export const dayStart = (at = Date.now(), days = 0): string =>
  new Date((Math.floor((at + OFFSET_MS) / DAY_MS) + days) * DAY_MS - OFFSET_MS).toISOString();
/** `2026-12-01` of a time. */
export const dayName = (at: number | string = Date.now(), days = 0): string =>
  new Date((typeof at === "string" ? Date.parse(at) : at) + OFFSET_MS + days * DAY_MS).toISOString().slice(0, 10);
