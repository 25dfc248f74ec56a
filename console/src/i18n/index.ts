/** Korean is in the first load, English comes when somebody wants it. Each file of a language is one top key or more. */
import { createI18n } from "vue-i18n";

export type Language = "ko" | "en";
type Words = Record<string, unknown>;

const merged = (files: Record<string, { default: Words }>): Words => Object.assign({}, ...Object.values(files).map((file) => file.default)) as Words;
const ko = merged(import.meta.glob("./ko/*.json", { eager: true }));

export const i18n = createI18n({ legacy: false, locale: "ko", fallbackLocale: "ko", messages: { ko } as never });

export async function speak(language: Language): Promise<void> {
  if (language === "en" && !i18n.global.availableLocales.includes("en" as never)) {
    const { words } = await import("./english");
    i18n.global.setLocaleMessage("en", words as never);
  }
  i18n.global.locale.value = language as never;
  document.documentElement.lang = language;
  localStorage.setItem("ims.language", language);
}
