import { connector, pages } from "./setup.ts";

/** T-3. */
export function quickstart(): string {
  return `QUICKSTART

This is for you when you search for: connect a local MCP server to ChatGPT,
expose localhost to ChatGPT, use a private MCP server from Codex or from the
Responses API. It takes the place of ad-hoc public tunnels: nothing listens
on a public address, and no inbound port is opened.

What tunnel-client is for:
  A long-lived daemon inside your network, tunnel-client run, asks the control
  plane for MCP commands over outbound HTTPS, hands each to your MCP server
  (Streamable HTTP, or a command that speaks stdio), and posts the answers back.
  It tells how it is on /healthz (it lives), /readyz (it can serve) and /ui (a
  page for its operator).

Without any account, in ten seconds:
  tunnel-client demo

Get it:
  Put the tunnel-client program on your PATH, and look whether it runs:
  tunnel-client --version

Where tunnels, keys and connectors are made:
${pages()}

What you need, and where it comes from:
  CONTROL_PLANE_TUNNEL_ID  which tunnel to serve: tunnel_ and 32 lower-case
                           letters or digits. Tunnels management shows it; so
                           does tunnel-client admin tunnels list.
  CONTROL_PLANE_API_KEY    a restricted runtime key with Tunnels Read + Use.
                           The daemon and doctor use it. OPENAI_API_KEY is
                           asked when this one is not set.
  OPENAI_ADMIN_KEY         an admin key, only for creating, listing, changing
                           and deleting tunnels. Never give it to the daemon.

Who may do what:
  Running a tunnel or using its connector takes Tunnels Read + Use; creating
  and changing tunnels takes Read + Manage. Making admin keys is a permission
  of its own. Roles are given in the organization, best through groups; it can
  take 30 minutes until a change is felt.

Path 1: the built-in demo server, one command
  export CONTROL_PLANE_API_KEY="sk-..."
  health_url_file="$(mktemp -d)/health.url"
  tunnel-client run --embedded-mcp-stub \\
    --control-plane.tunnel-id tunnel_... \\
    --health.listen-addr 127.0.0.1:0 --health.url-file "$health_url_file"

  In a second terminal:
  curl -fsS "$(cat "$health_url_file")/readyz"
  open "$(cat "$health_url_file")/ui"

Path 2: a local command that speaks stdio
  tunnel-client init --sample sample_mcp_stdio_local \\
    --profile local-stdio --tunnel-id tunnel_... \\
    --mcp-command "python /path/to/server.py"

Path 3: a remote HTTP server without OAuth
  tunnel-client init --sample sample_mcp_remote_no_auth \\
    --profile remote-http --tunnel-id tunnel_... \\
    --mcp-server-url https://mcp.example.com/mcp

Path 4: behind a company proxy, with a private certificate authority
  export HTTPS_PROXY=http://proxy.internal.example.com:8080
  export ENTERPRISE_CA_BUNDLE=/etc/ssl/certs/proxy-root.pem
  tunnel-client init --sample sample_mcp_enterprise_proxy \\
    --profile corp-proxy --tunnel-id tunnel_... \\
    --mcp-server-url https://mcp.internal.example.com/mcp

Path 5: OAuth with dynamic client registration, tried with the demo server
  tunnel-client dev mcp-stub --listen-addr 127.0.0.1:3001
  tunnel-client init --sample sample_mcp_with_dcr \\
    --profile sample_mcp_with_dcr --tunnel-id tunnel_... \\
    --mcp-server-url http://127.0.0.1:3001/mcp

Then, for every path but the first:
  tunnel-client doctor --profile local-stdio --explain
  tunnel-client run --profile local-stdio

Keep it up:
  Run it in the foreground while you try, and under a service manager (systemd,
  Docker, Kubernetes) when others rely on it. Do not send it to the background
  with nohup or disown: nobody would notice its end. Look before you say that it
  works:
  tunnel-client health --port 8080

The connector in ChatGPT:
${connector("tunnel-client run --profile <name>")}
  There choose Connection: Tunnel, and pick or paste the tunnel's id. A tunnel
  shows up in a workspace only when it carries that workspace's id, and a new
  tunnel takes 25-30 seconds to become active and ready.

Say to ChatGPT, to see the demo server's three tools at work:
  Call server_info and tell me what this server can do.
  Call echo with "hello from tunnel-client".
  Call uppercase with "openai tunnel".

Say to Codex, for a start:
  List the MCP tools you have through the tunnel, and call one that changes
  nothing.
  Read /readyz of my tunnel-client and explain what keeps it from being ready.

Facts about a tunnel, with the runtime key or the admin key:
  tunnel-client admin tunnels get tunnel_...
  The JSON has organization_ids and workspace_ids, to be used again elsewhere:
  tunnel-client admin --json tunnels get tunnel_...

Make a tunnel yourself, with OPENAI_ADMIN_KEY:
  tunnel-client admin tunnels create --name "My tunnel" \\
    --description "Tools of my team" --organization-id org-...
  tunnel-client admin tunnels list --organization-id org-...

Where to go on:
  tunnel-client profiles samples list
  tunnel-client profiles samples show sample_mcp_stdio_local
  tunnel-client help samples
  tunnel-client help oauth
  tunnel-client help plugin
  tunnel-client help troubleshooting
`;
}
