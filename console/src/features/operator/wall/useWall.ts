/** What the wallboard shows, out of the live stream: lanes with rate and waiting work, vendors, functions, alarms. */
import { computed, reactive, watch } from "vue";
import { useLive } from "@/api/live";
import type { Flow } from "@/domain/flowmap";

export interface LaneNow { lane: string; paused: { reason: string; until: string } | null; overdue: number; later: number; for_turn: number; for_room: number; for_pause: number; on_the_way: number }
export interface VendorNow { vendor: string; account: string; channel: string; share: number; enabled: boolean; sandbox: boolean; drained: object | null; breaker: { state: string; next_probe: string | null }; health: { results: number; success: number | null } }
export interface FunctionNow { name: string; state: string; replicas: { up: number; min: number }; odd_version: boolean; levels: unknown[] }
export interface AlarmNow { id: string; name: string; subject: string; severity: string; state: string; text: string; since: string; muted: object | null }
export interface LaneCard { lane: string; now: LaneNow | null; rate: number | null; lag: number | null; rates: number[]; tone: "ok" | "warn" | "bad" | "idle" }

const KEPT = 60;
const LATE = 1000;
const items = <T>(told: { data: unknown } | undefined): T[] | null => (told ? (told.data as { items: T[] }).items : null);
const worst = (state: string): number => ["open", "silent", "half_open", "unseen"].indexOf(state) + 1 || 9;

export function useWall() {
  const live = useLive(["lanes", "vendors", "functions", "alarms", "stops", "flow"]);
  const rates = reactive<Record<string, number[]>>({});
  const flow = computed(() => live.flow?.data as Flow | undefined);
  const rateOf = (lane: string): number | null => flow.value?.topics.find((t) => t.name === `ims.accepted.${lane}`)?.rate ?? null;
  const lagOf = (lane: string): number | null => {
    const found = (flow.value?.edges ?? []).filter((e) => e.kind === "reads" && e.from.endsWith(`.${lane}`) && e.lag != null);
    return found.length ? found.reduce((all, e) => all + (e.lag ?? 0), 0) : null;
  };
  watch(() => live.flow?.at, () => {
    for (const lane of ["auth", "realtime", "bulk", "ad"]) rates[lane] = [...(rates[lane] ?? []), rateOf(lane) ?? 0].slice(-KEPT);
  });
  const lanes = computed<LaneCard[]>(() => ["auth", "realtime", "bulk", "ad"].map((lane) => {
    const now = items<LaneNow>(live.lanes)?.find((l) => l.lane === lane) ?? null;
    const [rate, lag] = [rateOf(lane), lagOf(lane)];
    const tone = now?.paused ? "warn" : (now?.overdue ?? 0) > 0 || (lag ?? 0) > LATE ? "warn" : rate ? "ok" : "idle";
    return { lane, now, rate, lag, rates: rates[lane] ?? [], tone };
  }));
  return {
    at: computed(() => live.lanes?.at), lanes,
    vendors: computed(() => (items<VendorNow>(live.vendors) ?? []).filter((v) => !v.sandbox).sort((a, b) => worst(a.breaker.state) - worst(b.breaker.state))),
    functions: computed(() => [...(items<FunctionNow>(live.functions) ?? [])].sort((a, b) => worst(a.state) - worst(b.state))),
    alarms: computed(() => items<AlarmNow>(live.alarms)?.filter((a) => a.state === "firing") ?? null),
    stops: computed(() => items<{ kind: string; object: string; reason: string; until: string | null }>(live.stops) ?? []),
  };
}
