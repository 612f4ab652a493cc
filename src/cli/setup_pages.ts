const PAGES: readonly (readonly [label: string, url: string])[] = [
  ["Tunnels management", "https://platform.openai.com/settings/organization/tunnels"],
  ["Runtime API keys", "https://platform.openai.com/settings/organization/api-keys"],
  ["Admin API keys", "https://platform.openai.com/settings/organization/admin-keys"],
  ["ChatGPT connector settings", "https://chatgpt.com/#settings/Connectors"],
];

/** The web pages where tunnels, keys and connectors are made (C-20). */
export function setupPages(): string {
  return ["Setup pages:", ...PAGES.map(([label, url]) => `  ${label}: ${url}`)].join("\n");
}
