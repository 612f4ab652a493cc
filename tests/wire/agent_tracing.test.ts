/** Sections 6 and 7 of spec 08: the trace of a command, and how long its target took. */
import assert from "node:assert/strict";
import { jsonrpcCommand } from "../support/agent_commands.ts";
import { type AgentTestOptions, withAgent } from "../support/agent_harness.ts";
import {
  answer,
  answering,
  failure,
  type ScriptedCall,
  ScriptedChannel,
} from "../support/agent_scripted_channel.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const MESSAGE = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"n":12345678901234567890}}';

function traced(headers: Readonly<Record<string, readonly string[]>> = {}): string {
  const context = JSON.stringify({ traceparent: TRACEPARENT, tracestate: "a=1 , b=2" });
  return `${jsonrpcCommand(MESSAGE, { headers }).slice(0, -1)},"trace_context":${context}}`;
}

/** What the target is sent for one command with a trace. */
async function sentText(
  options: AgentTestOptions & { readonly channel: ScriptedChannel },
  command = traced(),
) {
  let text = "";
  await withAgent({ ...options, channels: [options.channel] }, async ({ controlPlane, log }) => {
    controlPlane.deliver(command);
    text = (await options.channel.nthCall(0)).request.text;
    await controlPlane.responseTo("req-1");
    const kept = JSON.stringify(log.records);
    assert(!kept.includes("0af7651916cd43dd"), "trace ids are in no log [A-58]");
  });
  return text;
}

for (const transport of ["http-streamable", "stdio"] as const) {
  Deno.test(`trace: forwarded in params._meta to a target over ${transport} when that is configured [A-51, A-52, A-53]`, async () => {
    const channel = new ScriptedChannel({ transport, onCall: answering });
    const text = await sentText({ channel, mcp: { forwardTraceContext: true } });
    const meta = `"_meta":{"traceparent":"${TRACEPARENT}","tracestate":"a=1,b=2"}`;
    assert.equal(text, MESSAGE.replace('{"n"', `{${meta},"n"`));
  });
}

for (
  const [why, options] of Object.entries<AgentTestOptions & { readonly transport?: "in-memory" }>({
    "it is off, as by default": {},
    "the target is in this process": { mcp: { forwardTraceContext: true }, transport: "in-memory" },
    "the operator sets that header": {
      mcp: { forwardTraceContext: true, extraHeaders: [["TraceState", ""]] },
    },
  })
) {
  Deno.test(`trace: not forwarded when ${why}; the message stays byte for byte [A-51, A-52, A-55]`, async () => {
    const channel = new ScriptedChannel({ transport: options.transport, onCall: answering });
    assert.equal(await sentText({ ...options, channel }), MESSAGE);
  });
}

Deno.test("trace: not forwarded for a connector that traces by itself [A-50]", async () => {
  const channel = new ScriptedChannel({ onCall: answering });
  const command = traced({ TraceParent: [] });
  assert.equal(await sentText({ channel, mcp: { forwardTraceContext: true } }, command), MESSAGE);
});

Deno.test("timing: the same bytes at every attempt to deliver an answer, none with its notifications [A-61, A-62, A-64]", async () => {
  const onCall = async (call: ScriptedCall) => {
    const event = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}';
    await call.observer?.notification(event, { status: 200, headers: [] });
    const result = answer(call);
    assert(result.type === "response");
    call.end({ ...result, targetElapsedMs: 12.3456 });
  };
  await withAgent({ channels: [new ScriptedChannel({ onCall })] }, async ({ controlPlane }) => {
    controlPlane.onPost = (post) =>
      post.body.resp_type === "jsonrpc_response" && controlPlane.posts.length < 4
        ? { status: 503 }
        : undefined;
    controlPlane.deliver(jsonrpcCommand(MESSAGE));
    await controlPlane.responseTo("req-1");
    const [notification, ...answers] = controlPlane.posts;
    assert.equal(notification!.body.resp_type, "jsonrpc_notify");
    assert.equal(notification!.body.resp_timing, undefined);
    assert.equal(answers.length, 3);
    assert.equal(new Set(answers.map(({ request }) => request.bodyText)).size, 1);
    assert.deepEqual(answers[0]!.body.resp_timing, {
      version: 1,
      transport: "streamable_http",
      target_elapsed_us: 12345,
    });
  });
});

Deno.test("timing: none with a failure that the agent makes up, nor from a target in this process [A-62]", async () => {
  const broken = new ScriptedChannel({ onCall: (call) => call.end(failure()) });
  const inMemory = new ScriptedChannel({ name: "files", transport: "in-memory", onCall: answering });
  await withAgent({ channels: [broken, inMemory] }, async ({ controlPlane }) => {
    controlPlane.deliver(
      jsonrpcCommand(MESSAGE),
      jsonrpcCommand(MESSAGE, { requestId: "req-2", channel: "files" }),
    );
    for (const requestId of ["req-1", "req-2"]) {
      assert.equal((await controlPlane.responseTo(requestId)).body.resp_timing, undefined);
    }
  });
});
