/** Checks of the configuration itself: where it comes from, whether it loads, what it says (D-8 … D-10). */
import {
  type ConfigError,
  type ConfigProblem,
  configSourceLabel,
  formatProblem,
  type RunConfig,
} from "../config/mod.ts";
import type { Commands } from "./commands.ts";
import type { Context, DoctorRequest } from "./context.ts";
import { guidanceFor } from "./guidance.ts";
import { type Check, type CheckId, fail, pass, warn } from "./report.ts";
import { shownTarget } from "./shown_target.ts";

const NO_FILE = "flags/environment only";

/** Names the source (check 1). */
export function configSource({ source }: Pick<RunConfig, "source">): Check {
  const label = configSourceLabel(source);
  const shown = label === "flags/environment" ? NO_FILE : label.replace(
    /^(profile(?:-file)?):/,
    (_, kind) => kind === "profile" ? "profile: " : "profile file: ",
  );
  return pass("config_source", shown);
}

/** Check 2 of a file that has loaded. */
export function profileLoad({ source }: Pick<RunConfig, "source">): Check {
  return pass("profile_load", source.profilePath || source.configFile || NO_FILE);
}

/** The web pages, which are never asked (checks 5 to 8). */
export function pageChecks({ pages }: Pick<DoctorRequest, "pages">): Check[] {
  const ids: readonly CheckId[] = [
    "tunnels_management_url",
    "runtime_api_keys_url",
    "admin_api_keys_url",
    "chatgpt_connector_settings_url",
  ];
  return ids.flatMap((id) => pages.filter(({ check }) => check === id).map(({ url }) => pass(id, url)));
}

/** Whether the settings that have no check of their own have something to say that is no mistake. */
export function configWarnings({ loaded, commands }: Context): Check {
  const { warnings } = loaded;
  if (warnings.length === 0) return pass("config_warnings", "none");
  const [first] = warnings;
  const more = warnings.length > 1 ? ` (and ${warnings.length - 1} more)` : "";
  return warn("config_warnings", `${first?.message ?? ""}${more}`, {
    why: "It works, and is still not as it should be.",
    evidence: warnings.map(formatProblem),
    next: [
      ...warnings.map(({ suggestion }) => suggestion).filter((step) => step !== ""),
      `ask again: ${commands.doctor}`,
    ],
  });
}

/** The channel that everything defaults to (check 9); undefined when it is not bound. */
export function mcpTarget({ config }: Context): Check | undefined {
  const main = config.mcp.bindings.find(({ channel }) => channel === "main");
  return main === undefined ? undefined : pass("mcp_target", shownTarget(main));
}

/** Sorts mistakes under the ids of the contract (D-9), several mistakes of one id into one check. */
export function problemChecks(
  { problems }: ConfigError,
  request: DoctorRequest,
  commands: Commands,
): Check[] {
  const byId = new Map<CheckId, ConfigProblem[]>();
  for (const problem of problems) {
    const id = checkOf(problem);
    byId.set(id, [...byId.get(id) ?? [], problem]);
  }
  return [...byId].map(([id, found]) => {
    const { why, next } = guidanceFor(id, request, commands);
    const more = found.length > 1 ? ` (and ${found.length - 1} more)` : "";
    // What is missing altogether is a matter of the check's own steps, which say more.
    const suggestions = found.flatMap(({ code, suggestion }) =>
      suggestion === "" || code === "required" || code === "missing_binding" ? [] : [suggestion]
    );
    return fail(id, `${found[0]?.message ?? ""}${more}`, {
      why,
      evidence: found.map(({ message }) => message),
      next: [...new Set([...suggestions, ...next])],
    });
  });
}

const ID_OF_SETTING: Readonly<Record<string, CheckId>> = {
  "tunnel-id": "tunnel_id",
  "control-plane.tunnel-id": "tunnel_id",
  "control-plane.api-key": "control_plane_api_key",
  "control-plane.base-url": "control_plane_base_url",
  "mcp.server-url": "mcp_target",
  "mcp.command": "mcp_target",
};
const SELECTORS: ReadonlySet<string> = new Set(["config", "profile", "profile-file", "profile-dir"]);

/** The kind of mistake decides, not its words (CFG-110). */
function checkOf({ code, setting, source, location }: ConfigProblem): CheckId {
  if (code === "unreadable_file" && SELECTORS.has(setting)) return "profile_load";
  if (code === "invalid_file" || code === "unknown_key") return "profile_load";
  if (SELECTORS.has(setting)) return location === undefined ? "config_source" : "profile_load";
  const known = ID_OF_SETTING[setting];
  if (known !== undefined) return known;
  return source === "yaml" || location !== undefined ? "profile_load" : "config_validation";
}
