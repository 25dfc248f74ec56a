/** One message on its way, asked each second until it is final. */
import { useQuery } from "@tanstack/vue-query";
import { computed } from "vue";
import { get, path, type Fault } from "@/api/client";
import { way, type Passed } from "@/domain/follow";
import { FINAL } from "@/domain/states";

export interface Followed { message_id: string; username: string; channel: string; lane: string; status: string; accepted_at: string; trail: Passed[] }

export function useFollow(id: () => string) {
  const asked = useQuery({
    queryKey: computed(() => ["follow", id()]),
    queryFn: () => get<Followed>(path`/v1/admin/messages/${id()}` as "/v1/admin/messages/{message_id}"),
    enabled: computed(() => id() !== ""),
    refetchInterval: (q) => (q.state.data && FINAL.has(q.state.data.status) ? false : 1000),
  });
  const message = computed(() => (id() ? asked.data.value : undefined));
  return {
    message, fault: computed(() => (id() ? (asked.error.value as Fault | null) : null)), again: (): void => void asked.refetch(),
    lit: computed(() => (message.value ? way(message.value.trail, message.value.channel, message.value.status) : new Set<string>())),
  };
}
