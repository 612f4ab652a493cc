/**
 * The shape of a row in the table of settings. Flags, environment variables, the YAML schema, help, limits and the list
 * of secrets are all read from such rows.
 */

/** What kind of value a setting holds; decides how its text is read and how a list of them is split. */
export type SettingType =
  | "string"
  | "url"
  | "url-path"
  | "int"
  | "bool"
  | "duration"
  | "enum"
  | "path"
  | "path-ref"
  | "proxy-ref"
  | "secret"
  | "listen-address"
  | "channels"
  | "headers"
  | "url-bindings"
  | "command-bindings"
  | "harpoon-targets"
  /** A list of texts; its variable is split at `;` and line feeds (CFG-84). */
  | "texts"
  /** A list of texts; its variable is split at line breaks only. */
  | "lines";

/**
 * What a source may hold in place of the value (section 3.3 of the specification): nothing; `env:NAME` or `file:PATH` for a
 * value, allowed or required; a path, `env:NAME` of one, or `file:` before one; `env:NAME` only.
 */
export type ReferenceRule = "literal" | "optional" | "mandatory" | "path" | "env";

/** Bounds, written in the setting's own syntax. */
export interface Limits {
  /** Smallest value allowed. */
  readonly min?: string;
  /** Largest value allowed. */
  readonly max?: string;
  /** The value must be larger than this. */
  readonly above?: string;
  /** The value must be smaller than this. */
  readonly below?: string;
}

/** What kind of value a member of a list entry holds in YAML. */
export type MemberType =
  | "string"
  | "url"
  | "channel"
  | "command"
  | "path-ref"
  | "proxy-ref"
  | "int"
  | "bool"
  | "texts"
  /** Texts by name. */
  | "map"
  /** One entry with members of its own. */
  | "object"
  /** Such entries by name. */
  | "objects";

/** One key of a list entry in YAML. */
export interface Member {
  readonly key: string;
  readonly type: MemberType;
  /** An entry without it is a mistake. */
  readonly required?: true;
  readonly references?: ReferenceRule;
  /** Never shown. */
  readonly secret?: true;
  /** What applies when it is absent; absent means none. */
  readonly default?: string;
  readonly help: string;
  readonly example: string;
  readonly members?: readonly Member[];
  readonly since?: string;
}

export interface Setting {
  /** Canonical name: the flag without its dashes. */
  readonly name: string;
  /** Old spelling of the flag; accepted, never shown (CFG-13). */
  readonly alias?: string;
  readonly env: string;
  /** A variable that is asked after every other source (CFG-10). */
  readonly fallbackEnv?: string;
  /** Path in the file, dots between keys; absent for what selects the file. */
  readonly yaml?: string;
  readonly type: SettingType;
  /** As a person would type it; empty means none. */
  readonly default: string;
  readonly limits?: Limits;
  /** Valid words of an `enum`. */
  readonly choices?: readonly string[];
  /** Keys of one entry in YAML, where the setting is a list of entries. */
  readonly members?: readonly Member[];
  /** The value must never be shown. */
  readonly secret?: true;
  readonly references: {
    readonly flag: ReferenceRule;
    readonly env: ReferenceRule;
    readonly yaml: ReferenceRule;
  };
  /** Sources whose empty value is a mistake and not an absence (CFG-7, CFG-9). */
  readonly emptyIsError?: readonly ("flag" | "env")[];
  /** An empty flag means "none" and hides the other sources (CFG-7). */
  readonly emptyFlagClears?: true;
  /** Heading in `run --help`. */
  readonly group: string;
  /** Stands for the value in help; empty for a `bool`. */
  readonly placeholder: string;
  readonly help: string;
  readonly example: string;
  /** Version of the published client that brought it, or `ours`; absent: all versions have it. */
  readonly since?: string;
}

export const LITERAL = { flag: "literal", env: "literal", yaml: "literal" } as const;
export const YAML_REFERENCE = { flag: "literal", env: "literal", yaml: "optional" } as const;
export const VALUE_REFERENCE = { flag: "optional", env: "optional", yaml: "optional" } as const;
export const PATH_REFERENCE = { flag: "path", env: "path", yaml: "path" } as const;
export const PROXY_REFERENCE = { flag: "env", env: "env", yaml: "env" } as const;

const LIST_TYPES: ReadonlySet<SettingType> = new Set([
  "channels",
  "headers",
  "url-bindings",
  "command-bindings",
  "harpoon-targets",
  "texts",
  "lines",
]);

/** True when the setting holds a list: its flag may be repeated, its variable holds several entries. */
export function isList(setting: Setting): boolean {
  return LIST_TYPES.has(setting.type);
}
