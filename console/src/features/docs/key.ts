/** The key that somebody tries calls with: in memory, for as long as the page is open. */
import { ref } from "vue";

export const testKey = ref("");
