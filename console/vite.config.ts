import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import i18n from "@intlify/unplugin-vue-i18n/vite";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  base: "/console/",
  plugins: [vue(), i18n({ include: [here("./src/i18n/*.json")], strictMessage: false })],
  resolve: { alias: { "@": here("./src") } },
  build: { manifest: true, assetsInlineLimit: 0, outDir: here("../functions/console/dist"), emptyOutDir: true },
  server: { proxy: { "/v1": "http://127.0.0.1:30001" } },
});
