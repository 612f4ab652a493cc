import { EMBEDDED_STUB_FLAGS, flagOf, type FlagSpec, type Setting, SETTINGS } from "../config/mod.ts";
import { VERSION } from "../version.ts";
import { columns, flagSections, wrap } from "./help_text.ts";

/** The flags of `run`: one per setting, and the demo server's. */
export function runFlags(): readonly FlagSpec[] {
  return [...SETTINGS.map(flagOf), ...EMBEDDED_STUB_FLAGS];
}

const NOTES: Readonly<Record<string, string>> = {
  CONTROL_PLANE_API_KEY: "the key itself; required, preferred",
  OPENAI_API_KEY: "the key itself; fallback",
  CONTROL_PLANE_ORGANIZATION_ID: "sent as OpenAI-Organization",
};

/** Text of `run --help` (R-3, R-4, CFG-113). */
export function runHelp(): string {
  const settings: readonly Setting[] = SETTINGS;
  const variables = new Map(settings.map((setting) => [setting.name, setting.env]));
  const rows = settings.flatMap(({ name, env, fallbackEnv }) =>
    [env, ...(fallbackEnv === undefined ? [] : [fallbackEnv])].map((variable) =>
      [variable, NOTES[variable] ?? `--${name}`] as const
    )
  );
  return [
    `tunnel-client run ${VERSION}`,
    "",
    wrap(
      "Serves one tunnel until it is told to stop: polls the control plane for commands, hands each to the MCP " +
        "server of its channel, and posts the answer back.",
    ),
    "",
    "Usage: tunnel-client run [flags]",
    "",
    wrap("Every value comes from its flag, else from its environment variable, else it is the default."),
    "",
    flagSections(runFlags(), (spec) => variables.get(spec.name)),
    "",
    "Values:",
    wrap("Durations need a unit: 500ms, 30s, 1m30s, 1h.", "  "),
    wrap(
      "Header values of --control-plane.extra-headers, --mcp.extra-headers and --mcp.discovery-extra-headers " +
        "may be written as env:VAR or file:/path; their variables hold lists separated by commas or semicolons.",
      "  ",
    ),
    "",
    "Environment variables:",
    columns(rows),
    "",
    "Next steps:",
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
    "",
  ].join("\n");
}
