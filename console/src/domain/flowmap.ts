/** The map of functions and topics as boxes and lines: pools and lanes drawn together, each stage a column. */
export interface FlowNode { name: string; kind: string; lanes: string[]; triggers: string[]; instances: number | null }
export interface FlowTopic { name: string; rate: number | null; written: number }
export interface FlowEdge { from: string; to: string; kind: "reads" | "writes"; lag?: number | null; rate?: number | null }
export interface Flow { at: string; nodes: FlowNode[]; topics: FlowTopic[]; edges: FlowEdge[] }
export interface Box { id: string; label: string; topic: boolean; column: number; row: number; instances: number | null; lag: number | null; rate: number | null }
export interface Line { from: string; to: string; rate: number | null; lag: number | null }
export interface Drawn { boxes: Box[]; lines: Line[] }

const LANES = ["auth", "realtime", "bulk", "ad"];
const COLUMNS: [RegExp, number][] = [
  [/^(api_(?!report|receipt|user|admin)\w+|upload|schedule)$/, 0], [/^ims\.accepted$/, 1], [/^route$/, 2], [/^ims\.(send\.\w+|finished|outcome)$/, 3],
  [/^(send_\w+|report|collect|api_receipt)$/, 4], [/^(ims\.reported|ims\.dead|store|analyze|report_retry)$/, 5],
];

/** A topic without its lane, a function without its pool. */
export const short = (name: string): string =>
  name.startsWith("ims.") ? name.split(".").filter((part) => !LANES.includes(part)).join(".") : name.replace(/-(fast|slow)$/, "");
const ofLane = (name: string, lane: string): boolean => !lane || !name.startsWith("ims.") || !LANES.some((l) => name.endsWith(`.${l}`)) || name.endsWith(`.${lane}`);
const plus = (a: number | null, b: number | null | undefined): number | null => (b == null ? a : (a ?? 0) + b);

export function draw(flow: Flow, lane = ""): Drawn {
  const boxes = new Map<string, Box>();
  const rows = [0, 0, 0, 0, 0, 0];
  const place = (name: string, topic: boolean, instances: number | null, rate: number | null): void => {
    const id = short(name);
    const known = boxes.get(id);
    if (known) {
      known.instances = plus(known.instances, instances);
      known.rate = plus(known.rate, rate);
      return;
    }
    const column = COLUMNS.find(([pattern]) => pattern.test(id))?.[1];
    if (column === undefined) return;
    boxes.set(id, { id, label: id.replace(/^ims\./, ""), topic, column, row: rows[column]!++, instances, lag: null, rate });
  };
  for (const node of flow.nodes) place(node.name, false, node.instances, null);
  for (const topic of flow.topics) if (ofLane(topic.name, lane)) place(topic.name, true, null, topic.rate);
  return { boxes: [...boxes.values()], lines: lines(flow, lane, boxes) };
}

function lines(flow: Flow, lane: string, boxes: Map<string, Box>): Line[] {
  const found = new Map<string, Line>();
  for (const edge of flow.edges) {
    const topic = edge.kind === "reads" ? edge.from : edge.to;
    const [from, to] = [short(edge.from), short(edge.to)];
    if (!ofLane(topic, lane) || !boxes.has(from) || !boxes.has(to)) continue;
    const key = `${from} ${to}`;
    const line = found.get(key) ?? { from, to, rate: null, lag: null };
    line.rate = plus(line.rate, edge.rate);
    line.lag = plus(line.lag, edge.lag);
    found.set(key, line);
    const box = boxes.get(to)!;
    if (edge.kind === "reads") box.lag = plus(box.lag, edge.lag);
  }
  return [...found.values()];
}
