import { doctor } from "./topics/doctor.ts";
import { oauth } from "./topics/oauth.ts";
import { plugin } from "./topics/plugin.ts";
import { quickstart } from "./topics/quickstart.ts";
import { samples } from "./topics/samples.ts";
import { troubleshooting } from "./topics/troubleshooting.ts";

/** A text of `tunnel-client help TOPIC`. */
export interface HelpTopic {
  readonly name: string;
  /** One line for lists. */
  readonly summary: string;
  readonly text: () => string;
}

/** Every topic (T-2). */
export const TOPICS: readonly HelpTopic[] = [
  { name: "quickstart", summary: "From nothing to a tool call", text: quickstart },
  { name: "samples", summary: "Profiles to begin with", text: samples },
  { name: "doctor", summary: "What doctor checks, and which key is for what", text: doctor },
  { name: "oauth", summary: "Servers that are protected", text: oauth },
  { name: "plugin", summary: "Tunnels and Codex", text: plugin },
  { name: "troubleshooting", summary: "When it does not work", text: troubleshooting },
];
