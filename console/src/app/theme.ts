/** Light or dark: the person's choice, else the system's. */
import { ref, watchEffect } from "vue";

const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
export const theme = ref(localStorage.getItem("ims.theme") ?? system);
watchEffect(() => { document.documentElement.dataset.theme = theme.value; });

export function turnTheme(): void {
  theme.value = theme.value === "dark" ? "light" : "dark";
  localStorage.setItem("ims.theme", theme.value);
}
