/**
 * The one table of everything a person can set. Flags, environment variables, the YAML schema, help, limits and the list
 * of secrets are all read from here.
 */
import type { Setting } from "./setting.ts";
import { CONTROL_PLANE_SETTINGS } from "./settings_control_plane.ts";
import { HARPOON_SETTINGS } from "./settings_harpoon.ts";
import { MCP_SETTINGS } from "./settings_mcp.ts";
import { NETWORK_SETTINGS } from "./settings_network.ts";
import { OPERATION_SETTINGS } from "./settings_operation.ts";
import { PROFILE_SETTINGS } from "./settings_profile.ts";

/** Every setting that has a flag and a variable, in the order of `run --help`. */
export const SETTINGS = [
  ...PROFILE_SETTINGS,
  ...CONTROL_PLANE_SETTINGS,
  ...MCP_SETTINGS,
  ...NETWORK_SETTINGS,
  ...HARPOON_SETTINGS,
  ...OPERATION_SETTINGS,
] as const satisfies readonly Setting[];

/** Canonical name of a setting that exists. */
export type SettingName = (typeof SETTINGS)[number]["name"];

/** The one key of a file that has neither flag nor variable (CFG-36, A-116). */
export const VERSION_KEY = {
  yaml: "config_version",
  help: "Version of the file's schema: 1, or 2 for a file with Harpoon templates.",
  example: "1",
} as const;

/** A variable that is no setting, but that settings are read by. */
export interface OtherVariable {
  readonly env: string;
  /** The second spelling, asked when the first is absent or empty. */
  readonly lowerCase?: string;
  readonly help: string;
  readonly example: string;
}

/** Section 11.6 of the specification, as far as it concerns an agent and its profiles. */
export const OTHER_VARIABLES: readonly OtherVariable[] = [
  { env: "XDG_CONFIG_HOME", help: "Base of the default profile directory.", example: "/etc/xdg" },
  { env: "HOME", help: "Stands for ~, and for the default profile directory.", example: "/home/agent" },
  {
    env: "HTTPS_PROXY",
    lowerCase: "https_proxy",
    help: "Proxy for https URLs where no proxy is configured.",
    example: "http://proxy.example:8080",
  },
  {
    env: "HTTP_PROXY",
    lowerCase: "http_proxy",
    help: "Proxy for http URLs where no proxy is configured.",
    example: "http://proxy.example:8080",
  },
  {
    env: "NO_PROXY",
    lowerCase: "no_proxy",
    help: "Hosts that HTTPS_PROXY and HTTP_PROXY are not used for.",
    example: "localhost,.internal.example,10.0.0.0/8",
  },
  { env: "VISUAL", help: "Editor of profiles edit.", example: "vim" },
  { env: "EDITOR", help: "Editor of profiles edit when VISUAL is blank.", example: "nano" },
];

const byName: ReadonlyMap<string, Setting> = new Map(SETTINGS.map((setting) => [setting.name, setting]));

/** The row of one setting. */
export function settingOf(name: SettingName): Setting {
  const setting = byName.get(name);
  if (setting === undefined) throw new Error(`no setting ${name}`);
  return setting;
}
