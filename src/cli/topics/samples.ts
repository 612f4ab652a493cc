/** T-7. */
export function samples(): string {
  return `SAMPLES

A sample is a profile with gaps. See them all, and one of them in full:
  tunnel-client profiles samples list
  tunnel-client profiles samples show sample_mcp_with_dcr

  sample_mcp_http              an HTTP server on this machine or nearby
  sample_mcp_stdio_local       a local command that speaks stdio
  sample_mcp_remote_no_auth    a remote HTTP server without OAuth
  sample_mcp_with_dcr          OAuth with dynamic client registration
  sample_mcp_enterprise_proxy  a company proxy and a private CA

Make a profile of one. init checks what it is told:
  tunnel-client init --sample sample_mcp_stdio_local \\
    --profile local-stdio --tunnel-id tunnel_... \\
    --mcp-command "python /path/to/server.py"
  tunnel-client init --sample sample_mcp_remote_no_auth \\
    --profile remote-http --tunnel-id tunnel_... \\
    --mcp-server-url https://mcp.example.com/mcp
  tunnel-client profiles add corp-proxy \\
    --sample sample_mcp_enterprise_proxy --tunnel-id tunnel_... \\
    --mcp-server-url https://mcp.internal.example.com/mcp

On a terminal, init without flags asks for what it needs:
  tunnel-client init

About sample_mcp_enterprise_proxy:
  It takes one proxy for everything that leaves (http_proxy: env:HTTPS_PROXY)
  and trusts the company's certificates besides those of the system
  (ca_bundle: env:ENTERPRISE_CA_BUNDLE). Both variables must be set; remove the
  line that you do not need. CONTROL_PLANE_API_KEY is the runtime key. The admin
  key, OPENAI_ADMIN_KEY, is never read by run and has no place in a profile.

A profile holds references (env:NAME, file:/path), not keys.
`;
}
