/**
 * channels/stdio: how does a command reach an MCP server that is a child process? In: a command line, an environment, and
 * messages for the server. Out: its answers and notifications as text, one running child, and no process left behind.
 */
export { createStdioChannel } from "./stdio_channel.ts";
export type { StdioChannel } from "./stdio_channel.ts";
export type { HandshakeTexts } from "./handshake.ts";
export type { ProcessGroupEvent, StdioChannelOptions } from "./options.ts";
export { ExecutableNotFoundError, resolveExecutable } from "./resolve_executable.ts";
export { StdioStartError } from "./supervisor.ts";
