/** Who is signed in, for all pages: kept in memory only; after a reload the API tells it again. */
import { reactive, readonly } from "vue";
import { ask, get, setCsrf } from "@/api/client";
import type { components } from "@/api/schema";
import { may } from "@/domain/rights";

export interface Session {
  csrf: string;
  person: { id: string; email: string; name: string; totp: boolean };
  roles: string[];
  scopes: string[];
  operator: boolean;
  username: string | null;
  accounts: { username: string | null; operator: boolean; roles: string[] }[];
}
export type Schemas = components["schemas"];

const state = reactive({ now: null as Session | null, known: false });
export const session = readonly(state);

/** Whether somebody signed in with this browser: a hint that spares strangers a question, never a right. */
const HINT = "ims.signed-in";

const take = (found: Session | null): void => {
  state.now = found;
  state.known = true;
  setCsrf(found?.csrf ?? "");
  if (found) localStorage.setItem(HINT, "yes");
  else localStorage.removeItem(HINT);
};

/** Ask once who it is; nobody, when there is no live session. */
export async function restore(): Promise<void> {
  if (state.known) return;
  take(localStorage.getItem(HINT) ? await get<Session>("/v1/sessions/current").catch(() => null) : null);
}
export async function signIn(email: string, password: string, code?: string): Promise<void> {
  take(await ask<Session, "post">("post", "/v1/sessions", { body: code ? { email, password, code } : { email, password } }));
}
export async function signOut(): Promise<void> {
  await ask("delete", "/v1/sessions/current");
  take(null);
}
export async function choose(username: string | null): Promise<void> {
  take(await ask<Session, "put">("put", "/v1/sessions/current", { body: { username } }));
}
export const ended = (): void => take(null);
export const allowed = (scope?: string): boolean => may(state.now?.scopes ?? [], scope);
