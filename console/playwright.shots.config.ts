/** `make screenshots`: pictures of every page. */
import base from "./playwright.config";

export default { ...base, testDir: "tests/shots" };
