/** What every journey has: the platform's addresses, signing in, axe; it fails on a CSP violation, a page error or an unexpected console error. */
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import AxeBuilder from "@axe-core/playwright";
import { expect, test as base, type Cookie, type Locator, type Page } from "@playwright/test";

export interface User { email: string; password: string; totp_secret?: string }
export interface Demo {
  gateway: string; simulator: string; watch: string; username: string; live_key: string; test_key: string; admin_key: string; webhook_secret: string;
  console_users: { tenant: User; operator: User };
}
export const demo = JSON.parse(readFileSync(process.env.IMS_DEMO ?? "../.ims/demo.json", "utf8")) as Demo;
export { expect };

/** Statuses that a journey provokes on purpose, by address part: `allow(page, "422")`. */
const allowed = new WeakMap<Page, RegExp[]>();
export const allow = (page: Page, what: RegExp): void => { allowed.get(page)?.push(what); };

export const test = base.extend<{ troubles: string[] }>({
  baseURL: async ({}, use) => { await use(demo.gateway); },
  troubles: [async ({ page }, use) => {
    const troubles: string[] = [];
    allowed.set(page, []);
    page.on("pageerror", (error) => troubles.push(`page error: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error") troubles.push(`${message.text()} ${message.location().url}`);
    });
    await use(troubles);
    const left = troubles.filter((trouble) => !(allowed.get(page) ?? []).some((one) => one.test(trouble)));
    expect(left, "troubles of the page").toEqual([]);
  }, { auto: true }],
});

/** Six digits of RFC 6238 for a secret; one of each step is taken once, so who comes again within it waits for the next. */
export function totp(secret: string, at = Date.now()): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replace(/=+$/, "")].map((c) => letters.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac("sha1", key).update(step).digest();
  const from = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** An operator's cookies of this run: a code of the second factor is good once, and a journey need not wait for the next. */
let kept: Cookie[] = [];

/** Sign in by the form (an operator once, then by the cookie); lands on the person's first page, or on `to`. */
export async function signIn(page: Page, who: keyof Demo["console_users"], to = "/"): Promise<void> {
  const user = demo.console_users[who];
  if (user.totp_secret && kept.length) {
    await page.context().addCookies(kept);
    await page.context().addInitScript(() => localStorage.setItem("ims.signed-in", "yes"));
    await page.goto(`/console${to}`);
  } else {
    await page.goto(`/console/sign-in${to === "/" ? "" : `?next=${encodeURIComponent(to)}`}`);
    await page.locator("#email").fill(user.email);
    await page.locator("#password").fill(user.password);
    await page.keyboard.press("Enter");
    if (user.totp_secret) await giveCode(page, user.totp_secret);
  }
  await expect(page.locator("#menu")).toBeVisible();
  if (user.totp_secret) kept = await page.context().cookies();
}

async function giveCode(page: Page, secret: string): Promise<void> {
  allow(page, /401.*\/v1\/sessions$/); // how the API asks for the code
  const code = page.locator("#code");
  await code.waitFor();
  for (let tries = 0; tries < 4; tries++) {
    await code.fill(totp(secret));
    await page.keyboard.press("Enter");
    if (await page.locator("#menu").waitFor({ timeout: 12_000 }).then(() => true, () => false)) return;
  }
}

/** The dialog on top. */
export const dialog = (page: Page): Locator => page.getByRole("dialog").last();

/** No violation of WCAG 2.2 AA or best practice. */
export async function accessible(page: Page): Promise<void> {
  const found = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  expect(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(" | ")}`)).toEqual([]);
}

/** A call of the API by a key, for what a journey needs beforehand. */
export async function api<T>(method: string, path: string, body?: unknown, key = demo.live_key): Promise<T> {
  const answer = await fetch(demo.gateway + path, {
    method, headers: { authorization: `Bearer ${key}`, "content-type": "application/json" }, body: body === undefined ? null : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** A call of the vendor simulator. */
export async function simulator<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(demo.simulator.replace(/\/vendors.*$/, "") + path, {
    method, headers: { "content-type": "application/json" }, body: body === undefined ? null : JSON.stringify(body),
  });
  return (await answer.json().catch(() => undefined)) as T;
}
