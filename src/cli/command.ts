import type { FlagSpec, ParsedFlags } from "../config/mod.ts";
import type { CliIo } from "./io.ts";

/** A place in the tree of commands: enough to list and to find it. The rest is loaded when it is chosen. */
export interface CommandEntry {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export type Command = LeafCommand | GroupCommand;

/** A word of the command line that is not a flag. */
export interface Positional {
  /** Stands for it in help and messages: `ID`, `NAME`. */
  readonly name: string;
  /** One line for help. */
  readonly help: string;
  readonly optional?: true;
  /** It takes all words that are left; only the last one may. */
  readonly many?: true;
}

/** A text of a help page; it is shown as it stands, so it is wrapped and indented already. */
export interface HelpSection {
  readonly heading: string;
  readonly text: string;
}

export type HelpSections = () => readonly HelpSection[] | Promise<readonly HelpSection[]>;

/** A command that does something. */
export interface LeafCommand {
  readonly kind: "leaf";
  /** What it does, for its help page; paragraphs are separated by an empty line and wrapped. */
  readonly about: string;
  /** What follows the command's path in the usage lines; made from positionals and flags when absent. */
  readonly usage?: readonly string[];
  /** In order; none when absent. */
  readonly positionals?: readonly Positional[];
  /** Its own flags; those of the groups above it come on top. */
  readonly flags?: () => readonly FlagSpec[];
  /** Flags that must be given (C-7), without dashes. */
  readonly required?: readonly string[];
  /** Further sections of its help page, behind the flags. */
  readonly sections?: HelpSections;
  /** Does the work and returns the exit code. */
  readonly run: (call: CommandCall, io: CliIo) => Promise<number>;
}

/** A command that only has others below it. */
export interface GroupCommand {
  readonly kind: "group";
  readonly about: string;
  /** Flags of every command below, which may also stand before its name (C-1). */
  readonly flags?: () => readonly FlagSpec[];
  readonly children: readonly CommandEntry[];
  readonly sections?: HelpSections;
}

/** A checked command line, as the command gets it. */
export interface CommandCall {
  /** What was given of its own flags and those of the groups above it. */
  readonly flags: ParsedFlags;
  /** The positional words; their number has been checked. */
  readonly args: readonly string[];
  /** The command as it is typed: `tunnel-client admin tunnels get`. */
  readonly path: string;
}
