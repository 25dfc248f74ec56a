/** Addresses: each page of the table, the pages of an object, and signing in before any of them. */
import { createRouter, createWebHistory, type RouteRecordRaw } from "vue-router";
import { LISTS } from "@/features/lists";
import { restore, session } from "./session";

const list = () => import("@/features/ListPage.vue");

const lists: RouteRecordRaw[] = Object.entries(LISTS).map(([name, spec]) => ({
  path: spec.at, name, component: list, props: { name }, meta: { title: `page.${name}`, operator: spec.at.startsWith("/admin") },
}));

const page = (path: string, name: string, component: RouteRecordRaw["component"], props = false): RouteRecordRaw =>
  ({ path, name, component, props, meta: { title: `page.${name}`, operator: path.startsWith("/admin") } }) as RouteRecordRaw;

export const router = createRouter({
  history: createWebHistory("/console/"),
  routes: [
    { path: "/sign-in", name: "signIn", component: () => import("@/features/SignInPage.vue"), meta: { title: "page.signIn", open: true } },
    page("/", "overview", () => import("@/features/OverviewPage.vue")),
    page("/send/:channel?", "send", () => import("@/features/SendPage.vue")),
    page("/uploads/:id", "upload", () => import("@/features/UploadPage.vue"), true),
    page("/messages/:id", "message", () => import("@/features/MessagePage.vue"), true),
    page("/requests/:id", "request", () => import("@/features/RequestPage.vue"), true),
    page("/callbacks", "callbacks", () => import("@/features/CallbacksPage.vue")),
    page("/usage", "usage", () => import("@/features/UsagePage.vue")),
    page("/digests/:date?", "digests", () => import("@/features/DigestPage.vue"), true),
    page("/check", "consentCheck", () => import("@/features/ConsentCheckPage.vue")),
    page("/me", "me", () => import("@/features/MePage.vue")),
    page("/docs", "docs", () => import("@/features/DocsPage.vue")),
    page("/admin", "wall", () => import("@/features/WallPage.vue")),
    page("/admin/flow", "flow", () => import("@/features/FlowPage.vue")),
    ...lists,
    { path: "/:rest(.*)*", name: "nothing", component: () => import("@/features/NothingPage.vue"), meta: { title: "page.nothing" } },
  ],
});

router.beforeEach(async (to) => {
  await restore();
  if (to.meta.open) return session.now ? { path: "/" } : true;
  if (!session.now) return { name: "signIn", query: to.fullPath === "/" ? {} : { next: to.fullPath } };
  if (to.path === "/" && session.now.operator) return { path: "/admin" };
  return true;
});

// After a deployment an old tab asks for files that are gone: load the new ones, once.
router.onError((_, to) => {
  if (sessionStorage.getItem("ims.reloaded") === to.fullPath) return;
  sessionStorage.setItem("ims.reloaded", to.fullPath);
  location.assign(`/console${to.fullPath}`);
});
