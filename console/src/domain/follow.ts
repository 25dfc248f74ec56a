/** Where a message has been on the map: the boxes of each step of its trail, in the order it passed them. */
import { FINAL } from "./states";

export interface Passed { state: string; at: string | null; hop?: number; channel?: string; vendor?: string; code?: string; via?: string }

const FINISHED = ["ims.finished", "report"];
const BOXES: Record<string, (step: Passed, channel: string) => string[]> = {
  accepted: (_, channel) => [`api_${channel}`, "ims.accepted"],
  scheduled: () => ["schedule"], held: () => ["schedule"],
  routed: (step, channel) => ["route", `ims.send.${step.channel ?? channel}`],
  sending: (step, channel) => [`send_${step.channel ?? channel}`],
  sent: (step, channel) => [`send_${step.channel ?? channel}`],
};

/** The boxes of a step. A vendor's word that came after it had taken the message came as an outcome. */
function boxesOf(step: Passed, channel: string, before: readonly Passed[]): string[] {
  const known = BOXES[step.state];
  if (known) return known(step, channel);
  const taken = before.some((one) => one.state === "sent" && one.hop === step.hop);
  if (step.via === "receipt") return ["api_receipt", "ims.outcome", "route"];
  return taken || (step.via && step.via !== "answer") ? ["ims.outcome", "route"] : [];
}

export const way = (trail: readonly Passed[], channel: string, status: string): Set<string> =>
  new Set([...trail.flatMap((step, i) => boxesOf(step, channel, trail.slice(0, i))), ...(FINAL.has(status) ? FINISHED : [])]);
