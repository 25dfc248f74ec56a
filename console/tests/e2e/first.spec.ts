/** Somebody signs in, finds a message and reads its timeline; signing out ends it. */
import { accessible, api, expect, signIn, test } from "./base";

interface Accepted { messages: { message_id: string }[] }

test("a message is found and its timeline reaches the end without a reload", async ({ page }) => {
  const body = { sender: "0215441234", text: "console", recipients: [{ to: "01012345678", ref: `console-${Date.now()}` }] };
  const { messages: [message] } = await api<Accepted>("POST", "/v1/mt/messages", body);
  await signIn(page, "tenant", `/messages/${message!.message_id}`);
  await expect(page.getByRole("listitem").filter({ hasText: "전달됨" }).first()).toBeVisible();
  await accessible(page);
  await page.goto("/console/messages");
  await expect(page.getByRole("row").nth(1)).toBeVisible();
  await accessible(page);
});

test("who has signed out sees nothing by Back", async ({ page }) => {
  await signIn(page, "tenant", "/keys");
  await expect(page.getByRole("heading", { name: "API 키" })).toBeVisible();
  await page.getByRole("button", { name: "로그아웃" }).click();
  await expect(page.getByRole("heading", { name: "로그인" })).toBeVisible();
  await page.goBack();
  await expect(page.locator("#password")).toBeVisible();
});
