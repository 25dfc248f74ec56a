/** The one place that writes times, money and numbers. Times are Korea's, and say so. */
const ZONE = "Asia/Seoul";
const exact = new Intl.DateTimeFormat("sv-SE", { timeZone: ZONE, dateStyle: "short", timeStyle: "medium", hourCycle: "h23" });
const numbers = new Intl.NumberFormat("ko-KR");

export const time = (at: string | null | undefined): string => (at ? exact.format(new Date(at)) : "–");
export const number = (value: number | null | undefined): string => (value == null ? "–" : numbers.format(value));
export const money = (value: string | number | null | undefined): string =>
  value == null ? "–" : `₩${new Intl.NumberFormat("ko-KR", { maximumFractionDigits: 2 }).format(Number(value))}`;
export const percent = (part: number, whole: number): string => (whole ? `${((100 * part) / whole).toFixed(1)} %` : "–");
/** A phone number without its middle; other addresses keep their ends. */
export const masked = (to: string): string =>
  /^0\d{8,11}$/.test(to) ? `${to.slice(0, 3)}-****-${to.slice(-4)}` : to.includes("@") ? to.replace(/^(.).*(@.*)$/, "$1***$2") : to;
/** Text from outside, its control characters and direction marks made visible. */
export const visible = (text: string): string =>
  text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => `⟨U+${c.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}⟩`);
export const day = (at: Date): string => exact.format(at).slice(0, 10);
