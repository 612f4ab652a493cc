/** T-5. */
export function oauth(): string {
  return `OAUTH

This matters for HTTP targets whose clients expect protected-resource metadata
and dynamic client registration (DCR). For stdio targets nothing is discovered.

What happens:
  At start the agent asks your MCP server for its protected-resource metadata
  and logs where it looked, as oauth_discovery_urls. Until it knows the result,
  and after a failure, /readyz stays degraded and says why. When every document
  answers 404, the server has no OAuth, and the agent becomes ready.
  The Authorization header of each call is passed on to your server as it is.

What your server must offer, at least:
  1. /.well-known/oauth-protected-resource/mcp, for a server at /mcp: a JSON
     object with resource and authorization_servers
  2. the authorization server's metadata, at the first of those
     authorization_servers
  Only that first one is used. Its issuer may differ. The page where a person
  signs in is opened by the browser and not through the tunnel.

Try it with the demo server, which publishes both documents:
  tunnel-client dev mcp-stub --listen-addr 127.0.0.1:3001
  tunnel-client init --sample sample_mcp_with_dcr \\
    --profile sample_mcp_with_dcr --tunnel-id tunnel_... \\
    --mcp-server-url http://127.0.0.1:3001/mcp
  tunnel-client doctor --profile sample_mcp_with_dcr --explain
  tunnel-client run --profile sample_mcp_with_dcr

When it does not become ready, look at:
  - oauth_discovery_urls in the log
  - /readyz, which names the document and what was wrong with it
  - /ui, which shows the same
  tunnel-client health --port 8080
`;
}
