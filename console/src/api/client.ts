/** The only place that calls the API: typed paths of our OpenAPI document, the CSRF header, problems as faults. */
import type { paths } from "./schema";

type Method = "get" | "post" | "put" | "patch" | "delete";
type Filled<P extends string> = P extends `${infer A}{${string}}${infer B}` ? `${A}${string}${Filled<B>}` : P;
type Known<M extends Method> = { [P in keyof paths & string]: paths[P][M] extends undefined ? never : P }[keyof paths & string];
/** Paths of the document that have the method, their parameters filled. */
export type PathOf<M extends Method> = Filled<Known<M>>;

export interface FieldFault { pointer: string; code: string; detail: string }
interface Problem { type?: string; title?: string; detail?: string; errors?: FieldFault[] }

/** What the API refused, or that it could not be reached (status 0). */
export class Fault extends Error {
  constructor(readonly status: number, readonly problem: Problem, readonly retryAfter = 0, readonly trace = "") {
    super(problem.detail ?? problem.title ?? "");
  }
  /** The last part of the problem's type: `code-needed`, `invalid` … */
  get kind(): string {
    return this.status === 0 ? "offline" : (this.problem.type ?? "").split("/").at(-1) || "internal";
  }
  get fields(): FieldFault[] { return this.problem.errors ?? []; }
}

export interface Asked {
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  raw?: Blob;
  key?: string;
}

let csrf = "";
let onSignedOut: () => void = () => undefined;
let onConfirm: () => Promise<boolean> = () => Promise.resolve(false);

export const setCsrf = (token: string): void => { csrf = token; };
/** What happens when the session has ended, and when the password must be given again (true: repeat the call). */
export const hooks = (signedOut: () => void, confirm: () => Promise<boolean>): void => {
  onSignedOut = signedOut;
  onConfirm = confirm;
};

/** A path with its parameters encoded: path`/v1/keys/${id}`. */
export const path = (parts: TemplateStringsArray, ...values: (string | number)[]): string =>
  parts.reduce((made, part, i) => made + encodeURIComponent(String(values[i - 1])) + part);

/** A file of the API, saved by the browser under a name. */
export async function download(at: string, name: string): Promise<void> {
  const answer = await call("get", at, {});
  if (!answer.ok) throw await faultOf(answer);
  const url = URL.createObjectURL(await answer.blob());
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}

export const newKey = (): string => crypto.randomUUID();

/** GET a path of the document; anything but 2xx is a Fault. */
export const get = <T>(at: PathOf<"get">, query: Asked["query"] = {}): Promise<T> => ask<T>("get", at, { query });

export async function ask<T, M extends Method = Method>(method: M, at: PathOf<M>, asked: Asked = {}): Promise<T> {
  const answer = await call(method, at, asked);
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  const fault = await faultOf(answer);
  if (fault.kind === "confirm-needed" && (await onConfirm())) return ask<T, M>(method, at, asked);
  if (fault.status === 401 && at !== "/v1/sessions" && at !== "/v1/sessions/current") onSignedOut();
  throw fault;
}

async function call(method: Method, at: string, { query = {}, body, raw, key }: Asked): Promise<Response> {
  const given = Object.entries(query).filter(([, v]) => v !== undefined && v !== "").map(([k, v]) => [k, String(v)]);
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "get" && csrf) headers["x-csrf-token"] = csrf;
  if (method === "post" && key) headers["idempotency-key"] = key;
  if (body !== undefined) headers["content-type"] = "application/json";
  if (raw) headers["content-type"] = "application/octet-stream";
  const url = given.length ? `${at}?${new URLSearchParams(given).toString()}` : at;
  const sent = raw ?? (body === undefined ? null : JSON.stringify(body));
  try {
    return await fetch(url, { method: method.toUpperCase(), headers, body: sent, credentials: "same-origin" });
  } catch {
    throw new Fault(0, {});
  }
}

async function faultOf(answer: Response): Promise<Fault> {
  const problem = (await answer.json().catch(() => ({}))) as Problem;
  const after = Number(answer.headers.get("retry-after") ?? 0);
  return new Fault(answer.status, problem, after, answer.headers.get("traceresponse") ?? "");
}
