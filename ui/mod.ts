/**
 * ui: the page at `/ui`. In: `/api/status`, asked for every 2 s by the page itself. Out: three texts that the
 * operator's listener serves as they are; they ask for nothing outside it and need no build step.
 */
export { STATUS_PAGE } from "./status_page.ts";
export { STATUS_SCRIPT } from "./status_script.ts";
export { STATUS_STYLES } from "./status_styles.ts";
