/** What changes by itself on operators' pages: one stream a browser, read by the tab that holds a lock and told to the others. */
import { onBeforeUnmount, reactive } from "vue";
import { get } from "./client";

export interface Told { data: unknown; at: number }
type State = Record<string, Told>;
const POLLS: Record<string, Parameters<typeof get>[0]> = {
  lanes: "/v1/admin/lanes", vendors: "/v1/admin/vendors", functions: "/v1/admin/functions", alarms: "/v1/admin/alarms", stops: "/v1/admin/stops", flow: "/v1/admin/flow",
};
const POLL_MS = 5000;
const AGAIN_MS = 30_000;
const TROUBLES = 2;

/** JSON as another tab can take it: what Vue watches cannot be sent. */
const plain = (data: unknown): unknown => JSON.parse(JSON.stringify(data)) as unknown;

/** The newest state of some topics, for as long as the component lives; `stale` says since when nothing came. */
export function useLive(topics: readonly string[]): State {
  const state: State = reactive({});
  const name = `ims.stream.${[...topics].sort().join(",")}`;
  const others = new BroadcastChannel(name);
  const ends = new AbortController();
  const take = (topic: string, data: unknown): void => { state[topic] = { data, at: Date.now() }; };
  others.onmessage = (event: MessageEvent<{ topic?: string; data?: unknown; hello?: boolean }>) => {
    if (event.data.topic) take(event.data.topic, event.data.data);
    else for (const [topic, told] of Object.entries(leading ? state : {})) others.postMessage({ topic, data: plain(told.data) });
  };
  let leading = false;
  const tell = (topic: string, data: unknown): void => {
    take(topic, data);
    if (!ends.signal.aborted) others.postMessage({ topic, data: plain(data) });
  };
  const beat = (): void => { for (const told of Object.values(state)) told.at = Date.now(); };
  void navigator.locks.request(name, { signal: ends.signal }, async () => {
    leading = true;
    await lead(topics, tell, beat, ends.signal);
  }).catch(() => undefined);
  others.postMessage({ hello: true });
  onBeforeUnmount(() => { ends.abort(); others.close(); });
  return state;
}

/** Read the stream until the end; where it cannot be had, ask for the same JSON now and then. */
async function lead(topics: readonly string[], tell: (topic: string, data: unknown) => void, beat: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await listen(topics, tell, beat, signal);
    const until = Date.now() + AGAIN_MS;
    while (!signal.aborted && Date.now() < until) {
      for (const topic of topics) await get(POLLS[topic]!).then((data) => tell(topic, data), () => undefined);
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }
}

function listen(topics: readonly string[], tell: (topic: string, data: unknown) => void, beat: () => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const source = new EventSource(`/v1/admin/stream?topics=${topics.join(",")}`);
    const alive = setInterval(() => { if (source.readyState === EventSource.OPEN) beat(); }, 2000);
    let troubles = 0;
    const end = (): void => { source.close(); clearInterval(alive); resolve(); };
    for (const topic of topics) source.addEventListener(topic, (event) => { troubles = 0; tell(topic, JSON.parse((event as MessageEvent<string>).data)); });
    source.onerror = () => { if (++troubles >= TROUBLES) end(); };
    signal.addEventListener("abort", end);
  });
}
