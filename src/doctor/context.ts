import type { LoadedConfig, ParsedFlags, RunConfig } from "../config/mod.ts";
import type { Log } from "../ops/mod.ts";
import type { Routes } from "../sandbox/mod.ts";
import type { Commands } from "./commands.ts";
import type { CheckId } from "./report.ts";

/** A web page where something is made that a tunnel needs. */
export interface SetupPage {
  readonly url: string;
  /** Id of the check that names it. */
  readonly check: string;
}

/** What the doctor is asked, and what it may use. */
export interface DoctorRequest {
  readonly flags: ParsedFlags;
  readonly env: Readonly<Record<string, string>>;
  readonly pages: readonly SetupPage[];
  /** When a connector can be made; handed the command that keeps the tunnel up (C-21). */
  readonly connectorNote: (runCommand: string) => string;
  /** Hears which checks are still running, whenever that changes. */
  readonly onProgress?: (running: readonly CheckId[]) => void;
  /** Ends everything; what was started is taken down first. */
  readonly signal: AbortSignal;
}

/** What every check of a configuration that has loaded works with. */
export interface Context {
  readonly loaded: LoadedConfig;
  readonly config: RunConfig;
  readonly env: Readonly<Record<string, string>>;
  /** Variables that a child must not see. */
  readonly secretNames: readonly string[];
  readonly request: DoctorRequest;
  readonly commands: Commands;
  /** Undefined when the certificates cannot be used; then nothing is sent anywhere. */
  readonly routes: Routes | undefined;
  /** Roots that are trusted besides those of the process. */
  readonly caPem: string | undefined;
  /** Takes secrets out of a text that somebody else wrote. */
  readonly redact: (text: string) => string;
}

/** For parts that tell a log what the report tells already. */
export const SILENT_LOG: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  enabled: () => false,
  with: () => SILENT_LOG,
};

/** The first line of a text that somebody else wrote, short enough to show. */
export function shortened(text: string, maxLength = 400): string {
  const line = text.replaceAll(/\p{Cc}+/gu, " ").trim();
  return line.length > maxLength ? `${line.slice(0, maxLength)}…` : line;
}

/** Step after which to try again, at the end of every list of them. */
export function again({ commands }: Pick<Context, "commands">): string {
  return `ask again: ${commands.doctor}`;
}
