/** Checking and sending a draft: one Idempotency-Key for each checked draft, so that two clicks make one message. */
import { useQuery } from "@tanstack/vue-query";
import { computed, ref, watch } from "vue";
import { ask, get, newKey, type Fault } from "@/api/client";
import type { Row } from "@/features/specs";
import type { Source } from "./channels";

export interface Checked {
  accepted: number; types: Record<string, number>; price: string; worst_price?: string; lane: string; duplicates: unknown[];
  plan: Row[]; messages: (Row & { to: string; type: string; parts: number; length: number; price: string; text?: string })[];
  rejected: { index?: number; to?: string; code: string; detail: string }[];
}
export interface Sent { request_id: string; accepted: number; rejected: unknown[]; messages: { message_id: string; to: string }[] }
interface Identity { channel: string; kind: string; value: string; purpose?: string; settings: Row }
interface Template { code: string; channel: string; state: string; in_use: number | null; content: Row; variables: string[] }

export function useSend(channel: () => string, request: () => Row) {
  const checked = ref<Checked | null>(null);
  const sent = ref<Sent | null>(null);
  const fault = ref<Fault | null>(null);
  const busy = ref(false);
  const key = ref(newKey());
  watch(() => JSON.stringify([channel(), request()]), () => { checked.value = null; fault.value = null; key.value = newKey(); });

  async function call(dry: boolean): Promise<void> {
    if (busy.value) return;
    busy.value = true;
    fault.value = null;
    try {
      const query = dry ? { dry_run: true } : {};
      const answer = await ask<Checked | Sent>("post", `/v1/${channel()}/messages` as "/v1/mt/messages", { query, body: request(), ...(dry ? {} : { key: key.value }) });
      if (dry) checked.value = answer as Checked;
      else sent.value = answer as Sent;
    } catch (e) {
      fault.value = e as Fault;
    } finally { busy.value = false; }
  }
  const again = (): void => { sent.value = null; checked.value = null; key.value = newKey(); };
  return { checked, sent, fault, busy, check: () => call(true), send: () => call(false), again };
}

/** What the account may send by, and its approved templates. */
export function useChoices() {
  const identities = useQuery({ queryKey: ["choices", "identities"], queryFn: () => get<{ items: Identity[] }>("/v1/identities", { state: "approved", limit: 200 }) });
  const templates = useQuery({ queryKey: ["choices", "templates"], queryFn: () => get<{ items: Template[] }>("/v1/templates", { limit: 200 }) });
  const groups = useQuery({ queryKey: ["choices", "groups"], queryFn: () => get<{ items: { name: string; members: number }[] }>("/v1/groups", { limit: 200 }) });
  const of = (channel: string, kind: string): string[] =>
    (identities.data.value?.items ?? []).filter((i) => i.channel === channel && i.kind === kind && !(kind === "number" && (i.purpose === "optout" || i.settings.optout))).map((i) => i.value);
  const usable = computed(() => (templates.data.value?.items ?? []).filter((t) => t.in_use != null));
  const choices = computed<Record<Source, string[]>>(() => ({
    senders: of("mt", "number"), profiles: of("kakao", "profile"), brands: of("rcs", "brand"), chatbots: of("rcs", "chatbot"), apps: of("push", "app"),
    templates: [...new Set(usable.value.filter((t) => t.channel === "kakao").map((t) => t.code))],
  }));
  const ready = computed(() => !identities.isLoading.value && !templates.isLoading.value);
  return { choices, ready, templates: usable, groups: computed(() => groups.data.value?.items ?? []) };
}

/** A field that has choices begins with the first. */
export function begin(values: Record<string, string>, choices: Record<Source, string[]>): void {
  const first: Record<string, string | undefined> = {
    sender: choices.senders[0], sender_key: choices.profiles[0], brand_id: choices.brands[0], chatbot_id: choices.chatbots[0],
    app: choices.apps[0], template_code: choices.templates[0],
  };
  for (const [name, value] of Object.entries(first)) if (name in values && !values[name] && value) values[name] = value;
}
