import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import i18n from "@intlify/unplugin-vue-i18n/vite";
import { defineConfig, type Plugin } from "vite";
import { parse } from "yaml";
import { packed } from "./plugins/packed";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const ISSUED = "/console/openapi.json";

/** The API's own document, for the reference at /console/docs. */
const openapi = (): Plugin => {
  const json = (): string => JSON.stringify(parse(readFileSync(here("../docs/openapi.yaml"), "utf8"), { maxAliasCount: -1 }));
  return {
    name: "openapi",
    generateBundle() { this.emitFile({ type: "asset", fileName: "openapi.json", source: json() }); },
    configureServer(server) {
      server.middlewares.use(ISSUED, (_, answer) => { answer.setHeader("content-type", "application/json"); answer.end(json()); });
    },
  };
};

export default defineConfig({
  base: "/console/",
  plugins: [vue(), i18n({ include: [here("./src/i18n/**/*.json")], strictMessage: false }), openapi(), packed()],
  resolve: { alias: { "@": here("./src") } },
  build: { manifest: true, assetsInlineLimit: 0, outDir: here("../functions/console/dist"), emptyOutDir: true, target: "es2023" },
  server: { proxy: { "/v1": process.env.IMS_GATEWAY ?? "http://127.0.0.1:30001" } },
});
