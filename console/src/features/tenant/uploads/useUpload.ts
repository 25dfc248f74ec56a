/** One bulk file: its state, asked every two seconds while something happens, and what may be done with it. */
import { useQuery } from "@tanstack/vue-query";
import { computed, ref } from "vue";
import { ask, get, path, type Fault } from "@/api/client";
import { session } from "@/app/session";
import { setHeader } from "@/api/headers";

export interface Upload {
  id: string; name: string; channel: string; lane: string; state: string; reason: string | null; size: number; progress: number; rows: number; good: number; faults: number;
  twice: number; opted_out: number; blank: number; classes: Record<string, number>; column_faults: { column?: string; code: string; detail: string }[];
  kind: string | null; encoding: string | null; delimiter: string | null; sheet: string | null; sheets: string[]; header_row: number | null; columns: string[];
  mapping: { to?: string; variables?: Record<string, string>; addresses?: Record<string, string>; ref?: string }; suggested: boolean; content: Record<string, unknown> | null;
  duplicates: string; warnings: string[]; types: Record<string, number>; price: string | null; accepted: number; refused: number; counts?: Record<string, number>; erased_at: string | null;
}
export interface CellFault { row: number; column: string | null; value: string | null; code: string; class: string; detail: string }
export interface RowShown { row: number; good: boolean; recipient: { to: string; variables?: Record<string, string> } | null; message: { to: string; text?: string; type: string; price: string } | null }

const MOVING = new Set(["checking", "sending", "receiving"]);

export function useUpload(id: () => string) {
  const at = (end = "") => `${path`/v1/uploads/${id()}`}${end}`;
  const asked = useQuery({
    queryKey: computed(() => ["upload", id()]), queryFn: () => get<Upload>(at() as "/v1/uploads/{id}"),
    refetchInterval: (q) => (q.state.data && !MOVING.has(q.state.data.state) ? 10_000 : 1500),
  });
  const fault = ref<Fault | null>(null);
  const busy = ref(false);
  async function act(what: "put" | "send" | "pause" | "resume" | "cancel", body?: unknown): Promise<void> {
    if (busy.value) return;
    busy.value = true;
    fault.value = null;
    try {
      if (what === "put") await ask("put", at() as "/v1/uploads/{id}", { body });
      else await ask("post", at(`/${what}`) as "/v1/uploads/{id}/send", { body: body ?? {}, key: crypto.randomUUID() });
    } catch (e) { fault.value = e as Fault; } finally { busy.value = false; }
    await asked.refetch();
  }
  const faultsOf = (kind: string | null, cursor?: string) =>
    get<{ items: CellFault[]; next: string | null }>(at("/faults") as "/v1/uploads/{id}/faults", { class: kind ?? undefined, limit: 100, cursor });
  const rowOf = (n: number) => get<RowShown>(at(`/rows/${n}`) as "/v1/uploads/{id}/rows/{n}");
  return { upload: asked.data, unread: computed(() => asked.error.value as Fault | null), fault, busy, act, faultsOf, rowOf, at };
}

/** Bring a file up with its progress; fetch tells none, so by XMLHttpRequest. */
export function bring(file: File, query: Record<string, string>, told: (part: number) => void): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/v1/uploads?${new URLSearchParams({ ...query, name: file.name }).toString()}`);
    setHeader(request, "x-csrf-token", session.now?.csrf);
    setHeader(request, "content-type", "application/octet-stream");
    setHeader(request, "idempotency-key", crypto.randomUUID());
    request.upload.onprogress = (e) => { if (e.lengthComputable) told(e.loaded / e.total); };
    request.onerror = () => reject(new Error("offline"));
    request.onload = () => {
      const body = JSON.parse(request.responseText || "{}") as Upload & { detail?: string };
      if (request.status < 300) resolve(body);
      else reject(new Error(body.detail ?? String(request.status)));
    };
    request.send(file);
  });
}
