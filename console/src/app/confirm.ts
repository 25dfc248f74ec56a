/** Asking for the password again before what is dangerous: one question at a time. */
import { computed, ref, type ComputedRef } from "vue";

export const asking = ref<((given: boolean) => void) | null>(null);

export const askPassword = (): Promise<boolean> =>
  new Promise((resolve) => {
    asking.value?.(false);
    asking.value = (given) => { asking.value = null; resolve(given); };
  });

/** Whether the question is open: what asked for it steps aside meanwhile. */
export const useConfirmed = (): ComputedRef<boolean> => computed(() => asking.value !== null);
