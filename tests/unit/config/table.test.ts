/** The table of settings against the keys of the specification (`config-keys.json`), row by row. */
import assert from "node:assert/strict";
import {
  EMBEDDED_STUB_FLAGS,
  type Member,
  OTHER_VARIABLES,
  parseDuration,
  type ReferenceRule,
  type Setting,
  SETTINGS,
  VERSION_KEY,
} from "../../../src/config/mod.ts";
import keys from "./config_keys.json" with { type: "json" };

type Source = "flag" | "env" | "yaml";
interface Key {
  readonly flag: string | null;
  readonly env: string | null;
  readonly yaml: string | null;
  readonly type: string;
  readonly default: unknown;
  readonly required: boolean;
  readonly scope: string;
  readonly flag_aliases: readonly string[];
  readonly references: Readonly<Record<Source, readonly string[]>>;
}

const KEYS: readonly Key[] = keys;
const settings: readonly Setting[] = SETTINGS;

/** Where the table says something else than the specification's file, and why. */
const DEVIATIONS: Readonly<Record<string, string>> = {
  "--admin-key": "a flag of admin commands, which read no settings",
  "--organization-id": "a flag of admin commands, which read no settings",
  "--workspace-id": "a flag of admin commands, which read no settings",
  "--json": "a flag of admin commands, which read no settings",
  "TUNNEL_INTEGRATION_TUNNEL_SERVICE_SOCKET_PATH": "a hook of the published client's own tests (CFG-54)",
};

/** Required there, and not here: a target may have a template in its place. */
const OPTIONAL: readonly string[] = ["harpoon.targets[].url"];

/** Settings that the specification's file does not have: newer versions of the published client, and ours. */
const ADDITIONS: readonly string[] = [
  "control-plane.initial-poll-timeout",
  "mcp.stdio-concurrency",
  "mcp.stdio-send-initialized-notification",
  "mcp.forward-trace-context",
  "mcp.oauth-trusted-origin",
  "health.show-details",
  "shutdown.drain-timeout",
  "reload.watch",
  "sandbox",
  "sandbox.learn",
];

/** Our types for those of the specification's file. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  "host:port": ["listen-address"],
  "list<channel>": ["channels"],
  "map<header>": ["headers"],
  "list<mcp-binding>": ["url-bindings", "command-bindings"],
  "list<harpoon-target>": ["harpoon-targets"],
  "list<enum>": ["texts"],
  "list<string>": ["texts"],
  "list<regex>": ["texts"],
};

const REFERENCES: Readonly<Record<ReferenceRule, string>> = {
  literal: "",
  optional: "env,file-content",
  mandatory: "env,file-content",
  path: "env,file-path",
  env: "env",
};

function memberOf(yaml: string): Member | undefined {
  const [, list, key] = /^(.+)\[\]\.(.+)$/.exec(yaml) ?? [];
  return settings.find((setting) => setting.yaml === list)?.members?.find((member) => member.key === key);
}

for (const key of KEYS) {
  const name = key.flag ?? key.env ?? key.yaml ?? "";
  const deviation = DEVIATIONS[name];
  if (deviation !== undefined) continue;
  Deno.test(`${name} is in the table as the specification has it`, () => {
    if (key.flag?.startsWith("--embedded-")) {
      const spec = EMBEDDED_STUB_FLAGS.find((flag) => `--${flag.name}` === key.flag);
      assert.ok(spec);
      assert.equal(spec.default, key.default === false ? "" : key.default);
    } else if (key.flag !== null) {
      checkSetting(settings.find((setting) => `--${setting.name}` === key.flag), key);
    } else if (key.env === "OPENAI_API_KEY") {
      assert.ok(settings.some(({ fallbackEnv }) => fallbackEnv === key.env));
    } else if (key.env !== null) {
      assert.ok(OTHER_VARIABLES.some(({ env }) => env === key.env));
    } else if (key.yaml === "config_version") {
      assert.equal(VERSION_KEY.yaml, key.yaml);
    } else {
      const member = memberOf(key.yaml ?? "");
      assert.equal(member?.type, key.type);
      assert.equal(member?.required === true, key.required && !OPTIONAL.includes(name));
      assert.equal(member?.default ?? "", key.default ?? "");
      assert.equal(REFERENCES[member?.references ?? "literal"], key.references.yaml.join(","));
    }
  });
}

function checkSetting(setting: Setting | undefined, key: Key): void {
  assert.ok(setting);
  assert.equal(setting.env, key.env);
  assert.equal(setting.yaml ?? null, key.yaml);
  assert.ok((TYPES[key.type] ?? [key.type]).includes(setting.type), `${setting.type} for ${key.type}`);
  assert.deepEqual(setting.alias === undefined ? [] : [`--${setting.alias}`], key.flag_aliases);
  assert.equal(setting.since, undefined);
  if (setting.type === "duration") {
    assert.equal(parseDuration(setting.default), parseDuration(String(key.default)));
  } else if (setting.name !== "profile-dir") {
    assert.equal(setting.default, String(key.default ?? ""));
  }
  // Values inside of list entries have rules of their own.
  if (setting.members !== undefined) return;
  for (const source of ["flag", "env", "yaml"] as const) {
    assert.equal(REFERENCES[setting.references[source]], key.references[source].join(","), source);
  }
}

Deno.test("every deviation is about a key that exists", () => {
  const names = KEYS.map((key) => key.flag ?? key.env ?? key.yaml);
  assert.deepEqual(Object.keys(DEVIATIONS).filter((name) => !names.includes(name)), []);
});

Deno.test("what the table has besides is marked with the version that brought it", () => {
  const flags = new Set(KEYS.map(({ flag }) => flag));
  const added = settings.filter(({ name }) => !flags.has(`--${name}`));
  assert.deepEqual(added.map(({ name }) => name), ADDITIONS);
  for (const { name, since } of added) assert.match(since ?? "", /^(?:0\.0\.\d+|ours)$/, name);
  const members = settings.flatMap(({ yaml, members = [] }) =>
    members.map((member) => ({ path: `${yaml}[].${member.key}`, since: member.since }))
  );
  const known = new Set(KEYS.map(({ yaml }) => yaml));
  assert.deepEqual(members.filter(({ path, since }) => known.has(path) === (since !== undefined)), []);
});

Deno.test("there are fourteen old spellings, each with dashes for the dots [CFG-13]", () => {
  const aliases = settings.flatMap(({ name, alias }) => alias === undefined ? [] : [[name, alias] as const]);
  assert.equal(aliases.length, 14);
  for (const [name, alias] of aliases) assert.equal(alias, name.replaceAll(".", "-"));
});
