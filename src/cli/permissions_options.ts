import { type FlagSpec, lastValue, parseBoolean, type ParsedFlags } from "../config/mod.ts";
import { runFlags } from "./run_flags.ts";

const FORMATS = ["flags", "json", "systemd"] as const;
const FORMS = ["source", "binary"] as const;

/** How `permissions` shows what it finds. */
export interface PermissionsOptions {
  readonly format: (typeof FORMATS)[number];
  /** What is going to be started with the rights. */
  readonly form: (typeof FORMS)[number];
}

const OUTPUT = "Output";

/** The flags of `run`, because the rights depend on every one of them, and the command's own. */
export function permissionsFlags(): readonly FlagSpec[] {
  return [
    own(
      "format",
      "FORMAT",
      "flags",
      "flags: for deno run and deno compile. systemd: a drop-in for the unit.",
      FORMATS,
    ),
    {
      ...own("json", "", "", "Same as --format json."),
      syntax: "bool",
    },
    own(
      "form",
      "FORM",
      "",
      "What gets the rights: source needs to read its own modules, a binary has them inside. Default: what runs now.",
      FORMS,
    ),
    ...runFlags(),
  ];
}

function own(
  name: string,
  placeholder: string,
  standard: string,
  help: string,
  choices?: readonly string[],
): FlagSpec {
  return {
    name,
    syntax: "text",
    repeatable: false,
    placeholder,
    default: standard,
    help,
    group: OUTPUT,
    ...(choices === undefined ? {} : { choices }),
  };
}

/** Reads the command's own flags; that their words are among the choices has been checked. */
export function permissionsOptions(flags: ParsedFlags): PermissionsOptions {
  const isJson = parseBoolean(lastValue(flags, "json") ?? "false");
  const format = FORMATS.find((word) => word === lastValue(flags, "format")) ?? "flags";
  return {
    format: isJson ? "json" : format,
    form: FORMS.find((word) => word === lastValue(flags, "form")) ??
      (Deno.build.standalone ? "binary" : "source"),
  };
}
