import {
  AdminError,
  type ListFilter,
  type ListRange,
  managementBase,
  type NamedText,
  type NewTunnel,
  parseScopeIds,
  type TunnelUpdate,
} from "../admin/mod.ts";
import {
  flagOf,
  type FlagSpec,
  lastValue,
  parseBoolean,
  type ParsedFlags,
  parseInteger,
  quote,
  type Setting,
  type SettingName,
  SETTINGS,
} from "../config/mod.ts";

const GROUP = "Control plane and key";

/** Flags of every admin command; an admin command reads no profile. */
export const ADMIN_FLAGS: readonly FlagSpec[] = [
  {
    ...text(
      "admin-key",
      "REF",
      "Admin key, as env:NAME or file:/path. (variable: OPENAI_ADMIN_KEY, the key itself)",
    ),
    group: GROUP,
  },
  settingFlag("control-plane.base-url", "Control plane to manage; path and query are ignored."),
  settingFlag("control-plane.url-path"),
  settingFlag("ca-bundle"),
  { ...toggle("json", "Print one JSON document, failures included."), group: GROUP },
];

const ORGANIZATIONS = list("organization-id", "Organization of the tunnel.");
const WORKSPACES = list("workspace-id", "Workspace of the tunnel.");

export const CREATE_FLAGS: readonly FlagSpec[] = [
  text("name", "TEXT", "Name of the tunnel."),
  text("description", "TEXT", "What the tunnel is for."),
  ORGANIZATIONS,
  WORKSPACES,
];
export const UPDATE_FLAGS: readonly FlagSpec[] = [
  text("name", "TEXT", "New name."),
  text("description", "TEXT", "New description."),
  { ...ORGANIZATIONS, help: "All organizations of the tunnel from now on; '' for none." },
  { ...WORKSPACES, help: "All workspaces of the tunnel from now on; '' for none." },
];
export const LIST_FLAGS: readonly FlagSpec[] = [
  { ...ORGANIZATIONS, help: "List the tunnels of this organization.", repeatable: false },
  { ...WORKSPACES, help: "List the tunnels of this workspace.", repeatable: false },
  text("tenant-id", "ID", "List the tunnels of this tenant."),
  { ...text("limit", "N", "Print at most so many tunnels; all when absent."), syntax: "int" },
  text("after", "ID", "Begin behind this tunnel."),
];
export const DELETE_FLAGS: readonly FlagSpec[] = [
  toggle("confirm", "Really delete it."),
  { ...ORGANIZATIONS, help: "Accepted and ignored." },
  { ...WORKSPACES, help: "Accepted and ignored." },
];

function text(name: string, placeholder: string, help: string): FlagSpec {
  return { name, syntax: "text", repeatable: false, placeholder, default: "", help, group: "Flags" };
}

function list(name: string, help: string): FlagSpec {
  return { ...text(name, "ID", help), repeatable: true };
}

function toggle(name: string, help: string): FlagSpec {
  return { ...text(name, "", help), syntax: "bool" };
}

/** A setting of the agent that admin commands share, without its old spelling. */
function settingFlag(name: SettingName, help?: string): FlagSpec {
  const { alias: _alias, ...spec } = flagOf(settingOf(name));
  return { ...spec, help: help ?? spec.help, group: GROUP };
}

function settingOf(name: SettingName): Setting {
  const settings: readonly Setting[] = SETTINGS;
  const setting = settings.find((candidate) => candidate.name === name);
  if (setting === undefined) throw new Error(`there is no setting ${name}`);
  return setting;
}

/** Whether output is one JSON document. */
export function wantsJson(flags: ParsedFlags): boolean {
  return isOn(flags, "json");
}

/** @throws {AdminError} without `--confirm` */
export function checkConfirmed(flags: ParsedFlags, tunnelId: string): void {
  if (isOn(flags, "confirm")) return;
  throw new AdminError(
    `refusing to delete ${quote(tunnelId)}: its agents and connectors would lose it; add --confirm`,
  );
}

function isOn(flags: ParsedFlags, name: string): boolean {
  return parseBoolean(lastValue(flags, name) ?? "false");
}

