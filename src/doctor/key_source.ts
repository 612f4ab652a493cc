import { type ConfigWarning, lastValue } from "../config/mod.ts";
import type { Context } from "./context.ts";
import { type Check, pass } from "./report.ts";

const KEY = /^\s*(?:api_key|["']api_key["'])\s*:\s*["']?((?:env|file):[^\s"'#]+)/m;

/** Where the key comes from, never the key (D-10). */
export function apiKeySource({ loaded, request }: Context): Check {
  const { flags, env } = request;
  const flag = lastValue(flags, "control-plane.api-key") ?? lastValue(flags, "control-plane-api-key") ?? "";
  const isSet = (name: string) => (env[name] ?? "").trim() !== "";
  const summary = /^(?:env|file):/.test(flag.trim())
    ? flag.trim()
    : isSet("CONTROL_PLANE_API_KEY")
    ? "env:CONTROL_PLANE_API_KEY"
    : sourceInFile(loaded.file?.text ?? "", loaded.warnings) ??
      (isSet("OPENAI_API_KEY") ? "env:OPENAI_API_KEY" : "configured");
  return pass("control_plane_api_key", summary);
}

/** The profile's own word; undefined when it has none. */
function sourceInFile(text: string, warnings: readonly ConfigWarning[]): string | undefined {
  const isLiteral = warnings.some(({ code, setting }) =>
    code === "literal_secret" && setting === "control-plane.api-key"
  );
  if (isLiteral) return "written in the profile itself";
  return KEY.exec(text)?.[1];
}
