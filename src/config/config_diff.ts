/** What two configurations differ in, setting by setting, as it may be shown; and which of it can change in a running agent. */
import { effectiveConfig, type EffectiveGroup } from "./effective_config.ts";
import type { ProxyChoice } from "./network_config.ts";
import type { Json } from "./profile_schema.ts";
import type { Binding, RunConfig } from "./run_config.ts";

/** One setting that has another value. */
export interface ConfigChange {
  /** Its place in a profile, e.g. `control_plane.poll_timeout`, `mcp.bindings.main.server_url`. */
  readonly setting: string;
  /** What may be shown of the value before and after; undefined where there was or is none, and both where all is secret. */
  readonly from: Json | undefined;
  readonly to: Json | undefined;
  /** The difference lies in what may not be shown. */
  readonly isSecret: boolean;
  /** Only a new start puts it in force. */
  readonly needsRestart: boolean;
}

/**
 * What belongs to the process and not to the agent: where it listens and writes, which files it owns, how it is confined,
 * which tunnel its log and metrics are about; and what is read at start only.
 */
const NEEDS_RESTART: readonly string[] = [
  "admin_ui",
  "cloudflared",
  "control_plane.initial_poll_timeout",
  "control_plane.tunnel_id",
  "harpoon",
  "health",
  "log.file",
  "log.format",
  "log.http_raw_unsafe",
  "mcp.startup_wait_timeout",
  "process",
  "sandbox.mode",
  "source",
];

/**
 * Compares two configurations; secrets are compared too, and never shown.
 * @returns the settings that differ, in the order of the configuration
 */
export function diffConfig(before: RunConfig, after: RunConfig): readonly ConfigChange[] {
  const [shownBefore, shownAfter] = [shownValues(before), shownValues(after)];
  const [hiddenBefore, hiddenAfter] = [hiddenValues(before), hiddenValues(after)];
  const changes: ConfigChange[] = [];
  for (const setting of new Set([...shownBefore.keys(), ...shownAfter.keys()])) {
    const [from, to] = [shownBefore.get(setting), shownAfter.get(setting)];
    const isShown = JSON.stringify(from) !== JSON.stringify(to);
    if (!isShown && hiddenBefore.get(setting) === hiddenAfter.get(setting)) continue;
    const needsRestart = NEEDS_RESTART.some((place) => setting === place || setting.startsWith(`${place}.`));
    changes.push({
      setting,
      from: isShown ? from : undefined,
      to: isShown ? to : undefined,
      isSecret: !isShown,
      needsRestart,
    });
  }
  return changes;
}

/** The configuration that a running agent can be given: the new one, but for what only a restart can change. */
export function reloadableConfig(running: RunConfig, next: RunConfig): RunConfig {
  const { tunnelId, initialPollTimeoutMs } = running.controlPlane;
  return {
    ...next,
    source: running.source,
    controlPlane: { ...next.controlPlane, tunnelId, initialPollTimeoutMs },
    mcp: { ...next.mcp, startupWaitTimeoutMs: running.mcp.startupWaitTimeoutMs },
    harpoon: running.harpoon,
    log: { ...running.log, level: next.log.level },
    health: running.health,
    adminUi: running.adminUi,
    cloudflared: running.cloudflared,
    pidFile: running.pidFile,
    sandbox: running.sandbox,
  };
}

/** Every value by its place, as it may be shown. */
function shownValues(config: RunConfig): Map<string, Json> {
  const values = new Map<string, Json>();
  for (const [name, group] of Object.entries(effectiveConfig(config))) {
    if (name === "mcp") addMcp(values, group);
    else for (const [key, value] of Object.entries(group)) add(values, `${name}.${key}`, value);
  }
  return values;
}

/** The group repeats the binding of `main`; here every binding stands under its channel, and only there. */
function addMcp(values: Map<string, Json>, { channel_bindings, ...group }: EffectiveGroup): void {
  const bindings = Array.isArray(channel_bindings) ? channel_bindings.filter(isGroup) : [];
  const repeated = new Set(["transport", ...bindings.flatMap((binding) => Object.keys(binding))]);
  for (const [key, value] of Object.entries(group)) {
    if (!repeated.has(key)) add(values, `mcp.${key}`, value);
  }
  for (const { channel, ...binding } of bindings) {
    const bound = new Map<string, Json>();
    add(bound, `mcp.bindings.${String(channel)}`, binding);
    for (const [place, value] of bound) if (!saysNothing(value)) values.set(place, value);
  }
}

/** Members that every binding has, whether they mean something for it or not. */
function saysNothing(value: Json): boolean {
  return value === "" || value === "none" || value === false || Array.isArray(value) && value.length === 0;
}

function add(values: Map<string, Json>, place: string, value: Json): void {
  if (!isGroup(value)) values.set(place, value);
  else for (const [key, member] of Object.entries(value)) add(values, `${place}.${key}`, member);
}

function isGroup(value: Json): value is EffectiveGroup {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What stands behind the masks, by the same places. */
function hiddenValues(config: RunConfig): Map<string, string> {
  const { controlPlane, mcp, harpoon, cloudflared } = config;
  const values = new Map<string, string>();
  values.set("control_plane.api_key", controlPlane.apiKey);
  values.set("control_plane.base_url", controlPlane.baseUrl);
  values.set("control_plane.http_proxy", proxyUrl(controlPlane.proxy));
  values.set("cloudflared.token", cloudflared.token);
  values.set("harpoon.http_proxy", proxyUrl(harpoon.proxy));
  values.set("harpoon.targets", JSON.stringify(harpoon.targets));
  addHeaders(values, "control_plane.extra_headers", controlPlane.extraHeaders);
  addHeaders(values, "mcp.extra_headers", mcp.extraHeaders);
  addHeaders(values, "mcp.discovery_extra_headers", mcp.discoveryExtraHeaders);
  for (const binding of mcp.bindings) addBinding(values, `mcp.bindings.${binding.channel}`, binding);
  return values;
}

function addBinding(values: Map<string, string>, place: string, binding: Binding): void {
  if (binding.transport === "http-streamable") {
    values.set(`${place}.server_url`, binding.url);
    values.set(`${place}.http_proxy`, proxyUrl(binding.proxy));
    return;
  }
  values.set(`${place}.command_args`, JSON.stringify(binding.argv));
  values.set(`${place}.wrapper`, JSON.stringify(binding.wrapper));
  for (const [name, value] of Object.entries(binding.env)) values.set(`${place}.env.${name}`, value);
}

function addHeaders(
  values: Map<string, string>,
  place: string,
  headers: readonly (readonly [name: string, value: string])[],
): void {
  for (const [name, value] of headers) {
    const at = `${place}.${name}`;
    values.set(at, `${values.get(at) ?? ""}\n${value}`);
  }
}

function proxyUrl(choice: ProxyChoice): string {
  return choice.kind === "explicit" ? choice.url : "";
}
