import assert from "node:assert/strict";

interface Event {
  readonly event: string;
  readonly value?: unknown;
}

const DRIVER = new URL("../../support/sandbox_driver.ts", import.meta.url).href;

/** Runs the driver to its end and gives back what it said. */
async function drive(behaviour: string, task: string): Promise<Event[]> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", "--no-lock", DRIVER, behaviour, task],
    stdin: "null",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}

function valueOf(events: readonly Event[], name: string): unknown {
  return events.find(({ event }) => event === name)?.value;
}

function processExists(pid: number): boolean {
  try {
    return !Deno.readTextFileSync(`/proc/${pid}/stat`).includes(") Z ");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test("AgentThread starts the agent and main then gives up network, programs and foreign code", async () => {
  const events = await drive("well", "drain");
  assert.deepEqual(valueOf(events, "rights"), { net: "prompt", run: "prompt", ffi: "prompt" });
  assert.deepEqual(valueOf(events, "summary"), {
    received: 3,
    outcomes: { answered: 3, acknowledged: 0, failed_answered: 0, expired: 0, undeliverable: 0 },
  });
});

Deno.test("AgentThread.start() rejects with the agent's own words when it cannot start [ST-4]", async () => {
  assert.equal(valueOf(await drive("refuse", "drain"), "failed"), "no such command");
});

Deno.test("AgentThread tells of a crash", async () => {
  const events = await drive("crash", "until-end");
  assert.match(String(valueOf(events, "crashed")), /the agent broke/);
});

Deno.test("AgentThread replaces an agent that hangs, ends its children and counts what it had not answered", async () => {
  const events = await drive("hang", "replace");
  assert.equal(valueOf(events, "replaced"), 2);
  assert.equal(valueOf(events, "answers"), true);
  const { outcomes, received } = valueOf(events, "summary") as {
    received: number;
    outcomes: Record<string, number>;
  };
  assert.equal(received, 6);
  assert.equal(outcomes.undeliverable, 2);
  assert.equal(Object.values(outcomes).reduce((sum, count) => sum + count), received);
  assert.equal(await leftoverSleeps(), 0);
});

/** Children of the fake agent are the only processes that sleep for exactly this long. */
async function leftoverSleeps(): Promise<number> {
  let count = 0;
  for await (const entry of Deno.readDir("/proc")) {
    const pid = Number(entry.name);
    if (!Number.isInteger(pid) || !processExists(pid)) continue;
    try {
      if ((await Deno.readTextFile(`/proc/${pid}/cmdline`)) === "/bin/sleep\x00600\x00") count++;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return count;
}
