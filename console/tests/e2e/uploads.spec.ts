/** A file of customers: checked first, its faults shown, only the good rows sent. */
import { accessible, expect, signIn, test } from "./base";

/** CP949 of a text whose letters are of the table below; the browser has no encoder for it. */
const CP949: Record<string, number[]> = { 이: [0xc0, 0xcc], 름: [0xb8, 0xa7], 번: [0xb9, 0xf8], 호: [0xc8, 0xa3], 김: [0xb1, 0xe8] };
const encoded = (text: string): Buffer => Buffer.from([...text].flatMap((sign) => CP949[sign] ?? [sign.charCodeAt(0)]));

test("a CP949 file with faulty rows shows exactly these, and sends only the good ones", async ({ page }) => {
  test.setTimeout(120_000);
  const rows = Array.from({ length: 60 }, (_, i) => (i % 20 === 7 ? `010-12,김` : `0102234${String(1000 + i)},김`));
  await signIn(page, "tenant", "/uploads");
  await page.locator("#up-file").setInputFiles({ name: "customers.csv", mimeType: "text/csv", buffer: encoded(["번호,이름", ...rows].join("\n")) });
  await expect(page.getByRole("heading", { name: /customers.csv/ })).toBeVisible();
  await expect(page.locator("#map-to")).toBeVisible({ timeout: 60_000 });
  await page.locator("#map-to").selectOption("번호");
  await page.locator("#u-text").fill("#{이름}님, 안내입니다");
  await page.locator("#map-이름").selectOption("이름");
  await accessible(page);
  await page.getByRole("button", { name: "확인하기" }).click();
  await expect(page.getByText("보낼 수 있음 57")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole("region", { name: "고칠 곳" }).getByRole("row")).toHaveCount(4);
  for (const row of ["9", "29", "49"]) await expect(page.getByRole("cell", { name: row, exact: true })).toBeVisible();
  await accessible(page);
  await page.getByRole("button", { name: "좋은 57줄 보내기" }).click();
  await expect(page.getByText("접수 57")).toBeVisible({ timeout: 60_000 });
  await page.reload();
  await expect(page.getByText("접수 57")).toBeVisible();
});
