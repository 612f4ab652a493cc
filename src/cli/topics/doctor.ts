import { connector, pages } from "./setup.ts";

/** T-4. */
export function doctor(): string {
  return `DOCTOR

doctor looks at a configuration before you run it, and says for everything that
is wrong what to do about it.

  tunnel-client doctor --profile local-stdio
  tunnel-client doctor --profile local-stdio --explain
  tunnel-client doctor --profile local-stdio --json

It exits with 0 when every check passes, with 2 when one fails, and with 1 for a
wrong command line.

What it checks, over the same proxies and certificates as run:
  - which source is used: flags and environment, a profile, or a file
  - whether that file loads, and where secrets stand in it literally
  - the files that run writes, and where /healthz, /readyz and /ui will be
  - certificates and proxies: readable, not about to expire, working
  - the control plane: reached, the key accepted, the tunnel known, the clocks
    in step; it asks for the tunnel's name and polls nothing
  - every MCP server: started or reached, a real handshake, its tools
  - the metadata documents that a protected server needs to become ready
  - what the agent will be allowed to touch

Each check says PASS, WARN, SKIP or FAIL, and how long each step took; only FAIL
makes the result a failure. The line SUMMARY can be shown to anybody: it holds
no name, id, host or path. What the key lacks to poll (Tunnels Use) shows only
when run polls.

Pages to go to:
${pages()}

Which value comes from where:
  CONTROL_PLANE_TUNNEL_ID  Tunnels management, or admin tunnels list
  CONTROL_PLANE_API_KEY    Runtime API keys; restricted, Tunnels Read + Use
  OPENAI_ADMIN_KEY         Admin API keys; only for admin tunnels

The connector:
${connector("tunnel-client run --profile <name>")}

Keys:
  run and doctor use CONTROL_PLANE_API_KEY, else OPENAI_API_KEY; either needs
  Tunnels Read + Use. The same key reads the facts of a tunnel, and the JSON
  form tells the organization and workspace ids to use again:
  tunnel-client admin tunnels get tunnel_...
  tunnel-client admin --json tunnels get tunnel_...
  list, create, update and delete need OPENAI_ADMIN_KEY, or --admin-key with a
  reference, and the permission Tunnels Manage.

From nothing to a tunnel that works:
  tunnel-client admin tunnels create --name "My tunnel" \\
    --description "Tools of my team" --organization-id org-...
  tunnel-client init --sample sample_mcp_stdio_local \\
    --profile local-stdio --tunnel-id tunnel_... \\
    --mcp-command "python /path/to/server.py"
  tunnel-client doctor --profile local-stdio --explain

The flags of the command itself:
  tunnel-client doctor --help
`;
}
