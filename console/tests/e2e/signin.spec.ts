/** Who may come in, and what each role sees. */
import { accessible, allow, api, demo, dialog, expect, signIn, simulator, test } from "./base";

test("six wrong passwords lock a login, known or not, and the page says for how long", async ({ page }) => {
  allow(page, /401|429/);
  await page.goto("/console/sign-in");
  await accessible(page);
  await page.locator("#email").fill(`nobody-${Date.now()}@client.example`);
  for (let i = 0; i < 6; i++) {
    await page.locator("#password").fill(`wrong password ${i}`);
    await page.keyboard.press("Enter");
    await expect(page.locator(".problem")).toBeVisible();
  }
  await expect(page.getByText(/초 뒤에 다시/)).toBeVisible();
  await accessible(page);
});

test("an invited viewer sees that sending needs another role, and the API refuses it too", async ({ page, browser }) => {
  const email = `viewer-${Date.now()}@client.example`;
  const password = `Long enough ${Date.now()}`;
  allow(page, /403/);
  await signIn(page, "tenant", "/people");
  await page.getByRole("button", { name: "초대", exact: true }).click();
  await page.locator("#f-email").fill(email);
  await dialog(page).getByRole("button", { name: "초대", exact: true }).click();
  const confirm = page.locator("#confirm-password");
  if (await confirm.waitFor({ timeout: 3000 }).then(() => true, () => false)) {
    await confirm.fill(demo.console_users.tenant.password);
    await page.keyboard.press("Enter");
  }
  await expect(page.getByRole("dialog")).toHaveCount(0);
  let link = "";
  await expect.poll(async () => {
    const { items } = await simulator<{ items: { text: string }[] }>("GET", `/mails?to=${email}`);
    const said = Buffer.from(items.at(-1)?.text.split(/\r?\n\r?\n/)[1] ?? "", "base64").toString("utf8");
    link = /\/console\/invitations\/\S+/.exec(said)?.[0] ?? "";
    return link;
  }, { timeout: 20_000 }).not.toBe("");
  const viewer = await (await browser.newContext({ baseURL: demo.gateway, locale: "ko-KR" })).newPage();
  await viewer.goto(link);
  await viewer.locator("#name").fill("보는 사람");
  await viewer.locator("#password").fill(password);
  await accessible(viewer);
  await viewer.getByRole("button", { name: "초대 수락" }).click();
  await viewer.locator("#email").fill(email);
  await viewer.locator("#password").fill(password);
  await viewer.keyboard.press("Enter");
  await expect(viewer.locator("#menu")).toBeVisible();
  await viewer.goto("/console/send/mt");
  await expect(viewer.getByText("발송 역할이 필요합니다")).toBeVisible();
  const csrf = await viewer.evaluate(async () => ((await (await fetch("/v1/sessions/current")).json()) as { csrf: string }).csrf);
  const status = await viewer.evaluate(async (token) => (await fetch("/v1/mt/messages", {
    method: "POST", headers: { "content-type": "application/json", "x-csrf-token": token }, body: JSON.stringify({ sender: "0215441234", text: "no", recipients: [{ to: "01012345678" }] }),
  })).status, csrf);
  expect(status).toBe(403);
  await viewer.context().close();
});

test("a reservation is moved and then canceled, and the page says how many never left", async ({ page }) => {
  const ref = `reserved-${Date.now()}`;
  const day = (n: number): string => new Date(Date.now() + n * 86_400_000 + 9 * 3_600_000).toISOString().slice(0, 10);
  const people = Array.from({ length: 3 }, (_, i) => ({ to: `0102345678${i}` }));
  await api("POST", "/v1/mt/messages", { sender: "0215441234", text: "later", recipients: people, request_ref: ref, scheduled_at: `${day(1)}T09:00:00+09:00` });
  await signIn(page, "tenant", `/requests?request_ref=${ref}`);
  const row = page.getByRole("row").filter({ hasText: ref });
  await row.click();
  await accessible(page);
  await page.getByRole("button", { name: "예약 시각 바꾸기" }).click();
  await page.locator("#f-scheduled_at").fill(`${day(2)}T10:30`);
  await dialog(page).getByRole("button", { name: "예약 시각 바꾸기" }).click();
  await expect(row).toContainText(`${day(2)} 10:30`);
  await row.click();
  await page.getByRole("button", { name: "요청 취소" }).click();
  await dialog(page).getByRole("button", { name: "요청 취소" }).click();
  await expect(dialog(page).locator("pre").first()).toHaveText("3");
});

test("a call is tried in the reference by a test key, and by no other", async ({ page }) => {
  await signIn(page, "tenant", "/docs");
  await page.locator("#wanted").fill("GET /v1/me account");
  await page.locator("summary").first().click();
  const card = page.locator("details[open]").first();
  await card.locator("input[type=password]").fill(demo.live_key);
  await card.getByRole("button", { name: "호출" }).click();
  await expect(card.getByText("시험용 키(ims_test_…)만")).toBeVisible();
  await card.locator("input[type=password]").fill(demo.test_key);
  await card.locator("input.mono").fill("/v1/me");
  await card.getByRole("button", { name: "호출" }).click();
  await expect(card.locator("pre[role=status]")).toContainText('"username": "demo"');
  await accessible(page);
});
