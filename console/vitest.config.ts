import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import i18n from "@intlify/unplugin-vue-i18n/vite";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [vue(), i18n({ include: [here("./src/i18n/**/*.json")], strictMessage: false })],
  resolve: { alias: { "@": here("./src") } },
  test: { environment: "happy-dom", include: ["tests/unit/**/*.test.ts"] },
});
