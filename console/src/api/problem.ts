/** Where a fault of the API belongs: to the field with the longest pointer that it begins with, else to the summary. */
import type { FieldFault } from "./client";

export interface Sorted { byField: Record<string, FieldFault[]>; others: FieldFault[] }

export function sortFaults(faults: FieldFault[], pointers: string[]): Sorted {
  const longest = [...pointers].sort((a, b) => b.length - a.length);
  const sorted: Sorted = { byField: {}, others: [] };
  for (const fault of faults) {
    const at = longest.find((p) => fault.pointer === p || fault.pointer.startsWith(`${p}/`));
    if (at === undefined) sorted.others.push(fault);
    else (sorted.byField[at] ??= []).push(fault);
  }
  return sorted;
}
