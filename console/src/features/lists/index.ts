/** Every page that is a list, by its name. */
import type { List } from "@/features/specs";
import { OPERATOR_LISTS } from "./operator";
import { TENANT_LISTS } from "./tenant";

export const LISTS: Record<string, List> = { ...TENANT_LISTS, ...OPERATOR_LISTS };
