/** `g` then a letter goes to a page, `?` shows the keys; none works inside a field. */
import type { Entry } from "./menu";

const inField = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) || target.closest("dialog") !== null);

export function shortcuts(entries: () => Entry[], go: (to: string) => void, help: () => void): (event: KeyboardEvent) => void {
  let led = false;
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || inField(event.target) || localStorage.getItem("ims.keys") === "off") return;
    if (led) {
      led = false;
      const found = entries().find((entry) => entry.key === event.key);
      if (found) { event.preventDefault(); go(found.to); }
    } else if (event.key === "g") led = true;
    else if (event.key === "?") help();
  };
}
