/** What somebody means who pastes something into the search: an id, a number in any writing, an address, or a name. */
export interface Meant { kind: "id" | "to" | "name"; value: string }

const ID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

export function meant(text: string): Meant | null {
  const value = text.trim();
  if (!value) return null;
  if (ID.test(value)) return { kind: "id", value: dashed(value.toLowerCase().replaceAll("-", "")) };
  const digits = value.replaceAll(/[\s().-]/g, "").replace(/^(\+?82|0082)0?/, "0");
  if (/^(0\d{8,11}|1\d{7})$/.test(digits) && !/[a-z]/i.test(value)) return { kind: "to", value: digits };
  if (/^\S+@\S+\.\S+$/.test(value) || /^(fcm|apns|webpush|user):/.test(value)) return { kind: "to", value };
  return { kind: "name", value };
}

const dashed = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
