import assert from "node:assert/strict";
import { processesWith } from "../support/e2e_processes.ts";
import { CHECKOUT } from "../support/e2e_program.ts";
import { TUNNEL_ID } from "../support/e2e_relay.ts";
import { eventually } from "../support/e2e_wait.ts";
import { FaultControlPlane } from "../support/fault_control_plane.ts";
import { FaultStdio } from "../support/fault_stdio.ts";
import { FaultTarget } from "../support/fault_target.ts";

const DRIVER = new URL("../support/fault_thread_driver.ts", import.meta.url).pathname;

/** Main thread and real agent thread, and the word at which the agent misbehaves. */
class Driven implements AsyncDisposable {
  readonly mark = `fault-${crypto.randomUUID()}`;
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #output = "";

  constructor(controlPlane: FaultControlPlane, target: FaultTarget, stdio: FaultStdio) {
    const flags = {
      "control-plane.base-url": [controlPlane.url],
      "control-plane.tunnel-id": [TUNNEL_ID],
      "control-plane.poll-timeout": ["500ms"],
      "mcp.server-url": [target.url],
      "mcp.command": [stdio.flag("stdio").replace("--mcp.command=", "")],
    };
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", "--frozen", DRIVER, JSON.stringify(flags)],
      cwd: CHECKOUT,
      env: { MARK: this.mark },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) this.#output += text;
  }

  /** What is said of an event, once it is. */
  // deno-lint-ignore no-explicit-any -- each event has its own value
  async event(name: string): Promise<any> {
    return await eventually(name, () => {
      const lines = this.#output.split("\n").slice(0, -1).map((line) => JSON.parse(line));
      return lines.find(({ event }) => event === name);
    });
  }

  async drain(): Promise<unknown> {
    await this.#input.write(new TextEncoder().encode("drain\n"));
    return (await this.event("summary")).value;
  }

  async ended(): Promise<void> {
    await this.#child.status;
  }

  get pid(): number {
    return this.#child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.abort();
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended
    }
    await this.#reading;
    await this.#child.status;
  }
}

/** Tells the first agent that asks what to do, when it is time; later ones wait for ever. */
function firstAgentGets(controlPlane: FaultControlPlane): (order: string) => void {
  const { promise, resolve } = Promise.withResolvers<string>();
  let agents = 0;
  controlPlane.onOther = async (exchange) => {
    if (agents++ === 0) await exchange.reply(200, await promise);
    else await exchange.gone;
  };
  return resolve;
}

async function withAgent(
  test: (parts: {
    controlPlane: FaultControlPlane;
    target: FaultTarget;
    driven: Driven;
    order: (what: string) => void;
  }) => Promise<void>,
): Promise<void> {
  await using stdio = new FaultStdio();
  await using target = await FaultTarget.start();
  await using controlPlane = await FaultControlPlane.start();
  const order = firstAgentGets(controlPlane);
  await using driven = new Driven(controlPlane, target, stdio);
  await driven.event("started");
  await test({ controlPlane, target, driven, order });
}

const NONE = { answered: 0, acknowledged: 0, failed_answered: 0, expired: 0, undeliverable: 0 };

Deno.test("an agent thread that hangs is replaced: its children go, every command is accounted for, none runs twice", async () => {
  await withAgent(async ({ controlPlane, target, driven, order }) => {
    await controlPlane.answerTo(controlPlane.add());
    await controlPlane.shakeHands("stdio");
    await controlPlane.answerTo(controlPlane.add({ channel: "stdio" }));
    const lost = [
      controlPlane.add({ params: { hold: true } }),
      controlPlane.add({ params: { hold: true } }),
      controlPlane.add({ channel: "stdio", params: { fault: "says nothing" } }),
    ];
    await eventually("the calls at their targets", () => target.holding === 2);
    const [child] = processesWith(driven.mark).filter(({ pid }) => pid !== driven.pid);
    // At once, so that main has not heard of the last commands yet.
    order("hang");
    const { value } = await driven.event("replaced");
    assert.equal(value.lost, 3);
    target.release();
    // Its successor has heard of nothing.
    await controlPlane.shakeHands("stdio");
    const next = [controlPlane.add(), controlPlane.add({ channel: "stdio" })];
    for (const one of next) assert.equal((await controlPlane.answerTo(one, 20_000)).respCode, 200);
    const children = processesWith(driven.mark).filter(({ pid }) => pid !== driven.pid);
    assert.equal(children.length, 1);
    assert.notEqual(children[0]?.pid, child?.pid);
    assert.deepEqual(await driven.drain(), {
      received: controlPlane.deliveredOrders.length,
      outcomes: { ...NONE, answered: 6, acknowledged: 2, undeliverable: 3 },
    });
    assert.ok(lost.every(({ answer, deliveries }) => answer === undefined && deliveries === 1));
    assert.deepEqual(target.executedTwice(), []);
  });
});

Deno.test("an agent thread that stalls for a moment is not replaced and loses nothing", async () => {
  await withAgent(async ({ controlPlane, driven, order }) => {
    await controlPlane.answerTo(controlPlane.add());
    const orders = Array.from({ length: 10 }, () => controlPlane.add({ params: { fault: "a late answer" } }));
    order("stall 700");
    for (const one of orders) assert.equal((await controlPlane.answerTo(one)).respCode, 200);
    assert.deepEqual(await driven.drain(), { received: 11, outcomes: { ...NONE, answered: 11 } });
    controlPlane.checkLaw();
  });
});

Deno.test("an agent thread that crashes is told, and every command that it had is accounted for", async () => {
  await withAgent(async ({ controlPlane, target, driven, order }) => {
    await controlPlane.answerTo(controlPlane.add());
    controlPlane.add({ params: { hold: true } });
    controlPlane.add({ params: { hold: true } });
    await eventually("the calls at their target", () => target.holding === 2);
    order("crash");
    assert.match((await driven.event("crashed")).value, /the agent broke/);
    assert.deepEqual(await driven.drain(), {
      received: 3,
      outcomes: { ...NONE, answered: 1, undeliverable: 2 },
    });
    await driven.ended();
    assert.deepEqual(processesWith(driven.mark), []);
  });
});
