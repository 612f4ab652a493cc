import { wrap } from "../help_text.ts";
import { connectorNote, ROLE_PAGES, SETUP_PAGES } from "../setup_pages.ts";

/** The six web pages, as a block of a topic. */
export function pages(): string {
  return [...SETUP_PAGES, ...ROLE_PAGES].map(({ label, url }) => `  ${label}: ${url}`).join("\n");
}

/** C-21, as a block of a topic. */
export function connector(runCommand: string): string {
  return wrap(connectorNote(runCommand), "  ");
}
