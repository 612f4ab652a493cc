/** A web page where something is made that a tunnel needs. */
export interface SetupPage {
  readonly label: string;
  readonly url: string;
  /** Id of the check of `doctor` that names it (section 1.5 of the command-line specification). */
  readonly check: string;
}

/** In the order in which they are needed. */
export const SETUP_PAGES: readonly SetupPage[] = [
  {
    label: "Tunnels management",
    url: "https://platform.openai.com/settings/organization/tunnels",
    check: "tunnels_management_url",
  },
  {
    label: "Runtime API keys",
    url: "https://platform.openai.com/settings/organization/api-keys",
    check: "runtime_api_keys_url",
  },
  {
    label: "Admin API keys",
    url: "https://platform.openai.com/settings/organization/admin-keys",
    check: "admin_api_keys_url",
  },
  {
    label: "ChatGPT connector settings",
    url: "https://chatgpt.com/#settings/Connectors",
    check: "chatgpt_connector_settings_url",
  },
];

/** Pages that only texts name: who may do what. */
export const ROLE_PAGES: readonly Omit<SetupPage, "check">[] = [
  { label: "Organization roles", url: "https://platform.openai.com/settings/organization/people/roles" },
  { label: "Organization groups", url: "https://platform.openai.com/settings/organization/people/groups" },
];

/** One line per page, not indented. */
export function setupPageRows(): readonly string[] {
  return SETUP_PAGES.map(({ label, url }) => `${label}: ${url}`);
}

/** The web pages where tunnels, keys and connectors are made (C-20). */
export function setupPages(): string {
  return ["Setup pages:", ...setupPageRows().map((row) => `  ${row}`)].join("\n");
}

/**
 * When a connector can be made and used (C-21).
 * @param runCommand the command that keeps the tunnel up
 */
export function connectorNote(runCommand = "tunnel-client run"): string {
  const settings = SETUP_PAGES.find(({ check }) => check === "chatgpt_connector_settings_url")?.url ?? "";
  return `Create or verify the connector at ${settings} only while \`${runCommand}\` is running, and keep it running: ` +
    "ChatGPT needs it to discover the connector and for every MCP call.";
}
