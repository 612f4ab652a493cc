import type { Limits, Member, Setting } from "./setting.ts";
import { SETTINGS, VERSION_KEY } from "./settings.ts";

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
/** One JSON Schema. */
export interface JsonSchema {
  readonly [keyword: string]: Json;
}

/** Where editors find this schema's dialect; they know no newer one. */
const DIALECT = "http://json-schema.org/draft-07/schema#";

/** Any scalar is a text (section 3.2 of the specification); nothing at all is as good as no key. */
const TEXT: JsonSchema = { type: ["string", "number", "boolean", "null"] };
const BOOLEAN: JsonSchema = {
  anyOf: [
    { type: ["boolean", "null"] },
    {
      enum: [
        "y",
        "Y",
        "yes",
        "Yes",
        "YES",
        "on",
        "On",
        "ON",
        "n",
        "N",
        "no",
        "No",
        "NO",
        "off",
        "Off",
        "OFF",
      ],
    },
  ],
};
const DURATION: JsonSchema = {
  anyOf: [
    {
      type: "string",
      pattern: "^(?:[+-]?(?:(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:ns|us|µs|μs|ms|s|m|h))+|[+-]?0)?$",
    },
    { enum: [0, null] },
  ],
};

/** JSON Schema of a profile, for editors and for `profiles schema`; made from the table of settings. */
export function profileJsonSchema(): JsonSchema {
  const root: MutableSchema = emptyObject();
  root.properties[VERSION_KEY.yaml] = { enum: [1, 2, null], description: VERSION_KEY.help };
  for (const setting of SETTINGS as readonly Setting[]) {
    const path = setting.yaml?.split(".") ?? [];
    const last = path.pop();
    if (last === undefined) continue;
    let parent = root;
    for (const key of path) parent = (parent.properties[key] ??= emptyObject()) as MutableSchema;
    parent.properties[last] = settingSchema(setting);
  }
  return {
    $schema: DIALECT,
    title: "tunnel-client profile",
    ...root,
  };
}

interface MutableSchema {
  type: readonly Json[];
  properties: Record<string, Json>;
  additionalProperties: false;
  [keyword: string]: Json;
}

function emptyObject(): MutableSchema {
  return { type: ["object", "null"], properties: {}, additionalProperties: false };
}

function settingSchema(setting: Setting): JsonSchema {
  const schema = { ...typeSchema(setting), description: setting.help };
  const { default: standard, type } = setting;
  if (standard === "" || setting.members !== undefined) return schema;
  if (type === "bool") return { ...schema, default: standard === "true" };
  return { ...schema, default: type === "int" ? Number(standard) : standard };
}

function typeSchema(setting: Setting): JsonSchema {
  if (setting.members !== undefined) return listOf(objectSchema(setting.members));
  switch (setting.type) {
    case "int":
      return { type: ["integer", "null"], ...bounds(setting.limits) };
    case "bool":
      return BOOLEAN;
    case "duration":
      return DURATION;
    case "enum":
      return { anyOf: [{ enum: [...setting.choices ?? [], null] }, anyCase(setting)] };
    case "headers":
      return { type: ["object", "null"], additionalProperties: TEXT };
    case "channels":
    case "texts":
    case "lines":
      return listOf(TEXT);
    default:
      return TEXT;
  }
}

/** Words of a closed list in any letter case; levels may have an offset behind them (CFG-90). */
function anyCase({ choices = [], name }: Setting): JsonSchema {
  const words = choices.map((word) =>
    word.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)
  );
  return {
    type: "string",
    pattern: `^(?:(?:${words.join("|")})${name === "log.level" ? "(?:[+-]\\d+)?" : ""})?$`,
  };
}

function bounds(limits: Limits | undefined): Record<string, Json> {
  return {
    ...(limits?.min === undefined ? {} : { minimum: Number(limits.min) }),
    ...(limits?.max === undefined ? {} : { maximum: Number(limits.max) }),
  };
}

function listOf(items: JsonSchema): JsonSchema {
  return { type: ["array", "null"], items };
}

function objectSchema(members: readonly Member[]): JsonSchema {
  return {
    type: ["object", "null"],
    properties: Object.fromEntries(members.map((member) => [member.key, memberSchema(member)])),
    additionalProperties: false,
    required: members.filter((member) => member.required).map((member) => member.key),
  };
}

function memberSchema({ type, help, members = [] }: Member): JsonSchema {
  const schemas: Partial<Record<Member["type"], JsonSchema>> = {
    int: { type: ["integer", "null"] },
    bool: BOOLEAN,
    texts: listOf(TEXT),
    map: { type: ["object", "null"], additionalProperties: TEXT },
    object: objectSchema(members),
    objects: { type: ["object", "null"], additionalProperties: objectSchema(members) },
  };
  return { ...schemas[type] ?? TEXT, description: help };
}
