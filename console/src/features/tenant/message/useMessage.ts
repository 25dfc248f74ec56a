/** One message with its trail and the tries of its callback; asked each second until it is final. */
import { useQuery } from "@tanstack/vue-query";
import { computed } from "vue";
import { get, path, type Fault } from "@/api/client";
import { FINAL } from "@/domain/states";

export interface Step {
  at: string | null; state: string; hop?: number; channel?: string; vendor?: string; vendor_account?: string; vendor_ref?: string;
  code?: string; raw_code?: string | null; raw_text?: string | null; detail?: string | null; until?: string | null; price?: string | null;
}
export interface Attempt { attempt: number; outcome: string; status: number | null; error: string | null; duration_ms: number | null; at: string }
export interface Callback {
  state: string; uri: string | null; tries: number; last_answer: { status: number | null; error: string | null; at: string } | null;
  next_try: string | null; attempts: Attempt[];
}
export interface Message {
  message_id: string; request_id: string; request_ref: string | null; ref: string | null; username: string; channel: string; type: string; to: string;
  status: string; state: string; code: string | null; detail: string | null; price: string | null; accepted_at: string; sent_at: string | null;
  finished_at: string | null; trail: Step[]; callback: Callback | null;
}

export function useMessage(id: () => string) {
  const asked = useQuery({
    queryKey: computed(() => ["message", id()]),
    queryFn: () => get<Message>(path`/v1/messages/${id()}` as "/v1/messages/{message_id}"),
    refetchInterval: (q) => (q.state.data && FINAL.has(q.state.data.status) && q.state.data.callback?.state !== "waiting" ? false : 1000),
  });
  return { message: asked.data, fault: computed(() => asked.error.value as Fault | null), again: (): void => void asked.refetch() };
}

export { after } from "@/domain/after";
