/** What somebody is writing, by channel; it stays while they look elsewhere, or must sign in again. */
import { reactive } from "vue";
import { recipientsOf } from "@/domain/recipients";
import { bodyOf, type Field, type Row } from "@/features/specs";
import { COMMON, CONTENT, shownFields } from "./channels";

export interface Step { channel: string; values: Record<string, string> }
export interface Draft { values: Record<string, string>; recipients: string; group: string; distinct: boolean; steps: Step[]; wait: string }

const begun = (fields: readonly Field[]): Record<string, string> => Object.fromEntries(fields.map((f) => [f.name, f.value ?? ""]));
const drafts: Record<string, Draft> = reactive({});

export function draftOf(channel: string): Draft {
  drafts[channel] ??= { values: { ...begun(CONTENT[channel] ?? []), ...begun(COMMON) }, recipients: "", group: "", distinct: false, steps: [], wait: "" };
  return drafts[channel]; // the reactive one, not what was just written
}

export const newStep = (channel: string): Step => ({ channel, values: begun(CONTENT[channel] ?? []) });

/** The request as the API takes it. */
export function requestOf(channel: string, draft: Draft): Row {
  const people = draft.group ? [{ group: draft.group }] : recipientsOf(draft.recipients);
  const fallback = draft.steps.map((step) => ({ channel: step.channel, ...bodyOf(shownFields(step.channel, step.values), step.values) }));
  return {
    ...bodyOf([...shownFields(channel, draft.values), ...COMMON], draft.values),
    recipients: people,
    ...(fallback.length ? { fallback, ...(draft.wait ? { wait: Number(draft.wait) } : {}) } : {}),
    ...(draft.distinct ? { distinct: true } : {}),
  };
}

/** JSON pointers of all fields that the form shows; a fault belongs to the longest that it begins with. */
export const pointersOf = (channel: string, draft: Draft): string[] => [
  ...[...shownFields(channel, draft.values), ...COMMON].map((f) => `/${f.name}`),
  ...draft.steps.flatMap((step, i) => shownFields(step.channel, step.values).map((f) => `/fallback/${i}/${f.name}`)),
];
