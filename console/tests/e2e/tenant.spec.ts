/** Keys, callbacks, search, roles: what an account's people do themselves. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { accessible, allow, api, demo, dialog, expect, signIn, test } from "./base";

interface Accepted { request_id: string; messages: { message_id: string }[] }

test("a new key is shown once, works at once, and is dead after it is revoked", async ({ page }) => {
  const name = `journey ${Date.now()}`;
  await signIn(page, "tenant", "/keys");
  await page.getByRole("button", { name: "키 만들기" }).click();
  await page.locator("#f-name").fill(name);
  await dialog(page).getByRole("button", { name: "키 만들기" }).click();
  await confirmed(page, "tenant");
  const key = (await dialog(page).locator("pre").textContent()) ?? "";
  expect(key).toMatch(/^ims_test_/);
  await accessible(page);
  await dialog(page).getByRole("button", { name: "닫기" }).last().click();
  await api("GET", "/v1/messages?limit=1", undefined, key);
  await expect(page.getByText(key)).toHaveCount(0);
  await page.getByRole("row").filter({ hasText: name }).click();
  await page.getByRole("button", { name: "키 폐기" }).click();
  await dialog(page).getByRole("button", { name: "키 폐기" }).click();
  await expect(page.getByRole("row").filter({ hasText: name })).toHaveCount(0);
  await expect.poll(async () => api("GET", "/v1/messages?limit=1", undefined, key).then(() => 200, (e: Error) => e.message), { timeout: 20_000 }).toContain("401");
});

/** Give the password again where it is asked for. */
async function confirmed(page: Parameters<typeof signIn>[0], who: "tenant" | "operator"): Promise<void> {
  allow(page, /403/);
  const box = page.locator("#confirm-password");
  if (await box.waitFor({ timeout: 3000 }).then(() => true, () => false)) {
    await box.fill(demo.console_users[who].password);
    await page.keyboard.press("Enter");
  }
}

test("an id, a number in any writing and a ref find their message", async ({ page }) => {
  allow(page, /404/);
  const ref = `find-${Date.now()}`;
  const { messages: [message] } = await api<Accepted>("POST", "/v1/mt/messages", { sender: "0215441234", text: "find me", recipients: [{ to: "01077778888", ref }] });
  await signIn(page, "tenant", "/messages");
  const box = page.locator("#search");
  const find = async (text: string): Promise<void> => {
    await page.keyboard.press("Control+k");
    await box.fill(text);
    await box.press("Enter");
  };
  await find(message!.message_id);
  await expect(page).toHaveURL(new RegExp(`/messages/${message!.message_id}`));
  await find("+82 10-7777-8888");
  await expect(page).toHaveURL(/to=01077778888/);
  await expect(page.getByRole("row").filter({ hasText: ref })).toBeVisible();
  await find(ref);
  await expect(page.getByRole("row").filter({ hasText: ref })).toBeVisible();
});

test("the test call shows the receiver's answer", async ({ page }) => {
  const server = createServer((_, answer) => { answer.writeHead(500).end("no room <script>alert(1)</script>"); });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    await signIn(page, "tenant", "/callbacks");
    await page.locator("#test-uri").fill(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.getByRole("button", { name: "호출", exact: true }).click();
    await expect(page.getByText("✕ 500")).toBeVisible();
    await expect(page.getByText("no room <script>alert(1)</script>")).toBeVisible();
    await accessible(page);
  } finally { server.close(); }
});

test("a cookie without the CSRF token, or with a foreign origin, changes nothing", async ({ page }) => {
  allow(page, /403/);
  await signIn(page, "tenant", "/keys");
  const status = await page.evaluate(async () => (await fetch("/v1/keys", { method: "POST", headers: { "content-type": "application/json" }, body: '{"name": "no"}' })).status);
  expect(status).toBe(403);
  const stored = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(stored).not.toMatch(/ims_(live|test)_|whsec_|csrf/i);
});

test("send, find and read a message by the keyboard alone", async ({ page }) => {
  await signIn(page, "tenant");
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await expect(page).toHaveURL(/\/send\/mt/);
  await page.locator("#c-text").focus();
  await page.keyboard.type("by keyboard");
  await page.locator("#recipients").focus();
  await page.keyboard.type("01012345678");
  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("heading", { name: "확인 결과" })).toBeVisible();
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("1건을 접수했습니다")).toBeVisible();
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  const grid = page.getByRole("grid");
  await grid.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("listitem").filter({ hasText: "전달됨" }).first()).toBeVisible();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});
