import { OTHER_VARIABLES, type Setting, SETTINGS } from "../config/mod.ts";
import type { HelpSection } from "./command.ts";
import { columns, wrap } from "./help_text.ts";

const NOTES: Readonly<Record<string, string>> = {
  CONTROL_PLANE_API_KEY: "the key itself; required, preferred",
  OPENAI_API_KEY: "the key itself; fallback",
  CONTROL_PLANE_ORGANIZATION_ID: "sent as OpenAI-Organization",
};

/** What `run --help` says beyond its flags (R-3, R-4, CFG-113). */
export function runSections(): readonly HelpSection[] {
  return [
    { heading: "Values", text: VALUES },
    { heading: "Environment variables", text: columns(variableRows()) },
    { heading: "Next steps", text: NEXT_STEPS.join("\n") },
  ];
}

function variableRows() {
  const settings: readonly Setting[] = SETTINGS;
  const rows = settings.flatMap(({ name, env, fallbackEnv }) =>
    [env, ...(fallbackEnv === undefined ? [] : [fallbackEnv])].map((variable) =>
      [variable, NOTES[variable] ?? `--${name}`] as const
    )
  );
  return [...rows, ...OTHER_VARIABLES.map(({ env, help }) => [env, help] as const)];
}

const VALUES = [
  wrap("Durations need a unit: 500ms, 30s, 1m30s, 1h.", "  "),
  wrap(
    "Header values of --control-plane.extra-headers, --mcp.extra-headers and --mcp.discovery-extra-headers " +
      "may be written as env:VAR or file:/path; their variables hold lists separated by commas or semicolons.",
    "  ",
  ),
].join("\n");

const NEXT_STEPS = [
  "  Read how everything fits together:",
  "    tunnel-client help quickstart",
  "  See a tool call travel through a tunnel, without any account:",
  "    tunnel-client demo",
  "  Serve a tunnel of yours with the built-in demo server:",
  "    export CONTROL_PLANE_API_KEY=...",
  '    health_url_file="$(mktemp -d)/health.url"',
  "    tunnel-client run --embedded-mcp-stub \\",
  "      --control-plane.tunnel-id tunnel_... \\",
  '      --health.listen-addr 127.0.0.1:0 --health.url-file "$health_url_file"',
  "  Is it ready?",
  '    curl -fsS "$(cat "$health_url_file")/readyz"',
  "  The operator's page is at http://<health.listen-addr>/ui",
];
