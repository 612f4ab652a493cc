/**
 * Writes the generated pages of `docs/` from the tables in the code. With `--check` it writes nothing and exits 1 if a
 * page is stale, so that a page can never say something else than the program does.
 */
import { commandsPage } from "./commands_page.ts";
import { configurationPage } from "./configuration_page.ts";
import { sampleProfiles } from "./sample_profiles.ts";
import { METRIC_TABLE, type MetricRow } from "../src/ops/mod.ts";

const NOTICE = "<!-- Written by `deno task docs` from the code; edit the table there. -->";

const PAGES: Readonly<Record<string, string>> = {
  "docs/commands.md": await commandsPage(NOTICE),
  "docs/configuration.md": configurationPage(NOTICE),
  "docs/metrics.md": metricsPage(METRIC_TABLE),
  ...sampleProfiles(),
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