/**
 * Where the management API is.
 * @throws {AdminError} for a bad base URL or prefix
 */
export function baseOf(flags: ParsedFlags, env: Readonly<Record<string, string>>): {
  readonly origin: string;
  readonly prefix: string;
} {
  return managementBase(
    settingValue("control-plane.base-url", flags, env),
    settingValue("control-plane.url-path", flags, env),
  );
}

/** Value of a setting: flag, else variable, else default; an empty variable counts as absent. */
export function settingValue(
  name: SettingName,
  flags: ParsedFlags,
  env: Readonly<Record<string, string>>,
): NamedText {
  const flag = lastValue(flags, name);
  if (flag !== undefined) return { text: flag, source: `--${name}` };
  const { env: variable, default: standard } = settingOf(name);
  const value = Object.hasOwn(env, variable) ? env[variable] ?? "" : "";
  return value.trim() === "" ? { text: standard, source: "default" } : { text: value, source: variable };
}

/**
 * Reads the flags of `create`, of which name and description are there.
 * @throws {AdminError} for blank ones, or when no scope is given
 */
export function newTunnel(flags: ParsedFlags): NewTunnel {
  const given = (name: string) => {
    const value = lastValue(flags, name) ?? "";
    if (value.trim() === "") throw new AdminError(`--${name} must not be blank`);
    return value;
  };
  const tunnel = {
    name: given("name"),
    description: given("description"),
    organizationIds: idsOf(flags, "organization-id"),
    workspaceIds: idsOf(flags, "workspace-id"),
  };
  if (tunnel.organizationIds.length + tunnel.workspaceIds.length === 0) {
    throw new AdminError("at least one of --organization-id or --workspace-id is required");
  }
  return tunnel;
}

/**
 * Reads the flags of `update`: what is not given stays as it is.
 * @throws {AdminError} when nothing is given, or a name is blank
 */
export function tunnelUpdate(flags: ParsedFlags): TunnelUpdate {
  const name = lastValue(flags, "name")?.trim();
  const description = lastValue(flags, "description");
  const update = {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(flags["organization-id"] === undefined ? {} : { organizationIds: idsOf(flags, "organization-id") }),
    ...(flags["workspace-id"] === undefined ? {} : { workspaceIds: idsOf(flags, "workspace-id") }),
  };
  if (name === "") throw new AdminError("--name must not be blank");
  if (Object.keys(update).length > 0) return update;
  throw new AdminError(
    "nothing to update: give at least one of --name, --description, --organization-id or --workspace-id",
  );
}

/**
 * Reads the filter of `list`.
 * @throws {AdminError} unless there is one filter with one value
 */
export function listFilter(flags: ParsedFlags): ListFilter {
  const filters: readonly (readonly [ListFilter["param"], string, readonly string[]])[] = [
    ["organization_id", "organization-id", idsOf(flags, "organization-id")],
    ["workspace_id", "workspace-id", idsOf(flags, "workspace-id")],
    ["tenant_id", "tenant-id", [lastValue(flags, "tenant-id")?.trim() ?? ""].filter((id) => id !== "")],
  ];
  const [given, ...others] = filters.filter(([, , ids]) => ids.length > 0);
  if (given === undefined || others.length > 0) {
    throw new AdminError("list needs exactly one of --organization-id, --workspace-id or --tenant-id");
  }
  const [param, flag, [id = "", ...more]] = given;
  if (more.length > 0) throw new AdminError(`list takes exactly one --${flag}; list the others one by one`);
  return { param, id };
}

/** @throws {AdminError} for a limit below 1 */
export function listRange(flags: ParsedFlags): ListRange {
  const after = lastValue(flags, "after")?.trim() ?? "";
  const text = lastValue(flags, "limit")?.trim();
  if (text === undefined) return { after };
  const limit = parseInteger(text);
  if (limit < 1) throw new AdminError(`--limit must be a whole number from 1 up, not ${limit}`);
  return { after, limit };
}

function idsOf(flags: ParsedFlags, name: string): string[] {
  return parseScopeIds(name, flags[name] ?? []);
}
