import assert from "node:assert/strict";
import { AgentProgram, API_KEY } from "../support/e2e_agent.ts";
import { type Answer, call } from "../support/e2e_json_rpc.ts";
import { type Program, tunnelClient } from "../support/e2e_program.ts";
import { TUNNEL_ID } from "../support/e2e_relay.ts";
import { freePort } from "../support/e2e_servers.ts";
import { result, SlowTarget, Target } from "../support/e2e_target.ts";
import { eventually } from "../support/e2e_wait.ts";

/** A relay on a port that stays the same from one process to the next. */
class RestartedRelay implements AsyncDisposable {
  readonly url: string;
  readonly mcpUrl: string;
  #program: Program | undefined;

  constructor(private readonly port: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.mcpUrl = `${this.url}/v1/mcp/${TUNNEL_ID}`;
  }

  async start(): Promise<void> {
    const args = [`--listen=127.0.0.1:${this.port}`, `--tunnel-id=${TUNNEL_ID}`, "--api-key=env:AGENT_KEY"];
    this.#program = tunnelClient(["relay", ...args, "--print-json"], { env: { AGENT_KEY: API_KEY } });
    await this.#program.untilPrinted(/^\}\n/m);
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#program?.signal(signal);
    await this.#program?.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
  }
}

/** A connector's call; undefined when the relay went away under it, or was not there. */
async function tryCall(url: string, id: string): Promise<Answer | undefined> {
  try {
    const answer = await call(url, id, "work");
    return answer.status === 200 ? answer : undefined;
  } catch (error) {
    if (error instanceof TypeError || error instanceof Error && /and no JSON/.test(error.message)) {
      return undefined;
    }
    throw error;
  }
}

/** Waits until a call gets through. */
async function untilServed(url: string, name: string): Promise<void> {
  let attempt = 0;
  await eventually(
    "a call that gets through",
    async () => await tryCall(url, `${name} ${attempt++}`) !== undefined,
  );
}

async function assertOrderlyEnd(agent: AgentProgram): Promise<number> {
  const end = await agent.stopped();
  assert.equal(end.code, 0, end.stderr);
  const [line] = agent.events("tunnel-client stopped");
  assert(line);
  const counts = [line.answered, line.acknowledged, line.failed_answered, line.expired].map(Number);
  assert.equal(line.undeliverable, 0);
  assert.equal(counts.reduce((sum, count) => sum + count, 0), line.received);
  return Number(line.received);
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  Deno.test(`a relay that is ended by ${signal} and started again is used again at once; what ran ends in order`, async () => {
    await using target = new SlowTarget();
    await using relay = new RestartedRelay(freePort());
    await relay.start();
    await using agent = await AgentProgram.listening({
      controlPlaneUrl: relay.url,
      args: [`--mcp.server-url=${target.url}`, "--control-plane.poll-timeout=5s"],
    });
    await agent.untilReadyz(200, /^ready/);
    const running = [1, 2, 3].map((id) => tryCall(relay.mcpUrl, `running ${id}`));
    await eventually("three at the target", () => target.gate.waiting === 3);
    await relay.end(signal);
    assert.deepEqual(await Promise.all(running), [undefined, undefined, undefined]);
    await agent.untilEvent("poll failed; backing off");
    await relay.start();
    target.gate.open();
    // Their callers are gone with the old relay: the new one knows nothing of them.
    await agent.program.until(
      "three answers for nobody",
      () =>
        agent.events("response already fulfilled, or its command unknown to the control plane").length === 3,
    );
    await untilServed(relay.mcpUrl, "after");
    await agent.untilReadyz(200, /^ready/);
    await assertOrderlyEnd(agent);
    assert.ok([...target.executions().values()].every((times) => times === 1));
  });
}

Deno.test("a relay that is killed again and again under load makes the agent lose and repeat nothing that it was given", async () => {
  await using target = new Target((arrival) => result(arrival, { worked: arrival.message.id }));
  await using relay = new RestartedRelay(freePort());
  await relay.start();
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: relay.url,
    args: [`--mcp.server-url=${target.url}`, "--control-plane.poll-timeout=1s"],
  });
  await untilServed(relay.mcpUrl, "warm");
  let over = false;
  let served = 0;
  const callers = Array.from({ length: 8 }, async (_, caller) => {
    for (let n = 0; !over; n++) {
      const id = `load ${caller} ${n}`;
      const answer = await tryCall(relay.mcpUrl, id);
      if (answer) {
        assert.deepEqual(answer.result, { worked: id });
        served++;
      } else await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  for (let round = 0; round < 3; round++) {
    const before = served;
    await eventually("traffic", () => served > before + 200);
    await relay.end("SIGKILL");
    await relay.start();
  }
  const before = served;
  await eventually("traffic", () => served > before + 200);
  over = true;
  await Promise.all(callers);
  const received = await assertOrderlyEnd(agent);
  const executions = new Map<unknown, number>();
  for (const { message } of target.arrivals) {
    executions.set(message.id, (executions.get(message.id) ?? 0) + 1);
  }
  assert.ok([...executions.values()].every((times) => times === 1), "a call was executed twice");
  assert.ok(received >= served && received >= executions.size);
});
