import { completable, inputRequired, type McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import { elicitedText } from "./input_required_tools.ts";
import { PNG_BASE64 } from "./media.ts";

const FIRST_ARGUMENTS = ["paris", "park", "party", "hello"];

/** Registers the prompts that the suite asks for. */
export function addPrompts(server: McpServer): void {
  server.registerPrompt("test_simple_prompt", { description: "A prompt without arguments." }, () => ({
    messages: [userText("This is a simple prompt for testing.")],
  }));
  server.registerPrompt("test_prompt_with_arguments", {
    description: "A prompt with two arguments.",
    argsSchema: z.object({
      arg1: completable(
        z.string().describe("First test argument"),
        (value) => FIRST_ARGUMENTS.filter((text) => text.startsWith(value)),
      ),
      arg2: z.string().describe("Second test argument"),
    }),
  }, ({ arg1, arg2 }) => ({
    messages: [userText(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  }));
  server.registerPrompt("test_prompt_with_embedded_resource", {
    description: "A prompt with a resource in it.",
    argsSchema: z.object({ resourceUri: z.string().describe("URI of the resource to embed") }),
  }, ({ resourceUri }) => ({
    messages: [
      {
        role: "user",
        content: {
          type: "resource",
          resource: {
            uri: resourceUri,
            mimeType: "text/plain",
            text: "Embedded resource content for testing.",
          },
        },
      },
      userText("Please process the embedded resource above."),
    ],
  }));
  server.registerPrompt("test_prompt_with_image", { description: "A prompt with an image in it." }, () => ({
    messages: [
      { role: "user", content: { type: "image", data: PNG_BASE64, mimeType: "image/png" } },
      userText("Please analyze the image above."),
    ],
  }));
}

/** Registers the prompt that needs the user's input, which only the 2026-07-28 form can say. */
export function addInputRequiredPrompt(server: McpServer): void {
  const description = "A prompt that asks the user first.";
  server.registerPrompt("test_input_required_result_prompt", { description }, (ctx) => {
    const context = elicitedText(ctx, "user_context", "context");
    if (context !== undefined) return { messages: [userText(`Context: ${context}`)] };
    return inputRequired({
      inputRequests: {
        user_context: inputRequired.elicit({
          message: "What context should the prompt use?",
          requestedSchema: {
            type: "object",
            properties: { context: { type: "string" } },
            required: ["context"],
          },
        }),
      },
    });
  });
}

function userText(text: string) {
  return { role: "user" as const, content: { type: "text" as const, text } };
}
