/** Everything at once, in any order: what must hold however commands, failures and stops fall together. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { DiscoveryResult } from "../../src/agent/mod.ts";
import type { SessionResult } from "../../src/channels/mod.ts";
import { clockPast } from "../support/agent_changes.ts";
import {
  callCommand,
  type CommandParts,
  notificationCommand,
  oauthDiscoveryCommand,
  sessionTerminationCommand,
} from "../support/agent_commands.ts";
import { withAgent } from "../support/agent_harness.ts";
import type { RawReply } from "../support/agent_http_server.ts";
import {
  answer,
  answering,
  failure,
  type ScriptedCall,
  ScriptedChannel,
} from "../support/agent_scripted_channel.ts";

Deno.test("races: signals that live as long as the agent gather no listeners under load", async () => {
  const { addEventListener, removeEventListener } = AbortSignal.prototype;
  const listeners = new Map<AbortSignal, number>();
  const note = (signal: AbortSignal, by: number) => listeners.set(signal, (listeners.get(signal) ?? 0) + by);
  AbortSignal.prototype.addEventListener = function (
    this: AbortSignal,
    ...args: Parameters<typeof addEventListener>
  ) {
    note(this, 1);
    addEventListener.apply(this, args);
  };
  AbortSignal.prototype.removeEventListener = function (
    this: AbortSignal,
    ...args: Parameters<typeof removeEventListener>
  ) {
    note(this, -1);
    removeEventListener.apply(this, args);
  };
  try {
    const channel = new ScriptedChannel({ onCall: answering });
    const options = {
      channels: [channel],
      controlPlane: { maxInflight: 3 },
      mcp: { maxConcurrentRequests: 2 },
    };
    await withAgent(options, async ({ controlPlane, timeline, changes }) => {
      const failed = new Set<string>();
      controlPlane.onPost = ({ body }) => {
        if (failed.has(body.request_id) || Number(body.resp_json?.id) % 3 !== 0) return undefined;
        failed.add(body.request_id);
        return { status: 503 };
      };
      for (let batch = 0; batch < 40; batch++) {
        const ids = Array.from({ length: 8 }, (_, index) => batch * 8 + index);
        controlPlane.deliver(
          ...ids.map((id) => callCommand(id, id % 2 === 0 ? { responseTimeout: "60s" } : {})),
        );
      }
      await changes.until("every end", () => timeline.entries.length === 320, 30_000);
      const most = Math.max(...listeners.values());
      assert(most <= 4, `a signal holds ${most} listeners`);
    });
  } finally {
    AbortSignal.prototype.addEventListener = addEventListener;
    AbortSignal.prototype.removeEventListener = removeEventListener;
  }
});

type Behaviour = "answer" | "stream" | "fail" | "crash" | "hang" | "late";

interface Plan {
  readonly kind: "call" | "notification" | "session" | "discovery" | "unsupported";
  readonly behaviour: Behaviour;
  readonly timeoutMs: number | undefined;
  /** What the first POSTs of its responses meet. */
  readonly posts: readonly ("503" | "413" | "400" | "404" | "drop" | "slow")[];
}

const PLAN: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constantFrom("call", "call", "call", "notification", "session", "discovery", "unsupported"),
  behaviour: fc.constantFrom("answer", "answer", "stream", "fail", "crash", "hang", "late"),
  timeoutMs: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
  posts: fc.array(fc.constantFrom("503", "413", "400", "404", "drop", "slow"), { maxLength: 3 }),
});

const STOP = fc.oneof(
  fc.record({ how: fc.constant("drain" as const), limitMs: fc.integer({ min: 0, max: 80 }) }),
  fc.record({ how: fc.constant("stopNow" as const), limitMs: fc.constant(0) }),
  fc.record({ how: fc.constant("both" as const), limitMs: fc.integer({ min: 0, max: 80 }) }),
);

function commandOf({ kind, timeoutMs }: Plan, index: number): string {
  const parts: CommandParts = {
    requestId: `req-${index}`,
    ...(timeoutMs === undefined ? {} : { responseTimeout: `${timeoutMs}ms` }),
  };
  if (kind === "notification") return notificationCommand(parts);
  if (kind === "session") return sessionTerminationCommand(parts);
  if (kind === "discovery") return oauthDiscoveryCommand(parts);
  return callCommand(index, {
    ...parts,
    channel: kind === "unsupported" ? "nowhere" : index % 2 ? "main" : "single",
  });
}

