import assert from "node:assert/strict";
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { type PolledCommand, RelayHarness, TUNNEL, until } from "../support/relay_harness.ts";

/** What a pipe throws whose connection has been broken at either end. */
const BROKEN = [
  Deno.errors.BadResource,
  Deno.errors.BrokenPipe,
  Deno.errors.ConnectionReset,
  Deno.errors.Interrupted,
  Deno.errors.NotConnected,
];
const IDENTITY = { name: "t", version: "1" };

/** Passes bytes on, until it is told to break what is open. */
class Cable implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #serving: Promise<void>;
  readonly #pipes: Promise<void>[] = [];

  constructor(port: number) {
    this.#serving = this.#serve(port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}/v1/mcp/${TUNNEL}`;
  }

  /** Breaks every connection that is open now. */
  cut(): void {
    for (const conn of this.#open) close(conn);
    this.#open.clear();
  }

  async #serve(port: number): Promise<void> {
    for await (const near of this.#listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port });
      this.#open.add(near).add(far);
      this.#pipes.push(pipe(near, far), pipe(far, near));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
    this.cut();
    await Promise.all(this.#pipes);
  }
}

async function pipe(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  try {
    await from.readable.pipeTo(to.writable);
  } catch (error) {
    if (!BROKEN.some((kind) => error instanceof kind)) throw error;
  } finally {
    close(from);
    close(to);
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

/** An agent in front of a target without sessions: it executes what it is told to. */
async function serve(
  harness: RelayHarness,
  isOver: () => boolean,
  onCall: (command: PolledCommand) => void,
): Promise<void> {
  while (!isOver()) {
    const { commands } = await harness.poll({ timeoutMs: 100 });
    for (const command of commands) {
      const { id, method } = command.jsonrpc ?? {};
      if (method === "initialize") {
        const result = {
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: "s", version: "1" },
        };
        await harness.respond(command, { resp_json: { jsonrpc: "2.0", id, result } });
      } else if (id === undefined) {
        await harness.respond(command, { resp_type: "notify_ack", resp_code: 200, resp_json: undefined });
      } else onCall(command);
    }
  }
}

async function connectV1(url: string) {
  const client = new ClientV1(IDENTITY);
  await client.connect(new HttpV1(new URL(url)));
  return {
    call: (onprogress: () => void) => client.callTool({ name: "work" }, undefined, { onprogress }),
    close: () => client.close(),
  };
}

async function connectV2(url: string) {
  const client = new ClientV2(IDENTITY, { versionNegotiation: { mode: "legacy" } });
  await client.connect(new HttpV2(new URL(url)));
  return {
    call: (onprogress: () => void) => client.callTool({ name: "work" }, { onprogress }),
    close: () => client.close(),
  };
}

for (const [kind, connect] of [["v1", connectV1], ["v2", connectV2]] as const) {
  Deno.test(`a ${kind} client whose network breaks in the middle of a call gets its answer, and the call is executed once`, async () => {
    await RelayHarness.with({}, async (harness) => {
      await harness.introduceAgent();
      await using cable = new Cable(harness.port);
      let isOver = false;
      const calls: PolledCommand[] = [];
      const serving = serve(harness, () => isOver, (command) => calls.push(command));
      const client = await connect(cable.url);
      try {
        let steps = 0;
        const answer = client.call(() => steps++);
        await until(() => calls.length === 1, "the call reaches the agent");
        const [command] = calls as [PolledCommand];
        const progress = (n: number) =>
          harness.respond(command, {
            resp_type: "jsonrpc_notify",
            resp_json: {
              jsonrpc: "2.0",
              method: "notifications/progress",
              params: { progressToken: command.jsonrpc?.["id"], progress: n },
            },
          });
        await progress(1);
        await until(() => steps === 1, "the first step is seen");
        cable.cut();
        await progress(2);
        const result = { content: [{ type: "text", text: "done" }] };
        const id = command.jsonrpc?.["id"];
        assert.equal(
          (await harness.respond(command, { resp_json: { jsonrpc: "2.0", id, result } })).status,
          200,
        );
        assert.deepEqual((await answer).content, result.content);
        assert.equal(steps, 2, "no step is lost, none is seen twice");
        assert.equal(calls.length, 1);
      } finally {
        await client.close();
        isOver = true;
        await serving;
      }
      const { received, answered, abandoned, withdrawn, inFlight } = harness.counts();
      assert.deepEqual([abandoned, withdrawn, inFlight], [0, 0, 0]);
      assert.equal(answered, received);
    });
  });
}
