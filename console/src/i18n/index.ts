/** Korean is in the first load, English comes when somebody wants it. */
import { createI18n } from "vue-i18n";
import ko from "./ko.json";

export type Language = "ko" | "en";

export const i18n = createI18n({ legacy: false, locale: "ko", fallbackLocale: "ko", messages: { ko } as Record<string, typeof ko> });

export async function speak(language: Language): Promise<void> {
  if (language === "en" && !i18n.global.availableLocales.includes("en")) {
    const en = (await import("./en.json")).default;
    i18n.global.setLocaleMessage("en", en as typeof ko);
  }
  i18n.global.locale.value = language;
  document.documentElement.lang = language;
  localStorage.setItem("ims.language", language);
}
