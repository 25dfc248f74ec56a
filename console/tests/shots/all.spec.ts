/** Every page in both themes and languages, as pictures: `make screenshots` (after `make demo` and `ims demo data`). */
import { mkdirSync } from "node:fs";
import { OPERATOR_LISTS } from "@/features/lists/operator";
import { TENANT_LISTS } from "@/features/lists/tenant";
import { signIn, test } from "../e2e/base";

const OUT = process.env.SHOTS ?? "../build/screenshots";
/** Only these, by commas: `ko-light/tenant-overview`; all, when none is named. */
const ONLY = (process.env.ONLY ?? "").split(",").filter(Boolean);
const SETTLE_MS = Number(process.env.SETTLE_MS ?? 700);

const PAGES = {
  tenant: ["/", "/send/mt", "/send/kakao", "/send/rcs", "/send/email", "/send/push", "/callbacks", "/usage", "/digests", "/check", "/me", "/docs", ...Object.values(TENANT_LISTS).map((l) => l.at)],
  operator: ["/admin", "/admin/flow", ...Object.values(OPERATOR_LISTS).map((l) => l.at)],
};

for (const who of ["tenant", "operator"] as const) {
  test(`pictures of each page of a ${who}`, async ({ page, troubles }) => {
    test.setTimeout(900_000);
    await signIn(page, who);
    for (const language of ["ko", "en"]) for (const theme of ["light", "dark"]) {
      await page.evaluate(([l, t]) => { localStorage.setItem("ims.language", l!); localStorage.setItem("ims.theme", t!); }, [language, theme]);
      mkdirSync(`${OUT}/${language}-${theme}`, { recursive: true });
      for (const path of PAGES[who]) {
        const name = `${language}-${theme}/${who}${path === "/" ? "-overview" : path.replaceAll("/", "-")}`;
        if (ONLY.length && !ONLY.includes(name)) continue;
        await page.goto(`/console${path}`);
        await page.locator("h1").waitFor();
        await page.waitForTimeout(SETTLE_MS);
        await page.screenshot({ path: `${OUT}/${name}.png` });
      }
    }
    troubles.length = 0;
  });
}
