/** Today beside a week ago, seven days by result, why messages failed, callbacks and limits. */
import { useQuery } from "@tanstack/vue-query";
import { computed } from "vue";
import { get, type Fault } from "@/api/client";
import { allowed } from "@/app/session";
import { dayName, dayStart, DAY_MS } from "@/domain/days";

export interface Point { at: string; accepted: number; delivered: number; failed: number; expired: number; canceled: number; waiting: number; price: string }
export interface Cause { channel: string; status: string; code: string; count: number; detail: string; advice: string; resend: string; samples: { message_id: string }[] }
interface Digest { causes: Cause[]; totals: Record<string, number> }
interface Callbacks { callback_uri: string | null; health?: { success_rate: number | null; pending: number; exhausted: number; breaker?: { state: string } | null } }
export interface Usage { limits: Record<string, { used?: number; limit: number | null; left?: number | null }> }

const EVERY = 10_000;
const HOUR_MS = 3_600_000;

/** The whole hours of the same day a week ago that are over by now; null in a day's first hour, which has none. */
export function weekAgoSpan(now = Date.now()): { since: string; until: string } | null {
  const since = dayStart(now, -7);
  const until = new Date(Math.floor((now - 7 * DAY_MS) / HOUR_MS) * HOUR_MS).toISOString();
  return since < until ? { since, until } : null;
}
const SUMMED = ["accepted", "delivered", "failed", "expired", "canceled", "waiting"] as const;
export type Sum = Record<(typeof SUMMED)[number], number> & { price: number };

export function summed(points: Point[]): Sum {
  const made = { price: 0 } as Sum;
  for (const field of SUMMED) made[field] = points.reduce((all, p) => all + p[field], 0);
  made.price = points.reduce((all, p) => all + Number(p.price), 0);
  return made;
}

export function useOverview() {
  const ask = <T>(name: string, path: Parameters<typeof get>[0], query: () => Record<string, string> = () => ({}), enabled = true) =>
    useQuery({ queryKey: ["overview", name], queryFn: () => get<T>(path, query()), refetchInterval: EVERY, enabled });
  const stats = ask<{ items: Point[] }>("days", "/v1/stats", () => ({ step: "day", since: dayStart(Date.now(), -7) }));
  const before = useQuery({
    queryKey: ["overview", "before"], refetchInterval: EVERY,
    queryFn: () => { const span = weekAgoSpan(); return span ? get<{ items: Point[] }>("/v1/stats", { step: "hour", ...span }) : { items: [] }; },
  });
  const digest = ask<Digest>("digest", `/v1/digests/${dayName()}`);
  const callbacks = ask<Callbacks>("callbacks", "/v1/callbacks", undefined, allowed("account:read"));
  const usage = ask<Usage>("usage", "/v1/usage", undefined, allowed("account:read"));
  const days = computed(() => {
    const known = new Map((stats.data.value?.items ?? []).map((p) => [dayName(p.at), p]));
    return Array.from({ length: 7 }, (_, i) => dayName(Date.now(), i - 6)).map((day) => ({ day, point: known.get(day) ?? null }));
  });
  return {
    days, today: computed(() => (stats.data.value ? summed(days.value.at(-1)?.point ? [days.value.at(-1)!.point!] : []) : null)),
    weekAgo: computed(() => (before.data.value ? summed(before.data.value.items) : null)),
    causes: computed(() => digest.data.value?.causes ?? []),
    callbacks: callbacks.data, usage: usage.data,
    fault: computed(() => stats.error.value as Fault | null), again: (): void => void stats.refetch(),
  };
}
