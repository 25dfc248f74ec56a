/** What is asked for on each channel: the fields of a content, and where the choices of some come from. */
import type { Field } from "@/features/specs";

export type Source = "senders" | "profiles" | "brands" | "chatbots" | "apps" | "templates";
export interface ContentField extends Field { source?: Source; when?: (values: Record<string, string>) => boolean; text?: boolean }

const TEXT: ContentField = { name: "text", type: "long", required: true, text: true };

export const CONTENT: Record<string, readonly ContentField[]> = {
  mt: [
    { name: "sender", type: "choice", source: "senders", required: true },
    { name: "subject", when: (v) => v.type !== "sms" },
    TEXT,
    { name: "type", type: "choice", choices: ["auto", "sms", "lms", "mms"], value: "auto" },
    { name: "files", type: "lines", when: (v) => v.type === "mms" || Boolean(v.files) },
    { name: "on_unsupported", type: "choice", choices: ["reject", "replace"], value: "reject" },
  ],
  kakao: [
    { name: "type", type: "choice", choices: ["alimtalk", "brand"], value: "alimtalk", required: true },
    { name: "sender_key", type: "choice", source: "profiles", required: true },
    { name: "template_code", type: "choice", source: "templates", required: true, when: (v) => v.type !== "brand" },
    { name: "targeting", type: "choice", choices: ["I", "M", "N"], value: "I", when: (v) => v.type === "brand" },
    { ...TEXT, when: (v) => v.type === "brand" },
  ],
  rcs: [
    { name: "brand_id", type: "choice", source: "brands", required: true },
    { name: "chatbot_id", type: "choice", source: "chatbots", required: true },
    { name: "format", value: "SS000000", required: true },
    { name: "title", when: (v) => v.format !== "SS000000" },
    TEXT,
  ],
  email: [
    { name: "from", required: true, value: "" },
    { name: "subject", required: true },
    { ...TEXT, required: false },
    { name: "html", type: "long" },
    { name: "reply_to" },
  ],
  push: [
    { name: "app", type: "choice", source: "apps", required: true },
    { name: "title" },
    { name: "body", type: "long", required: true, text: true },
    { name: "link" },
    { name: "data", type: "json" },
  ],
};
export const CHANNELS = Object.keys(CONTENT);

export const COMMON: readonly Field[] = [
  { name: "lane", type: "choice", choices: ["realtime", "auth", "bulk", "ad"], value: "realtime" },
  { name: "scheduled_at", type: "time" },
  { name: "ttl", type: "number" },
  { name: "max_price" },
  { name: "request_ref" },
  { name: "callback_uri" },
];

export const shownFields = (channel: string, values: Record<string, string>): ContentField[] =>
  (CONTENT[channel] ?? []).filter((field) => field.when?.(values) ?? true);
