/**
 * Environment of stdio children: the process's own, without what is only meant for this program (ST-6). A child is
 * outside Deno's sandbox, so what it is not given it cannot leak.
 */

/** Variables that hold secrets of this program, whether they were used or not. */
const OWN_SECRETS = new Set([
  "CONTROL_PLANE_API_KEY",
  "OPENAI_API_KEY",
  "OPENAI_ADMIN_KEY",
  "CLOUDFLARED_TUNNEL_TOKEN",
  "CONTROL_PLANE_EXTRA_HEADERS",
  "MCP_EXTRA_HEADERS",
  "MCP_DISCOVERY_EXTRA_HEADERS",
  // URLs may hold a password or a token.
  "MCP_SERVER_URL",
  "CONTROL_PLANE_BASE_URL",
]);

/**
 * Builds the environment of a child.
 * @param environment the process's environment as it was at start
 * @param secretNames further variables that a secret of the configuration was read from
 */
export function childEnvironment(
  environment: Readonly<Record<string, string>>,
  secretNames: readonly string[],
): Record<string, string> {
  const withheld = new Set([...OWN_SECRETS, ...secretNames]);
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    // The runtime refuses to start a child with a variable that the dynamic loader obeys.
    if (withheld.has(name) || name.startsWith("LD_") || name.startsWith("DYLD_")) continue;
    kept[name] = value;
  }
  return kept;
}
