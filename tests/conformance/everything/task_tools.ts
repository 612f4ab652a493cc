/** Tools of the tasks extension (SEP-2663): calls that become tasks for clients that know tasks. */
import {
  type CallToolResult,
  inputRequired,
  MissingRequiredClientCapabilityError,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { elicitedText } from "./input_required_tools.ts";
import { type TaskControl, TaskFailure, type TaskHead } from "./task_store.ts";
import {
  declaredCapabilities,
  type EverythingTool,
  type JsonSchema,
  NO_ARGUMENTS,
  textResult,
  type ToolCall,
} from "./tool.ts";

/** Name of the extension among the capabilities. */
export const TASKS_EXTENSION = "io.modelcontextprotocol/tasks";

const INTERNAL_ERROR_CODE = -32603;
const JOB_MS = 1000;

/** @throws {MissingRequiredClientCapabilityError} when the request does not declare the extension */
export function requireTasks(ctx: ServerContext): void {
  if (declaresTasks(ctx)) return;
  throw new MissingRequiredClientCapabilityError({
    requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } },
  });
}

function declaresTasks(ctx: ServerContext): boolean {
  return declaredCapabilities(ctx).extensions?.[TASKS_EXTENSION] !== undefined;
}

export const TASK_TOOLS: readonly EverythingTool[] = [
  taskTool(
    "greet",
    "Greets somebody, at once.",
    textArgument("name"),
    ({ args }) => textResult(`Hello, ${args.name}!`),
  ),
  taskTool("slow_compute", "Computes for some seconds.", {
    type: "object",
    properties: { seconds: { type: "number" }, label: { type: "string" } },
    required: ["seconds"],
  }, async ({ args, ctx, world }) => {
    const durationMs = Number(args.seconds) * 1000;
    const result = textResult(`Computed for ${args.seconds} s (${args.label ?? "no label"}).`);
    const compute = async (signal: AbortSignal) => {
      await pause(durationMs, signal);
      return result;
    };
    if (durationMs === 0) return result;
    if (!declaresTasks(ctx)) return await compute(ctx.mcpReq.signal);
    return created(world.tasks.create(({ signal }) => compute(signal)));
  }),
  taskTool("failing_job", "Fails after a second; only as a task.", NO_ARGUMENTS, ({ ctx, world }) => {
    requireTasks(ctx);
    return created(world.tasks.create(async ({ signal }) => {
      await pause(JOB_MS, signal);
      return { ...textResult("The job has failed."), isError: true };
    }));
  }),
  taskTool("protocol_error_job", "Breaks the protocol.", NO_ARGUMENTS, ({ ctx, world }) => {
    requireTasks(ctx);
    return created(world.tasks.create(async ({ signal }) => {
      await pause(JOB_MS / 10, signal);
      throw new TaskFailure(INTERNAL_ERROR_CODE, "The job broke off.");
    }));
  }),
  taskTool("confirm_delete", "Asks before it deletes.", textArgument("filename"), ({ args, ctx, world }) => {
    requireTasks(ctx);
    return created(world.tasks.create(async (control) => {
      const answers = await control.ask({ [crypto.randomUUID()]: confirmation(`Delete ${args.filename}?`) });
      return textResult(`${answers.size} answer about ${args.filename}.`);
    }));
  }),
  taskTool("multi_input", "Asks two things at once.", NO_ARGUMENTS, ({ ctx, world }) => {
    requireTasks(ctx);
    return created(world.tasks.create(async (control: TaskControl) => {
      const answers = await control.ask({
        [crypto.randomUUID()]: confirmation("First?"),
        [crypto.randomUUID()]: confirmation("Second?"),
      });
      return textResult(`${answers.size} answers.`);
    }));
  }),
  taskTool(
    "test_tool_with_task",
    "Asks for a name, then works as a task.",
    NO_ARGUMENTS,
    ({ ctx, world }) => {
      requireTasks(ctx);
      const name = elicitedText(ctx, "user_name", "name");
      if (name === undefined) {
        return inputRequired({
          inputRequests: {
            user_name: inputRequired.elicit({
              message: "What is your name?",
              requestedSchema: {
                type: "object",
                properties: { name: { type: "string" } },
                required: ["name"],
              },
            }),
          },
        });
      }
      return created(world.tasks.create(async ({ signal }) => {
        await pause(JOB_MS / 10, signal);
        return textResult(`Worked for ${name}.`);
      }));
    },
  ),
];

function taskTool(
  name: string,
  description: string,
  inputSchema: JsonSchema,
  run: (call: ToolCall) => ReturnType<EverythingTool["run"]>,
): EverythingTool {
  return { name, description, inputSchema, run, era: "modern" };
}

function textArgument(name: string): JsonSchema {
  return { type: "object", properties: { [name]: { type: "string" } }, required: [name] };
}

/** The answer to a call that has become a task. The SDK has no word for it, but hands it on. */
function created(head: TaskHead): CallToolResult {
  return { resultType: "task", ...head } as unknown as CallToolResult;
}

function confirmation(message: string) {
  return inputRequired.elicit({
    message,
    requestedSchema: { type: "object", properties: { confirm: { type: "boolean" } }, required: ["confirm"] },
  });
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, durationMs);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
