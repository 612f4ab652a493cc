/** Tools of the 2025 era that ask the client something while they work. */
import type { ElicitRequestFormParams } from "@modelcontextprotocol/server";
import { type EverythingTool, NO_ARGUMENTS, textResult, type ToolCall } from "./tool.ts";

const DEFAULTS_SCHEMA: ElicitRequestFormParams["requestedSchema"] = {
  type: "object",
  properties: {
    name: { type: "string", description: "User name", default: "John Doe" },
    age: { type: "integer", description: "User age", default: 30 },
    score: { type: "number", description: "User score", default: 95.5 },
    status: {
      type: "string",
      description: "User status",
      enum: ["active", "inactive", "pending"],
      default: "active",
    },
    verified: { type: "boolean", description: "Verification status", default: true },
  },
  required: [],
};

const ENUMS_SCHEMA: ElicitRequestFormParams["requestedSchema"] = {
  type: "object",
  properties: {
    untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
    titledSingle: {
      type: "string",
      oneOf: [
        { const: "value1", title: "First Option" },
        { const: "value2", title: "Second Option" },
        { const: "value3", title: "Third Option" },
      ],
    },
    legacyEnum: {
      type: "string",
      enum: ["opt1", "opt2", "opt3"],
      enumNames: ["Option One", "Option Two", "Option Three"],
    },
    untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2", "option3"] } },
    titledMulti: {
      type: "array",
      items: {
        anyOf: [
          { const: "value1", title: "First Choice" },
          { const: "value2", title: "Second Choice" },
          { const: "value3", title: "Third Choice" },
        ],
      },
    },
  },
  required: [],
};

export const CLIENT_REQUEST_TOOLS: readonly EverythingTool[] = [
  {
    name: "test_sampling",
    description: "Has the client's model answer a prompt.",
    era: "legacy",
    inputSchema: { type: "object", properties: { prompt: { type: "string" } }, required: ["prompt"] },
    run: async ({ args, ctx }) => {
      // Sent as part of the call, unlike `ctx.mcpReq.requestSampling`, which takes the stream of the whole session.
      const { content } = await ctx.mcpReq.send({
        method: "sampling/createMessage",
        params: {
          messages: [{ role: "user", content: { type: "text", text: String(args.prompt) } }],
          maxTokens: 100,
        },
      });
      const text = Array.isArray(content)
        ? JSON.stringify(content)
        : content.type === "text"
        ? content.text
        : "";
      return textResult(`LLM response: ${text}`);
    },
  },
  {
    name: "test_elicitation",
    description: "Asks the user for name and address.",
    era: "legacy",
    inputSchema: { type: "object", properties: { message: { type: "string" } }, required: ["message"] },
    run: async (call) => {
      const { action, content } = await elicit(call, String(call.args.message), {
        type: "object",
        properties: {
          username: { type: "string", description: "User's response" },
          email: { type: "string", description: "User's email address" },
        },
        required: ["username", "email"],
      });
      return textResult(`User response: action: ${action}, content: ${JSON.stringify(content)}`);
    },
  },
  {
    name: "test_elicitation_sep1034_defaults",
    description: "Asks the user with a default for every primitive type.",
    era: "legacy",
    inputSchema: NO_ARGUMENTS,
    run: async (call) => completed(await elicit(call, "Please look at the defaults", DEFAULTS_SCHEMA)),
  },
  {
    name: "test_elicitation_sep1330_enums",
    description: "Asks the user with every form of enumeration.",
    era: "legacy",
    inputSchema: NO_ARGUMENTS,
    run: async (call) => completed(await elicit(call, "Please choose", ENUMS_SCHEMA)),
  },
];

interface Elicited {
  readonly action: string;
  readonly content?: unknown;
}

async function elicit(
  { ctx }: ToolCall,
  message: string,
  requestedSchema: ElicitRequestFormParams["requestedSchema"],
): Promise<Elicited> {
  return await ctx.mcpReq.send({ method: "elicitation/create", params: { message, requestedSchema } });
}

function completed({ action, content }: Elicited) {
  return textResult(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`);
}
