import type { FlagSpec, ParsedFlags } from "../config/mod.ts";
import type { CliIo } from "./io.ts";

/** A command that does something. */
export interface LeafCommand {
  readonly kind: "leaf";
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly flags: () => readonly FlagSpec[];
  readonly help: () => string;
  /** Does the work and returns the exit code. Whatever it needs is loaded here, not before: start time counts. */
  readonly run: (flags: ParsedFlags, io: CliIo) => Promise<number>;
}

/** A command that reads its own command line. */
export interface ForeignCommand {
  readonly kind: "foreign";
  readonly name: string;
  readonly summary: string;
  readonly run: (args: readonly string[], io: CliIo) => Promise<number>;
}

/** A command that only has others below it. */
export interface GroupCommand {
  readonly kind: "group";
  readonly name: string;
  readonly summary: string;
  readonly children: readonly Command[];
  readonly help: () => string;
}

export type Command = LeafCommand | ForeignCommand | GroupCommand;
