/** Asking for the password again before what is dangerous: one question at a time. */
import { ref } from "vue";

export const asking = ref<((given: boolean) => void) | null>(null);

export const askPassword = (): Promise<boolean> =>
  new Promise((resolve) => {
    asking.value?.(false);
    asking.value = (given) => { asking.value = null; resolve(given); };
  });
