/** Addresses: each list of the tables, the pages of their own, and signing in before any of them. */
import { createRouter, createWebHistory, type RouteRecordRaw } from "vue-router";
import { LISTS } from "@/features/lists";
import { restore, session } from "./session";

const list = () => import("@/features/ListPage.vue");
const lists: RouteRecordRaw[] = Object.entries(LISTS).map(([name, spec]) => ({
  path: spec.at, name, component: list, props: { name }, meta: { title: `page.${name}` },
}));

type View = Exclude<RouteRecordRaw["component"], null | undefined>;
const page = (path: string, name: string, component: View, props = false): RouteRecordRaw => ({ path, name, component, props, meta: { title: `page.${name}` } });
const open = (path: string, name: string, component: View): RouteRecordRaw => ({ path, name, component, props: true, meta: { title: "signIn.title", open: true } });

export const routes: RouteRecordRaw[] = [
  open("/sign-in", "signIn", () => import("@/features/signin/SignInPage.vue")),
  open("/invitations/:token", "invitation", () => import("@/features/signin/InvitationPage.vue")),
  open("/reset/:token?", "reset", () => import("@/features/signin/ResetPage.vue")),
  page("/", "overview", () => import("@/features/tenant/overview/OverviewPage.vue")),
  page("/send/:channel?", "send", () => import("@/features/tenant/send/SendPage.vue"), true),
  page("/uploads/:id", "upload", () => import("@/features/tenant/uploads/UploadPage.vue"), true),
  page("/callbacks", "callbacks", () => import("@/features/tenant/callbacks/CallbacksPage.vue")),
  page("/templates/:channel/:code", "template", () => import("@/features/tenant/templates/TemplatePage.vue"), true),
  page("/usage", "usage", () => import("@/features/tenant/usage/UsagePage.vue")),
  page("/digests/:date?", "digests", () => import("@/features/tenant/digests/DigestPage.vue"), true),
  page("/check", "consentCheck", () => import("@/features/tenant/consents/ConsentCheckPage.vue")),
  page("/admin", "wall", () => import("@/features/operator/wall/WallPage.vue")),
  page("/admin/flow", "flow", () => import("@/features/operator/flow/FlowPage.vue")),
  page("/messages/:id", "message", () => import("@/features/tenant/message/MessagePage.vue"), true),
  page("/me", "me", () => import("@/features/me/MePage.vue")),
  page("/docs", "docs", () => import("@/features/docs/DocsPage.vue")),
  ...lists,
  { path: "/:rest(.*)*", name: "nothing", component: () => import("@/features/NothingPage.vue"), meta: { title: "page.nothing" } },
];

export const router = createRouter({ history: createWebHistory("/console/"), routes });

router.beforeEach(async (to) => {
  await restore();
  if (to.meta.open) return session.now && to.name === "signIn" ? { path: "/" } : true;
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
