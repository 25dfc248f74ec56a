/** A list by cursor pages, as one growing array; asked again every ten seconds while its first page is all there is. */
import { useInfiniteQuery } from "@tanstack/vue-query";
import { computed, type ComputedRef } from "vue";
import { get, type Fault } from "@/api/client";
import { time } from "@/i18n/format";
import type { List, Row } from "./specs";

interface Page { items: Row[]; next: string | null; looked_until?: string | null }
const AGAIN_MS = 10_000;
const PAGE = 100;

export function useList(spec: ComputedRef<List>, query: ComputedRef<Record<string, string>>, may: ComputedRef<boolean>) {
  const asked = useInfiniteQuery({
    queryKey: computed(() => [spec.value.path, query.value]),
    queryFn: ({ pageParam }) =>
      get<Page>(spec.value.path, spec.value.unpaged ? query.value : { ...query.value, limit: PAGE, cursor: pageParam }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: Page) => last.next ?? undefined,
    enabled: may,
    refetchInterval: (q) => ((q.state.data?.pages.length ?? 0) > 1 || document.hidden ? false : AGAIN_MS),
  });
  return {
    rows: computed(() => asked.data.value?.pages.flatMap((page) => page.items) ?? []),
    fault: computed(() => asked.error.value as Fault | null),
    loading: computed(() => asked.isLoading.value && may.value),
    busy: computed(() => asked.isFetching.value),
    more: computed(() => asked.hasNextPage.value),
    lookedUntil: computed(() => { const at = asked.data.value?.pages.at(-1)?.looked_until; return at ? time(at) : ""; }),
    next: (): void => void asked.fetchNextPage(),
    again: (): void => void asked.refetch(),
  };
}
