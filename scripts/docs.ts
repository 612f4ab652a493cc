/**
 * Writes the generated pages of `docs/` from the tables in the code. With `--check` it writes nothing and exits 1 if a
 * page is stale, so that a page can never say something else than the program does.
 */
import { type Setting, SETTINGS } from "../src/config/mod.ts";
import { METRIC_TABLE, type MetricRow } from "../src/ops/mod.ts";

const NOTICE = "<!-- Written by `deno task docs` from the code; edit the table there. -->";

const PAGES: Readonly<Record<string, string>> = {
  "docs/configuration.md": configurationPage(SETTINGS),
  "docs/metrics.md": metricsPage(METRIC_TABLE),
};

const root = new URL("../", import.meta.url);
const stale: string[] = [];
for (const [path, text] of Object.entries(PAGES)) {
  const file = new URL(path, root);
  if (await readIfPresent(file) === text) continue;
  if (Deno.args.includes("--check")) stale.push(path);
  else await Deno.writeTextFile(file, text);
}
if (stale.length > 0) {
  console.error(`stale: ${stale.join(", ")}; run: deno task docs`);
  Deno.exit(1);
}

async function readIfPresent(file: URL): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function configurationPage(settings: readonly Setting[]): string {
  const lines = [
    "# Configuration",
    "",
    NOTICE,
    "",
    "Every setting of `tunnel-client run`. A flag wins over its environment variable, and that over the default; lists are",
    "replaced as a whole, never merged. Durations are written like `300ms`, `1.5s` or `1m30s`. Where a reference is allowed,",
    "`env:NAME` takes the value from a variable and `file:PATH` from a file, so that no secret stands on a command line.",
    "",
  ];
  let group = "";
  for (const setting of settings) {
    if (setting.group !== group) lines.push(`## ${group = setting.group}`, "");
    lines.push(...settingSection(setting));
  }
  return lines.join("\n");
}

function settingSection(setting: Setting): string[] {
  const rows: [string, string][] = [
    ["Flag", code(`--${setting.name} ${setting.placeholder}`)],
    [
      "Environment",
      [setting.env, setting.fallbackEnv].filter((name) => name !== undefined).map(code).join(", then "),
    ],
    ["Default", setting.default === "" ? "none" : code(setting.default)],
  ];
  if (setting.choices) rows.push(["Valid", setting.choices.map(code).join(", ")]);
  const limits = limitText(setting);
  if (limits !== "") rows.push(["Limits", limits]);
  const references = referenceText(setting);
  if (references !== "") rows.push(["References", references]);
  if (setting.secret) rows.push(["Secret", "never shown, logged or exported"]);
  if (setting.example !== "") rows.push(["Example", code(setting.example)]);
  const table = rows.map(([name, value]) => `| ${name} | ${value.replaceAll("|", "\\|")} |`);
  return [`### ${setting.name}`, "", setting.help, "", "| | |", "|---|---|", ...table, ""];
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

function referenceText({ references }: Setting): string {
  const words = { literal: "", optional: "allowed", mandatory: "required" } as const;
  const parts = [
    ["flag", words[references.flag]],
    ["environment", words[references.env]],
  ].filter(([, word]) => word !== "");
  return parts.map(([source, word]) => `${word} in the ${source}`).join(", ");
}

function metricsPage(rows: readonly MetricRow[]): string {
  const lines = [
    "# Metrics",
    "",
    NOTICE,
    "",
    "Served at `/metrics` of the health listener in the Prometheus text format, besides the usual `process_*` metrics.",
    "`commands_received_total` is always the sum over `commands_outcome_total` and `commands_in_flight`.",
    "",
    "| name | type | unit | labels | meaning |",
    "|---|---|---|---|---|",
  ];
  for (const row of [...rows].sort((a, b) => a.name < b.name ? -1 : 1)) {
    const labels = row.labels.map(({ name }) => code(name)).join(", ");
    lines.push(
      `| ${code(row.name)} | ${row.type} | ${row.unit} | ${labels} | ${row.help.replaceAll("|", "\\|")} |`,
    );
  }
  return [...lines, ""].join("\n");
}

function code(text: string): string {
  return `\`${text.trim()}\``;
}
