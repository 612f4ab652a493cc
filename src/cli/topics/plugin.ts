/** T-6, as far as it is true today. */
export function plugin(): string {
  return `PLUGIN

The Codex plugin (tools that start, watch and stop tunnels from within Codex) is
not part of this version; it comes with a later one. Until then Codex uses a
tunnel like any other MCP client: by its URL.

A tunnel on this machine, for Codex on this machine:
  tunnel-client dev proxy --listen 127.0.0.1:9100 \\
    --mcp-server-url http://127.0.0.1:3001/mcp

It prints the MCP URL. Tell Codex about it in ~/.codex/config.toml:
  [mcp_servers.my-tunnel]
  url = "http://127.0.0.1:9100/v1/mcp/tunnel_22222222222222222222222222222222"

A tunnel between two machines, with a control plane of your own. Where Codex is:
  tunnel-client relay --listen 127.0.0.1:9000 --api-key-file ./agent.key

Where the MCP server is, with that key in CONTROL_PLANE_API_KEY:
  tunnel-client run --control-plane.base-url https://relay.example.com \\
    --control-plane.tunnel-id tunnel_... \\
    --mcp.server-url http://127.0.0.1:3001/mcp

Before you say that it works, look:
  tunnel-client health --port 8080 --require-control-plane-poll

A tunnel of OpenAI's control plane reaches Codex through its connector:
  tunnel-client help quickstart
`;
}
