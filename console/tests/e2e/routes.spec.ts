/** Every page, by every role that has it: axe finds nothing in light and dark, no word of the other language is left, nothing scrolls sideways at 320 px. */
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { OPERATOR_LISTS } from "@/features/lists/operator";
import { TENANT_LISTS } from "@/features/lists/tenant";
import { allow, api, expect, signIn, test } from "./base";

const LISTS = { tenant: Object.values(TENANT_LISTS).map((l) => l.at), operator: Object.values(OPERATOR_LISTS).map((l) => l.at) };
const OWN = {
  tenant: ["/", "/send/mt", "/send/kakao", "/send/rcs", "/send/email", "/send/push", "/callbacks", "/usage", "/digests", "/check", "/me", "/docs", "/nowhere"],
  operator: ["/admin", "/admin/flow", "/admin/flow?as=table", "/me"],
};
const WHOLE = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"];
/** Hangul that is data or a language's own name, not a word of ours. */
const HANGUL = /[가-힣]/;

async function violations(page: Page, colours = false): Promise<string[]> {
  const axe = new AxeBuilder({ page });
  const found = await (colours ? axe.withRules(["color-contrast"]) : axe.withTags(WHOLE)).analyze();
  return found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 4).map((n) => n.target.join(" ")).join(" | ")}`);
}
const settled = async (page: Page): Promise<void> => {
  await page.locator("h1").waitFor();
  await expect(page.getByText("불러오는 중입니다…")).toHaveCount(0);
};

for (const who of ["tenant", "operator"] as const) {
  test(`${who}: each page is accessible in light and dark`, async ({ page }) => {
    test.setTimeout(300_000);
    allow(page, /404|410|403|503/);
    await api("POST", "/v1/mt/messages", { sender: "0215441234", text: "routes", recipients: [{ to: "01012345678" }] });
    await signIn(page, who);
    const troubles: string[] = [];
    for (const path of [...OWN[who], ...LISTS[who]]) {
      await page.goto(`/console${path}`);
      await settled(page);
      troubles.push(...(await violations(page)).map((v) => `${path} ${v}`));
      await page.evaluate(() => { document.documentElement.dataset.theme = "dark"; });
      troubles.push(...(await violations(page, true)).map((v) => `${path} dark ${v}`));
    }
    expect(troubles).toEqual([]);
  });

  test(`${who}: each page in English has no Korean word, and fits 320 px`, async ({ page }) => {
    test.setTimeout(300_000);
    allow(page, /404|410|403|503/);
    await signIn(page, who);
    await page.evaluate(() => localStorage.setItem("ims.language", "en"));
    await page.setViewportSize({ width: 320, height: 640 });
    const troubles: string[] = [];
    for (const path of [...OWN[who], ...LISTS[who]]) {
      await page.goto(`/console${path}`);
      await page.locator("h1").waitFor();
      const words = await page.evaluate(() => {
        const said: string[] = [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          const at = node.parentElement;
          if (at && !at.closest("[lang=ko], [role=grid], table, pre, code, .data, header a, option, .bubble, svg")) said.push(node.textContent ?? "");
        }
        const labels = [...document.querySelectorAll("[aria-label], [placeholder]")].map((e) => e.getAttribute("aria-label") ?? e.getAttribute("placeholder") ?? "");
        return [...said, ...labels];
      });
      troubles.push(...words.filter((w) => HANGUL.test(w)).map((w) => `${path} says ${w.trim().slice(0, 60)}`));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) troubles.push(`${path} scrolls ${wide} px sideways`);
    }
    expect(troubles).toEqual([]);
  });
}