async function behave(behaviour: Behaviour, call: ScriptedCall): Promise<void> {
  if (behaviour === "hang") return;
  if (behaviour === "crash") return call.crash(new Error("defect"));
  if (behaviour === "fail") return call.end(failure({ kind: "eof", upstreamStatus: 200 }));
  call.observer!.sent();
  if (behaviour === "stream") {
    for (let event = 0; event < 3 && !call.signal.aborted; event++) {
      await call.observer!.notification('{"jsonrpc":"2.0","method":"n"}', { status: 200, headers: [] });
    }
  }
  if (behaviour === "late") await clockPast(performance.now() + 20);
  call.end(answer(call));
}

async function onAbort(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener("abort", () => reject(signal.reason));
  return await promise;
}

const POST_REPLIES: Record<Plan["posts"][number], () => RawReply | Promise<RawReply>> = {
  "503": () => ({ status: 503 }),
  "413": () => ({ status: 413 }),
  "400": () => ({ status: 400 }),
  "404": () => ({ status: 404 }),
  drop: () => ({ status: 200, fault: "drop" }),
  slow: async () => {
    await clockPast(performance.now() + 30);
    return { status: 200 };
  },
};

async function play(
  plans: readonly Plan[],
  batchSize: number,
  stop: { how: string; limitMs: number },
  stopAfter: number,
) {
  const planOf = (id: unknown) => plans[Number(String(id).replace("req-", ""))]!;
  const started: Promise<unknown>[] = [];
  const onCall = (call: ScriptedCall) =>
    started.push(behave(planOf(call.request.message.id).behaviour, call));
  let sessions = 0;
  let discoveries = 0;
  const ofKind = (kind: Plan["kind"]) => plans.filter((plan) => plan.kind === kind);
  const side = async <T>(plan: Plan | undefined, signal: AbortSignal, result: T): Promise<T> => {
    if (plan?.behaviour === "hang") return await onAbort(signal);
    if (plan?.behaviour === "crash") throw new Error("defect");
    return result;
  };
  const channels = [
    new ScriptedChannel({
      onCall,
      onTerminate: (_, signal): Promise<SessionResult> =>
        side(ofKind("session")[sessions++], signal, { type: "terminated", status: 204, headers: [] }),
    }),
    new ScriptedChannel({ name: "single", maxConcurrentCalls: 1, onCall }),
  ];
  const found: DiscoveryResult = { type: "found", status: 200, headers: [], text: "{}" };
  const discover = (signal: AbortSignal) => side(ofKind("discovery")[discoveries++], signal, found);
  const options = {
    channels,
    deps: { discover },
    controlPlane: { maxInflight: 4, pollTimeoutMs: 100, pollDeadlineGuardrailMs: 100 },
    mcp: { maxConcurrentRequests: 3, connectionMaxTtlMs: 50 },
  };
  await withAgent(options, async ({ agent, controlPlane, timeline, changes }) => {
    controlPlane.mayLoseReplies = true;
    const posts = new Map<string, number>();
    controlPlane.onPost = ({ body }) => {
      const index = posts.get(body.request_id) ?? 0;
      posts.set(body.request_id, index + 1);
      const met = planOf(body.request_id).posts[index];
      if (met === undefined) return undefined;
      const reply = Promise.resolve(POST_REPLIES[met]());
      started.push(reply);
      return reply;
    };
    for (let from = 0; from < plans.length; from += batchSize) {
      const batch = plans.slice(from, from + batchSize).map((plan, index) => commandOf(plan, from + index));
      controlPlane.deliver(...batch);
    }
    await changes.until(
      "the moment to stop",
      () => timeline.entries.length >= Math.min(stopAfter, plans.length),
    );
    const stopping = stop.how === "stopNow" ? agent.stopNow() : agent.drain(stop.limitMs);
    const summary = await (stop.how === "both" ? agent.stopNow() : stopping);
    assert.deepEqual(await stopping, summary);
    for (const channel of channels) assert.deepEqual([channel.running, channel.usedAfterStop], [0, 0]);
  });
  await Promise.all(started);
}

Deno.test("property: whatever happens to commands, posts and the agent, every command ends once and the laws hold", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(PLAN, { minLength: 1, maxLength: 14 }),
      fc.integer({ min: 1, max: 14 }),
      STOP,
      fc.nat(14),
      async (plans, batchSize, stop, stopAfter) => await play(plans, batchSize, stop, stopAfter),
    ),
    { numRuns: 600, endOnFailure: true },
  );
});
