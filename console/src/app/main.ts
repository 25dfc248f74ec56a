import { VueQueryPlugin } from "@tanstack/vue-query";
import { createApp } from "vue";
import "@/design/tokens.css";
import "@/design/base.css";
import { Fault } from "@/api/client";
import { i18n, speak } from "@/i18n";
import App from "./App.vue";
import { router } from "./router";

const queries = {
  queryClientConfig: {
    defaultOptions: {
      queries: { retry: (n: number, e: unknown) => n < 1 && e instanceof Fault && (e.status >= 500 || e.status === 0), staleTime: 2000, refetchOnWindowFocus: false },
    },
  },
};

if (localStorage.getItem("ims.language") === "en") await speak("en");
createApp(App).use(i18n).use(router).use(VueQueryPlugin, queries).mount("#app");
