/** What every tool of the everything server is made of. */
import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type InputRequiredResult,
  type McpRequestContext,
  type ServerContext,
} from "@modelcontextprotocol/server";
import type { World } from "./world.ts";

/** A JSON Schema as it is listed, member by member. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Arguments of a call; the suite only sends what it has read from the schema. */
export type ToolArguments = Readonly<Record<string, unknown>>;

/** What a tool may use beside its arguments. */
export interface ToolCall {
  readonly args: ToolArguments;
  readonly ctx: ServerContext;
  readonly world: World;
  /** The server that runs the call; tells its own connection about changed lists. */
  readonly lists: ListChanges;
}

/** How a change of a list is announced: on the connection, or on every open subscription. */
export interface ListChanges {
  tools(): void;
  prompts(): void;
}

/** One tool of the everything server. */
export interface EverythingTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  /** The eras in which it is listed; absent: both. */
  readonly era?: McpRequestContext["era"];
  run(call: ToolCall): CallToolResult | InputRequiredResult | Promise<CallToolResult | InputRequiredResult>;
}

/** Schema of a tool without arguments. */
export const NO_ARGUMENTS: JsonSchema = { type: "object", properties: {} };

/** A result of one text. */
export function textResult(text: string): CallToolResult {
  return { content: [{ type: "text", text }] };
}

/** Waits as long as the suite asks a tool to work. */
export function work(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** What the client has declared in this request of the 2026-07-28 form. */
export function declaredCapabilities({ mcpReq }: ServerContext): ClientCapabilities {
  // The SDK types the envelope without its keys.
  const envelope: Readonly<Record<string, unknown>> | undefined = mcpReq.envelope;
  return (envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {}) as ClientCapabilities;
}
