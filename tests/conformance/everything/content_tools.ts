/** Tools that answer with every kind of content, report on the way, or fail. */
import { PNG_BASE64, WAV_BASE64 } from "./media.ts";
import { type EverythingTool, NO_ARGUMENTS, textResult, type ToolCall, work } from "./tool.ts";

/** The suite waits for messages that arrive apart from each other. */
const STEP_MS = 50;
/** Time for the connector to find its stream closed before the answer exists. */
const RECONNECT_WORK_MS = 150;

const SCHEMA_2020_12 = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

/** First in the list: the suite calls the first tool of a server without arguments. */
const SIMPLE_TEXT: EverythingTool = {
  name: "test_simple_text",
  description: "Answers with one text.",
  inputSchema: NO_ARGUMENTS,
  run: () => textResult("This is a simple text response for testing."),
};

export const CONTENT_TOOLS: readonly EverythingTool[] = [
  SIMPLE_TEXT,
  {
    name: "test_image_content",
    description: "Answers with an image.",
    inputSchema: NO_ARGUMENTS,
    run: () => ({ content: [{ type: "image", data: PNG_BASE64, mimeType: "image/png" }] }),
  },
  {
    name: "test_audio_content",
    description: "Answers with a sound.",
    inputSchema: NO_ARGUMENTS,
    run: () => ({ content: [{ type: "audio", data: WAV_BASE64, mimeType: "audio/wav" }] }),
  },
  {
    name: "test_embedded_resource",
    description: "Answers with a resource.",
    inputSchema: NO_ARGUMENTS,
    run: () => ({
      content: [{
        type: "resource",
        resource: {
          uri: "test://embedded-resource",
          mimeType: "text/plain",
          text: "This is an embedded resource content.",
        },
      }],
    }),
  },
  {
    name: "test_multiple_content_types",
    description: "Answers with a text, an image and a resource.",
    inputSchema: NO_ARGUMENTS,
    run: () => ({
      content: [
        { type: "text", text: "Multiple content types test:" },
        { type: "image", data: PNG_BASE64, mimeType: "image/png" },
        {
          type: "resource",
          resource: {
            uri: "test://mixed-content-resource",
            mimeType: "application/json",
            text: JSON.stringify({ test: "data", value: 123 }),
          },
        },
      ],
    }),
  },
  {
    name: "test_error_handling",
    description: "Always fails.",
    inputSchema: NO_ARGUMENTS,
    run: () => {
      throw new Error("This tool intentionally returns an error for testing");
    },
  },
  {
    name: "test_tool_with_progress",
    description: "Reports progress before it answers.",
    inputSchema: NO_ARGUMENTS,
    run: reportProgress,
  },
  {
    name: "test_tool_with_logging",
    description: "Logs three messages before it answers.",
    inputSchema: NO_ARGUMENTS,
    run: async ({ ctx }) => {
      await ctx.mcpReq.log("info", "Tool execution started");
      await work(STEP_MS);
      await ctx.mcpReq.log("info", "Tool processing data");
      await work(STEP_MS);
      await ctx.mcpReq.log("info", "Tool execution completed");
      return textResult("Logged three messages.");
    },
  },
  {
    name: "test_logging_tool",
    description: "Logs one message, if the caller wants any.",
    inputSchema: NO_ARGUMENTS,
    run: async ({ ctx }) => {
      await ctx.mcpReq.log("error", "A message that only callers get who asked for it");
      return textResult("Logged one message.");
    },
  },
  {
    name: "test_reconnection",
    description:
      "Closes the event stream in the middle of the call; the answer waits for the caller's return.",
    inputSchema: NO_ARGUMENTS,
    run: async ({ ctx }) => {
      await work(STEP_MS);
      ctx.http?.closeSSE?.();
      await work(RECONNECT_WORK_MS);
      return textResult("Reconnection test completed.");
    },
  },
  {
    name: "json_schema_2020_12_tool",
    description: "Tool with JSON Schema 2020-12 features",
    inputSchema: SCHEMA_2020_12,
    run: () => textResult("The arguments are as the schema wants them."),
  },
  {
    name: "test_header_parameter",
    description: "Takes an argument that is repeated in a request header.",
    inputSchema: {
      type: "object",
      properties: { region: { type: "string", "x-mcp-header": "Region" } },
      required: ["region"],
    },
    run: ({ args }) => textResult(`region: ${args.region}`),
  },
  {
    name: "test_trigger_tool_change",
    description: "Announces a changed list of tools.",
    inputSchema: NO_ARGUMENTS,
    run: ({ lists }) => {
      lists.tools();
      return textResult("The change was announced.");
    },
  },
  {
    name: "test_trigger_prompt_change",
    description: "Announces a changed list of prompts.",
    inputSchema: NO_ARGUMENTS,
    run: ({ lists }) => {
      lists.prompts();
      return textResult("The change was announced.");
    },
  },
];

async function reportProgress({ ctx }: ToolCall) {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  for (const progress of [0, 50, 100]) {
    if (progressToken !== undefined) {
      await ctx.mcpReq.notify({
        method: "notifications/progress",
        params: { progressToken, progress, total: 100 },
      });
    }
    if (progress < 100) await work(STEP_MS);
  }
  return textResult("Reported progress.");
}
