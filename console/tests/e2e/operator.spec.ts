/** What operators see and do: approve, mute, drain, log levels, the live wallboard in many tabs. */
import { accessible, allow, api, demo, dialog, expect, signIn, test } from "./base";

test("a sender is registered by a tenant and approved by the operator", async ({ page, browser }) => {
  allow(page, /404/);
  const number = `070${String(Date.now()).slice(-8)}`;
  await api("POST", "/v1/identities", { channel: "mt", kind: "number", value: number });
  await signIn(page, "operator", "/admin/approvals");
  await page.getByRole("row").filter({ hasText: number }).click();
  await accessible(page);
  await page.getByRole("button", { name: "승인", exact: true }).click();
  await dialog(page).getByRole("button", { name: "승인", exact: true }).click();
  await expect(page.getByRole("row").filter({ hasText: number })).toHaveCount(0);
  const tenant = await (await browser.newContext({ baseURL: demo.gateway, locale: "ko-KR" })).newPage();
  await signIn(tenant, "tenant", `/identities?value=${number}`);
  await expect(tenant.getByRole("row").filter({ hasText: number })).toContainText("승인");
  await tenant.context().close();
});

test("draining a vendor shows its effect first, and is undone", async ({ page }) => {
  await signIn(page, "operator", "/admin/vendors?channel=rcs&vendor=nhn");
  const row = page.getByRole("row").filter({ hasText: "main" });
  await row.click();
  await page.getByRole("button", { name: "비우기", exact: true }).click();
  await page.locator("#f-reason").fill("journey");
  await page.getByRole("button", { name: "결과 미리 보기" }).click();
  await expect(page.getByRole("heading", { name: "이렇게 됩니다" })).toBeVisible();
  await accessible(page);
  await dialog(page).getByRole("button", { name: "비우기", exact: true }).click();
  await expect(row).toContainText("journey");
  await row.click();
  await page.getByRole("button", { name: "다시 쓰기" }).click();
  await dialog(page).getByRole("button", { name: "다시 쓰기" }).click();
  await expect(row).not.toContainText("journey");
});

test("a log level is changed for a minute, and ended", async ({ page }) => {
  await signIn(page, "operator", "/admin/functions");
  const row = page.getByRole("row").filter({ hasText: "collect" });
  await row.click();
  await page.getByRole("button", { name: "로그 수준 바꾸기" }).click();
  await page.locator("#f-minutes").fill("1");
  await page.locator("#f-reason").fill("journey");
  await dialog(page).getByRole("button", { name: "로그 수준 바꾸기" }).click();
  await expect(row).toContainText("debug");
  await row.click();
  await page.getByRole("button", { name: "로그 수준 되돌리기" }).click();
  await dialog(page).getByRole("button", { name: "로그 수준 되돌리기" }).click();
  await expect(row).not.toContainText("debug");
});

test("the wallboard is live in every one of eight tabs, and another opens", async ({ page }) => {
  test.setTimeout(120_000);
  await signIn(page, "operator", "/admin");
  const tabs = [page];
  for (let i = 0; i < 7; i++) {
    const tab = await page.context().newPage();
    await tab.goto("/console/admin");
    tabs.push(tab);
  }
  for (const tab of tabs) await expect(tab.getByRole("link", { name: /send_mt-fast/ })).toBeVisible({ timeout: 20_000 });
  const another = await page.context().newPage();
  await another.goto("/console/admin/lanes");
  await expect(another.getByRole("row").nth(1)).toBeVisible();
});

test("a paused lane is seen on the wallboard with its author's reason, and goes on", async ({ page }) => {
  await api("POST", "/v1/admin/lanes/ad/pause", { reason: "journey of a pause" }, demo.admin_key);
  try {
    await signIn(page, "operator", "/admin");
    await expect(page.getByText("journey of a pause").first()).toBeVisible({ timeout: 20_000 });
  } finally { await api("POST", "/v1/admin/lanes/ad/resume", {}, demo.admin_key); }
  await expect(page.getByText("journey of a pause")).toHaveCount(0, { timeout: 20_000 });
});

test("an id pasted into search lights the message's way over the map, hop by hop", async ({ page }) => {
  const { messages: [message] } = await api<{ messages: { message_id: string }[] }>("POST", "/v1/mt/messages", { sender: "0215441234", text: "follow me", recipients: [{ to: "01012345678" }] });
  await signIn(page, "operator", "/admin");
  await page.keyboard.press("Control+k");
  await page.locator("#search").fill(message!.message_id.toUpperCase());
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/admin/flow\\?message=${message!.message_id}`));
  for (const box of ["api_mt", "accepted", "route", "send.mt", "send_mt", "finished"]) {
    await expect(page.getByRole("button", { name: new RegExp(`${box.replace(".", "\\.")} 지나감`) })).toBeVisible({ timeout: 30_000 });
  }
  await expect(page.getByRole("button", { name: /api_kakao 지나감/ })).toHaveCount(0);
  await expect(page.locator("ol").getByText("전달됨")).toBeVisible({ timeout: 30_000 });
  await accessible(page);
});
