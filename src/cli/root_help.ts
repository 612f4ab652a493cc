import type { HelpSection } from "./command.ts";
import { columns, commandLines } from "./help_text.ts";
import { TOPICS } from "./help_topics.ts";
import { setupPageRows } from "./setup_pages.ts";

/** What the root help says beyond the list of commands (C-22). */
export function rootSections(): readonly HelpSection[] {
  return [
    { heading: "Start here, without any account", text: commandLines("tunnel-client demo") },
    {
      heading: "Help topics",
      text: columns(TOPICS.map(({ name, summary }) => [`tunnel-client help ${name}`, summary])),
    },
    { heading: "Setup pages", text: commandLines(...setupPageRows()) },
  ];
}
