/** T-8, and the knowledge of section 22 of the newer additions. */
export function troubleshooting(): string {
  return `TROUBLESHOOTING

First look at what the agent says about itself:
  tunnel-client health --url-file "$health_url_file"
  tunnel-client health --port 8080
  curl -fsS http://127.0.0.1:8080/healthz
  curl -fsS http://127.0.0.1:8080/readyz
  and at the page http://127.0.0.1:8080/ui

  /healthz says that it lives. /readyz says that it can serve: the control plane
  answers, the MCP server was probed, and OAuth discovery has ended well.

It does not start, and says:
  tunnel ID is required           set --control-plane.tunnel-id,
                                  CONTROL_PLANE_TUNNEL_ID, or run init
  control plane API key is        set CONTROL_PLANE_API_KEY to a restricted
  required                        runtime key (Tunnels Read + Use)
  main channel is required        set --mcp.server-url or --mcp.command; to try
                                  without a server, use --embedded-mcp-stub
  address already in use          another program, perhaps another agent, has
                                  the port: choose --health.listen-addr
                                  127.0.0.1:0 with --health.url-file

It runs, and /readyz does not answer 200:
  oauth discovery pending         it is still looking; wait some seconds
  oauth discovery failed          a metadata document is broken; see
                                  tunnel-client help oauth
  mcp probe failed                the MCP server cannot be reached: is it
                                  running, is the URL right?
  control plane refuses ...       key, organization or tunnel id do not belong
                                  together; see below

/readyz answers 200 and still has something to say:
  mcp initialize requires auth    fine: callers bring their own token
  mcp startup probe timed out     the server is slow; the first call may be too

401 or 403, step by step:
  An error on the Platform page   a permission is missing there
  doctor fails                    the configuration is wrong, on this machine
  doctor is well, and admin       wrong key, wrong tunnel id, or wrong
  tunnels get says 401 or 403     organization; look which key it has used
  get is well, and polls in the   the runtime key lacks Tunnels Use
  log say 401 or 403
  It is listed, and cannot be     the tunnel lacks the workspace's id, or its
  chosen in ChatGPT               operator lacks Tunnels Use

The connector does not work:
  - Is the daemon still running? It must be, for discovery and for every call.
  - Does it serve the tunnel that the connector names? Compare the ids.
  - Look at /readyz, not at /healthz.
  - Connectors only POST: that a GET on the MCP URL answers 404 or 501 proves
    nothing.
  - --control-plane.base-url is the root of a host, without /v1.

Calls fail or are slow:
  the queue is full               the target is too slow: more
                                  --mcp.max-concurrent-requests, or a faster one
  answers are not delivered       the control plane cannot be reached, or the
                                  answers are too large
  a stdio server was restarted    its clients must initialize again
  some tools are missing          the list may come in pages; refresh the
                                  connector before you look elsewhere

More to ask:
  tunnel-client doctor --explain
  tunnel-client doctor --json
  tunnel-client health --port 8080 --require-control-plane-poll --json
  tunnel-client help doctor

To show somebody: the log of the last minutes, without secrets:
  curl -fsSJO "http://127.0.0.1:8080/api/logs/export?minutes=30"

The long version is docs/troubleshooting.md.
`;
}
