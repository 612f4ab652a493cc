/**
 * The target of the conformance comparison: an MCP server, built with the official server package, with every tool,
 * prompt and resource that the suite's server scenarios call, in the 2025 era and in the 2026-07-28 form.
 * `http [PORT]` prints its URL on standard output, `stdio` speaks over it.
 */
import { serveHttp } from "./everything/serve_http.ts";
import { serveStdio } from "./everything/serve_stdio.ts";

const [transport, port] = Deno.args;
if (transport === "stdio") serveStdio();
else if (transport === "http") serveHttp(Number(port ?? 0), (url) => console.log(url));
else {
  console.error("usage: everything_server.ts http [PORT] | stdio");
  Deno.exit(2);
}
