/** How many bytes a text has on a handset (cp949): the browser's own decoder, turned round. */
export const SMS_BYTES = 90;
export const LMS_BYTES = 2000;

export interface Counted { bytes: number; wrong: { sign: string; at: number }[] }

let table: Set<string> | undefined;

/** Every sign of two bytes that the decoder knows. */
export function twoByteSigns(decoder = new TextDecoder("euc-kr")): Set<string> {
  const found = new Set<string>();
  for (let lead = 0x81; lead <= 0xfe; lead++)
    for (let trail = 0x41; trail <= 0xfe; trail++) {
      const sign = decoder.decode(new Uint8Array([lead, trail]));
      if ([...sign].length === 1 && sign !== "�") found.add(sign);
    }
  return found;
}

/** The length of a text, and the signs that no handset shows, with their places (from 1). */
export function count(text: string, known = (table ??= twoByteSigns())): Counted {
  const counted: Counted = { bytes: 0, wrong: [] };
  [...text.normalize("NFC").replaceAll("\r\n", "\n")].forEach((sign, i) => {
    if (sign.codePointAt(0)! < 0x80) counted.bytes += 1;
    else if (known.has(sign)) counted.bytes += 2;
    else counted.wrong.push({ sign, at: i + 1 });
  });
  return counted;
}

export const typeOf = (bytes: number, subject: string): "sms" | "lms" | "long" =>
  bytes > LMS_BYTES ? "long" : bytes > SMS_BYTES || subject ? "lms" : "sms";
