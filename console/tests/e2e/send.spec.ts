/** Sending from the form: counted, checked, sent once, found. */
import { accessible, allow, expect, signIn, simulator, test } from "./base";

test("bytes are counted as handsets count, and a sign that none shows is named at its place", async ({ page }) => {
  await signIn(page, "tenant", "/send/mt");
  const text = page.locator("#c-text");
  await text.fill("똠방각하");
  await expect(page.getByText("8 / 90 바이트")).toBeVisible();
  await text.fill("가".repeat(45));
  await expect(page.getByText("90 / 90 바이트")).toBeVisible();
  await text.fill(`${"가".repeat(45)}a`);
  await expect(page.getByText("91 / 2,000 바이트")).toBeVisible();
  await text.fill("hi 😀");
  await expect(page.getByText("4번째 글자 😀")).toBeVisible();
  await accessible(page);
});

test("a checked message is sent once however often one clicks, and arrives as written", async ({ page }) => {
  const mark = `콘솔 ${Date.now()}`;
  await signIn(page, "tenant", "/send/mt");
  await page.locator("#c-text").fill(`${mark} #{name}님`);
  await page.locator("#recipients").fill("010-1234-5678, name=홍길동");
  await page.getByRole("button", { name: "확인", exact: true }).click();
  await expect(page.getByRole("heading", { name: "확인 결과" })).toBeVisible();
  await expect(page.locator(".bubble")).toContainText(`${mark} 홍길동님`);
  await accessible(page);
  await page.getByRole("button", { name: /1건 보내기/ }).dblclick();
  await expect(page.getByText("1건을 접수했습니다")).toBeVisible();
  await page.getByRole("link", { name: "경과" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: "전달됨" }).first()).toBeVisible();
  const { items } = await simulator<{ items: { text: string }[] }>("GET", "/received");
  expect(items.filter((one) => one.text === `${mark} 홍길동님`)).toHaveLength(1);
});

test("each fault of a refused request stands at its field, and the summary takes the focus", async ({ page }) => {
  allow(page, /422|403/);
  await signIn(page, "tenant", "/send/mt");
  await page.locator("#c-text").fill("x".repeat(4000));
  await page.locator("#recipients").fill("01012345678");
  await page.getByRole("button", { name: "확인", exact: true }).click();
  await expect(page.locator(".problem")).toBeFocused();
  await expect(page.locator("#c-text")).toHaveAttribute("aria-invalid", "true");
  await accessible(page);
});
