import {
  flagOf,
  type Member,
  OTHER_VARIABLES,
  type Setting,
  SETTINGS,
  VERSION_KEY,
} from "../src/config/mod.ts";

const REFERENCE_WORDS = {
  literal: "",
  optional: "Value reference allowed",
  mandatory: "Value reference required",
  path: "Path reference allowed",
  env: "`env:NAME` allowed",
} as const;

/** `docs/configuration.md`: every setting. @param notice says that it is generated */
export function configurationPage(notice: string): string {
  const settings: readonly Setting[] = SETTINGS;
  const lines = [
    "# Configuration",
    "",
    notice,
    "",
    "Every setting of `tunnel-client run`. A flag wins over its environment variable, that over the profile, and that over the",
    "default; lists are replaced as a whole, never merged, and a variable that is empty hides what the profile says. Durations",
    "are written like `300ms`, `1.5s` or `1m30s`.",
    "",
    "References: where *value* references are allowed, `env:NAME` takes the value from a variable and `file:PATH` from a file, so",
    "that no secret stands on a command line or in a profile. Where a *path* is wanted, `env:NAME` names a variable that holds the",
    "path, and `file:` may stand before a path. A secret that stands in a profile itself works, and is warned about at every start.",
    "",
    "A profile is a YAML file. An unknown key is an error; so is a wrong type. `tunnel-client profiles schema` prints its JSON Schema.",
    "",
    `\`${VERSION_KEY.yaml}\`: ${VERSION_KEY.help}`,
    "",
  ];
  let group = "";
  for (const setting of settings) {
    if (setting.group !== group) lines.push(`## ${group = setting.group}`, "");
    lines.push(...settingSection(setting));
  }
  lines.push("## Other variables", "", "| Variable | Meaning |", "|---|---|");
  for (const { env, lowerCase, help } of OTHER_VARIABLES) {
    const names = [env, lowerCase].filter((name) => name !== undefined).map(code).join(", then ");
    lines.push(`| ${names} | ${help} |`);
  }
  return [...lines, ""].join("\n");
}

function settingSection(setting: Setting): string[] {
  const rows: [string, string][] = [
    [
      "Flag",
      code(`--${setting.name} ${setting.placeholder}`) + (flagOf(setting).repeatable ? ", repeatable" : ""),
    ],
    [
      "Environment",
      [setting.env, setting.fallbackEnv].filter((name) => name !== undefined).map(code).join(", then "),
    ],
    ...setting.yaml === undefined ? [] : [["Profile", code(setting.yaml)] as [string, string]],
    ["Default", setting.default === "" ? "none" : code(setting.default)],
  ];
  if (setting.choices) rows.push(["Valid", setting.choices.map(code).join(", ")]);
  const limits = limitText(setting);
  if (limits !== "") rows.push(["Limits", limits]);
  const references = referenceText(setting);
  if (references !== "") rows.push(["References", references]);
  if (setting.secret) rows.push(["Secret", "never shown, logged or exported"]);
  if (setting.example !== "") rows.push(["Example", code(setting.example)]);
  if (setting.since !== undefined) rows.push(["Since", sinceText(setting.since)]);
  const table = rows.map(([name, value]) => `| ${name} | ${value.replaceAll("|", "\\|")} |`);
  return [
    `### ${setting.name}`,
    "",
    setting.help,
    "",
    "| | |",
    "|---|---|",
    ...table,
    "",
    ...memberTable(setting),
  ];
}

/** The keys of one list entry in a profile, with those of what stands in it. */
function memberTable({ members, yaml }: Setting): string[] {
  if (members === undefined) return [];
  const rows = memberRows(members, "");
  return [
    `Keys of one entry of \`${yaml}\`:`,
    "",
    "| Key | Meaning | Default | Example |",
    "|---|---|---|---|",
    ...rows,
    "",
  ];
}

function memberRows(members: readonly Member[], prefix: string): string[] {
  return members.flatMap((member) => {
    const key = prefix + member.key;
    const notes = [
      member.required ? "Required." : "",
      member.references === undefined || member.references === "literal"
        ? ""
        : `${REFERENCE_WORDS[member.references]}.`,
      member.since === undefined ? "" : `Since: ${sinceText(member.since)}.`,
    ].filter((note) => note !== "");
    const help = [member.help, ...notes].join(" ").replaceAll("|", "\\|");
    const row = `| ${code(key)} | ${help} | ${member.default === undefined ? "" : code(member.default)} | ${
      code(member.example).replaceAll("|", "\\|")
    } |`;
    const below = member.type === "objects" ? `${key}.NAME.` : `${key}.`;
    return [row, ...memberRows(member.members ?? [], below)];
  });
}

function sinceText(since: string): string {
  return since === "ours" ? "this client only" : `version ${since} of the published client`;
}

function limitText({ limits }: Setting): string {
  const parts = [
    ["at least", limits?.min],
    ["at most", limits?.max],
    ["more than", limits?.above],
    ["less than", limits?.below],
  ].filter(([, bound]) => bound !== undefined);
  return parts.map(([word, bound]) => `${word} ${bound}`).join(", ");
}

function referenceText({ references, members, yaml }: Setting): string {
  const parts = [
    ["flag", references.flag],
    ["environment", references.env],
    ...yaml === undefined || members !== undefined ? [] : [["profile", references.yaml] as const],
  ] as const;
  const words = new Map<string, string[]>();
  for (const [source, rule] of parts) {
    if (rule === "literal") continue;
    const word = REFERENCE_WORDS[rule].toLowerCase().replaceAll("env:name", "env:NAME");
    words.set(word, [...words.get(word) ?? [], source]);
  }
  return [...words].map(([word, sources]) => `${word} in ${sources.join(", ")}`).join("; ");
}

function code(text: string): string {
  return `\`${text.trim()}\``;
}
