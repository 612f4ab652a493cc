/** Tools of the 2026-07-28 form that need the client's input and say so in their result (SEP-2322). */
import {
  acceptedContent,
  type InputRequest,
  inputRequired,
  inputResponse,
  type ServerContext,
} from "@modelcontextprotocol/server";
import type { RoundState } from "./world.ts";
import { declaredCapabilities, type EverythingTool, NO_ARGUMENTS, textResult } from "./tool.ts";

const ASK_NAME: InputRequest = inputRequired.elicit({
  message: "What is your name?",
  requestedSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
});

function askModel(text: string, maxTokens: number): InputRequest {
  return inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text } }],
    maxTokens,
  });
}

/** The text of one field that the user has filled in; undefined when there is none. */
export function elicitedText(ctx: ServerContext, key: string, field: string): string | undefined {
  const value = acceptedContent(ctx.mcpReq.inputResponses, key)?.[field];
  return typeof value === "string" ? value : undefined;
}

const modern = (
  name: string,
  description: string,
  run: EverythingTool["run"],
): EverythingTool => ({ name, description, era: "modern", inputSchema: NO_ARGUMENTS, run });

export const INPUT_REQUIRED_TOOLS: readonly EverythingTool[] = [
  modern("test_input_required_result_elicitation", "Greets the user by name.", ({ ctx }) => {
    const name = elicitedText(ctx, "user_name", "name");
    if (name === undefined) return inputRequired({ inputRequests: { user_name: ASK_NAME } });
    return textResult(`Hello, ${name}!`);
  }),
  modern("test_input_required_result_sampling", "Asks the client's model.", ({ ctx }) => {
    const answer = inputResponse(ctx.mcpReq.inputResponses, "capital_question");
    if (answer.kind === "sampling") {
      return textResult(`The model said: ${JSON.stringify(answer.result.content)}`);
    }
    return inputRequired({
      inputRequests: { capital_question: askModel("What is the capital of France?", 100) },
    });
  }),
  modern("test_input_required_result_list_roots", "Names the client's roots.", ({ ctx }) => {
    const answer = inputResponse(ctx.mcpReq.inputResponses, "client_roots");
    if (answer.kind === "roots") return textResult(`Roots: ${answer.roots.map(({ uri }) => uri).join(", ")}`);
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
  }),
  modern("test_input_required_result_request_state", "Carries a sealed state.", async ({ ctx, world }) => {
    const state = ctx.mcpReq.requestState<RoundState>();
    const answer = inputResponse(ctx.mcpReq.inputResponses, "confirm");
    if (state !== undefined && answer.kind === "elicit") {
      return textResult("state-ok: the state is the one sent");
    }
    return inputRequired({
      inputRequests: {
        confirm: inputRequired.elicit({
          message: "Please confirm",
          requestedSchema: { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] },
        }),
      },
      requestState: await world.states.mint({ round: 1 }),
    });
  }),
  modern(
    "test_input_required_result_multiple_inputs",
    "Needs three inputs at once.",
    async ({ ctx, world }) => {
      const responses = ctx.mcpReq.inputResponses;
      const kinds = ["user_name", "greeting", "client_roots"].map((key) =>
        inputResponse(responses, key).kind
      );
      if (!kinds.includes("missing")) return textResult("All three inputs have come.");
      return inputRequired({
        inputRequests: {
          user_name: ASK_NAME,
          greeting: askModel("Generate a greeting", 50),
          client_roots: inputRequired.listRoots(),
        },
        requestState: await world.states.mint({ round: 1 }),
      });
    },
  ),
  modern("test_input_required_result_multi_round", "Asks twice.", async ({ ctx, world }) => {
    const state = ctx.mcpReq.requestState<RoundState>();
    const name = state?.name ?? elicitedText(ctx, "step1", "name");
    const color = elicitedText(ctx, "step2", "color");
    if (name !== undefined && color !== undefined) return textResult(`${name} likes ${color}.`);
    if (name === undefined) {
      return inputRequired({
        inputRequests: {
          step1: inputRequired.elicit({
            message: "Step 1: What is your name?",
            requestedSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
          }),
        },
        requestState: await world.states.mint({ round: 1 }),
      });
    }
    return inputRequired({
      inputRequests: {
        step2: inputRequired.elicit({
          message: "Step 2: What is your favorite color?",
          requestedSchema: { type: "object", properties: { color: { type: "string" } }, required: ["color"] },
        }),
      },
      requestState: await world.states.mint({ round: 2, name }),
    });
  }),
  modern(
    "test_input_required_result_tampered_state",
    "Refuses a state that was changed.",
    async ({ ctx, world }) => {
      if (ctx.mcpReq.requestState<RoundState>() !== undefined) return textResult("The state is unchanged.");
      return inputRequired({
        inputRequests: { confirm: ASK_NAME },
        requestState: await world.states.mint({ round: 1 }),
      });
    },
  ),
  modern("test_input_required_result_capabilities", "Asks only what the client can answer.", ({ ctx }) => {
    const capabilities = declaredCapabilities(ctx);
    const requests: Record<string, InputRequest> = {};
    if (capabilities.sampling !== undefined) requests.greeting = askModel("Generate a greeting", 50);
    if (capabilities.elicitation !== undefined) requests.user_name = ASK_NAME;
    const answered = Object.keys(requests).every((key) =>
      inputResponse(ctx.mcpReq.inputResponses, key).kind !== "missing"
    );
    return answered ? textResult("Nothing more to ask.") : inputRequired({ inputRequests: requests });
  }),
  // The SDK refuses it with -32021 where the client has not declared sampling.
  modern("test_missing_capability", "Cannot work for a client without sampling.", ({ ctx }) => {
    if (inputResponse(ctx.mcpReq.inputResponses, "question").kind === "sampling") {
      return textResult("Answered.");
    }
    return inputRequired({ inputRequests: { question: askModel("Are you there?", 10) } });
  }),
  modern("test_streaming_elicitation", "Asks the user in its result, never on its stream.", ({ ctx }) => {
    const name = elicitedText(ctx, "user_name", "name");
    if (name === undefined) return inputRequired({ inputRequests: { user_name: ASK_NAME } });
    return textResult(`Hello, ${name}!`);
  }),
];
