import {
  type CallToolResult,
  fromJsonSchema,
  type InputRequiredResult,
  type JsonSchemaType,
  type McpRequestContext,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { CLIENT_REQUEST_TOOLS } from "./client_request_tools.ts";
import { CONTENT_TOOLS } from "./content_tools.ts";
import { INPUT_REQUIRED_TOOLS } from "./input_required_tools.ts";
import { addInputRequiredPrompt, addPrompts } from "./prompts.ts";
import { acceptSubscriptions, addResources } from "./resources.ts";
import type { StoredTask } from "./task_store.ts";
import { requireTasks, TASK_TOOLS, TASKS_EXTENSION } from "./task_tools.ts";
import type { EverythingTool, ListChanges, ToolArguments } from "./tool.ts";
import type { World } from "./world.ts";

const TOOLS: readonly EverythingTool[] = [
  ...CONTENT_TOOLS,
  ...CLIENT_REQUEST_TOOLS,
  ...INPUT_REQUIRED_TOOLS,
  ...TASK_TOOLS,
];

/** One server with everything that the conformance suite's server scenarios ask for: per session, or per request. */
export function createEverythingServer(world: World, era: McpRequestContext["era"]): McpServer {
  const server = new McpServer({ name: "everything", version: "1.0.0" }, {
    capabilities: {
      logging: {},
      completions: {},
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      ...(era === "modern" ? { extensions: { [TASKS_EXTENSION]: {} } } : {}),
    },
    requestState: { verify: world.states.verify },
  });
  addTools(server, world, TOOLS.filter((tool) => tool.era === undefined || tool.era === era));
  addResources(server);
  addPrompts(server);
  if (era === "modern") {
    addInputRequiredPrompt(server);
    addTaskMethods(server, world);
  } else acceptSubscriptions(server);
  return server;
}

function addTools(server: McpServer, world: World, tools: readonly EverythingTool[]): void {
  const lists = listChanges(server, world);
  const call = async (tool: EverythingTool, args: ToolArguments, ctx: ServerContext) =>
    await tool.run({ args, ctx, world, lists });
  for (const tool of tools) {
    const inputSchema = fromJsonSchema<ToolArguments>(tool.inputSchema as JsonSchemaType);
    const { name, description } = tool;
    server.registerTool(name, { description, inputSchema }, (args, ctx) => call(tool, args, ctx));
  }
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  // In place of the handler that came with `registerTool`: it turns every error into a result, also those that have
  // to stay errors of the protocol, such as -32021 for a missing capability.
  server.server.setRequestHandler("tools/call", async ({ params }, ctx) => {
    const tool = byName.get(params.name);
    if (tool === undefined) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, "There is no such tool.");
    }
    return await withErrorResult(() => call(tool, params.arguments ?? {}, ctx));
  });
}

async function withErrorResult(
  run: () => Promise<CallToolResult | InputRequiredResult>,
): Promise<CallToolResult | InputRequiredResult> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof ProtocolError) throw error;
    return { content: [{ type: "text", text: error.message }], isError: true };
  }
}

function listChanges(server: McpServer, { bus }: World): ListChanges {
  if (bus === undefined) {
    return { tools: () => server.sendToolListChanged(), prompts: () => server.sendPromptListChanged() };
  }
  return {
    tools: () => bus.publish({ kind: "tools_list_changed" }),
    prompts: () => bus.publish({ kind: "prompts_list_changed" }),
  };
}

const TASK_PARAMS = z.looseObject({ taskId: z.string() });

function addTaskMethods({ server }: McpServer, { tasks }: World): void {
  const find = (taskId: string): StoredTask => {
    const task = tasks.get(taskId);
    if (task === undefined) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, "There is no such task.");
    }
    return task;
  };
  server.setRequestHandler("tasks/get", { params: TASK_PARAMS }, ({ taskId }, ctx) => {
    requireTasks(ctx);
    return find(taskId).view();
  });
  server.setRequestHandler("tasks/update", { params: TASK_PARAMS }, ({ taskId }, ctx) => {
    requireTasks(ctx);
    find(taskId).update(ctx.mcpReq.inputResponses ?? {});
    return {};
  });
  server.setRequestHandler("tasks/cancel", { params: TASK_PARAMS }, ({ taskId }, ctx) => {
    requireTasks(ctx);
    find(taskId).cancel();
    return {};
  });
}
