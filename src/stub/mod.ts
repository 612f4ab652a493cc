/**
 * stub: the demo MCP server. In: a name and a version. Out: a request handler that needs no port, or a running server.
 * It serves sessions of the 2025 era and stateless requests of the 2026-07-28 revision, and never sits in the data path.
 */
export { SAMPLE_PROMPTS, type StubIdentity } from "./demo_server.ts";
export { createStubHandler, type StubHandler } from "./handler.ts";
export { startStubServer, type StubServer } from "./server.ts";
