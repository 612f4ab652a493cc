import assert from "node:assert/strict";
import {
  callText,
  KEY,
  type PolledCommand,
  pollHead,
  RawConnection,
  request,
  TUNNEL,
} from "../support/relay_harness.ts";

/** A relay whose runtime tells an unwritten reply from a written one, as the program's own configuration makes it. */
async function withRelayProcess(test: (url: string) => Promise<void>): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      "--no-lock",
      "--unstable-no-legacy-abort",
      new URL("../support/relay_child.ts", import.meta.url).pathname,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const { value } = await lines.read();
    await test((value ?? "").trim());
  } finally {
    await child.stdin.close();
    await child.status;
    await lines.cancel();
  }
}

async function poll(url: string, limit: number): Promise<PolledCommand[]> {
  const response = await fetch(`${url}/v1/tunnels/${TUNNEL}/poll?limit=${limit}&timeout_ms=5000`, {
    headers: { Authorization: `Bearer ${KEY}` },
  });
  return response.status === 200 ? (await response.json()).commands : [];
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{[^}]*\\} (\\d+)`, "m").exec(text)?.[1]);
}

async function metricBecomes(url: string, name: string, value: number): Promise<void> {
  const end = performance.now() + 10_000;
  while (await metric(url, name) !== value) {
    assert.ok(performance.now() < end, `${name} did not become ${value}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("a command whose poll reply was cut off goes back to the front of the queue, in order", async () => {
  await withRelayProcess(async (url) => {
    const port = Number(new URL(url).port);
    await fetch(`${url}/v1/tunnels/${TUNNEL}/poll?timeout_ms=1`, {
      headers: { Authorization: `Bearer ${KEY}` },
    });
    const large = JSON.stringify({ jsonrpc: "2.0", id: "large", method: "m", params: "x".repeat(12 << 20) });
    const callers = [];
    for (const [at, body] of [large, request("second"), request("third")].entries()) {
      callers.push(await RawConnection.to(port, callText(body)));
      await metricBecomes(url, "relay_queue_length", at + 1);
    }
    const dying = await RawConnection.to(port, pollHead(2));
    assert.match(await dying.readUntil("cmd_"), /^HTTP\/1\.1 200 /);
    assert.deepEqual(
      [await metric(url, "relay_queue_length"), await metric(url, "relay_commands_in_flight")],
      [1, 2],
    );
    dying.close();
    await metricBecomes(url, "relay_commands_requeued_total", 2);
    const commands = await poll(url, 25);
    assert.deepEqual(commands.map(({ jsonrpc }) => jsonrpc?.["id"]), ["large", "second", "third"]);
    for (const [at, command] of commands.entries()) {
      const response = await fetch(`${url}/v1/tunnels/${TUNNEL}/response`, {
        method: "POST",
        headers: { Authorization: `Bearer ${KEY}`, "X-Tunnel-Shard-Token": command.shard_token },
        body: `{"request_id":"${command.request_id}","resp_code":200,"resp_json":{"at":${at}}}`,
      });
      assert.equal(response.status, 200);
      await response.body?.cancel();
      assert.match(await callers[at]!.readUntil("}"), new RegExp(`^HTTP/1.1 200 .*\\{"at":${at}\\}$`, "s"));
      callers[at]!.close();
    }
  });
});

Deno.test("a command does not go back when its connector has gone meanwhile", async () => {
  await withRelayProcess(async (url) => {
    const port = Number(new URL(url).port);
    await fetch(`${url}/v1/tunnels/${TUNNEL}/poll?timeout_ms=1`, {
      headers: { Authorization: `Bearer ${KEY}` },
    });
    const large = JSON.stringify({ jsonrpc: "2.0", id: "large", method: "m", params: "x".repeat(12 << 20) });
    const caller = await RawConnection.to(port, callText(large));
    await metricBecomes(url, "relay_queue_length", 1);
    const dying = await RawConnection.to(port, pollHead(1));
    await dying.readUntil("cmd_");
    caller.close();
    await metricBecomes(url, "relay_commands_in_flight", 0);
    dying.close();
    const answer = await RawConnection.to(port, callText(request("next")));
    assert.deepEqual((await poll(url, 25)).map(({ jsonrpc }) => jsonrpc?.["id"]), ["next"]);
    assert.equal(await metric(url, "relay_commands_requeued_total"), 0);
    answer.close();
  });
});

Deno.test("an agent that read its whole poll reply and then closes keeps its commands", async () => {
  await withRelayProcess(async (url) => {
    const port = Number(new URL(url).port);
    await fetch(`${url}/v1/tunnels/${TUNNEL}/poll?timeout_ms=1`, {
      headers: { Authorization: `Bearer ${KEY}` },
    });
    const caller = await RawConnection.to(port, callText(request("one")));
    await metricBecomes(url, "relay_queue_length", 1);
    const agent = await RawConnection.to(port, pollHead(1));
    await agent.readUntil("]}");
    agent.close();
    const next = await RawConnection.to(port, callText(request("two")));
    assert.deepEqual((await poll(url, 25)).map(({ jsonrpc }) => jsonrpc?.["id"]), ["two"]);
    assert.equal(await metric(url, "relay_commands_requeued_total"), 0);
    caller.close();
    next.close();
  });
});
