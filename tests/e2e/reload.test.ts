import assert from "node:assert/strict";
import { call, postText } from "../support/e2e_json_rpc.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { result, SlowTarget, Target } from "../support/e2e_target.ts";
import { eventually } from "../support/e2e_wait.ts";
import { API_KEY, Load, ReloadingAgent } from "../support/reload_profile.ts";

const CHILD = new URL("../support/stdio_child.ts", import.meta.url).pathname;
const STDIO = `${Deno.execPath()} run -A --no-check --quiet ${CHILD} plain`;
// Windows has no SIGHUP.
const ignore = Deno.build.os === "windows";

const bindTo = (...urls: [channel: string, target: Target][]) =>
  urls.map(([channel, { url }]) => ({ channel, url }));

/** What a connector begins with. */
async function handshake(url: string): Promise<void> {
  const { status } = await call(url, 1, "initialize", {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "reload", version: "1" },
  });
  assert.equal(status, 200);
  const notified = await postText(url, '{"jsonrpc":"2.0","method":"notifications/initialized"}');
  assert.ok(notified.status < 300, notified.text);
}

Deno.test("SIGHUP puts what changed in force under load, and no call is lost", { ignore }, async (t) => {
  await using first = new Target();
  await using second = new Target();
  await using relay = await TestRelay.start();
  await using reloading = await ReloadingAgent.serving(relay, {
    mcp: { server_urls: bindTo(["main", first]) },
  });
  const { agent } = reloading;
  await using load = new Load(relay.mcpUrl);
  await load.more(20);

  await t.step("log level", async () => {
    assert.equal((await reloading.change({ log: { level: "debug" } })).result, "applied");
    await agent.untilEvent("poll cycle complete");
    assert.equal((await reloading.change({ log: { level: "info" } })).result, "applied");
    assert.deepEqual(reloading.differences(), [
      "log.level: info → debug (now)",
      "log.level: debug → info (now)",
    ]);
  });

  await t.step("limits", async () => {
    await reloading.change({
      control_plane: { max_inflight_requests: 33 },
      mcp: { max_concurrent_requests: 3 },
    });
    assert.equal(await agent.metric("commands_queue_capacity"), 33);
    assert.equal(await agent.metric("dispatcher_worker_pool_capacity"), 3);
    await load.more(20);
  });

  await t.step("timeouts and poll settings", async () => {
    await reloading.change({
      control_plane: { poll_timeout: "3s", poll_deadline_guardrail: "4s" },
      mcp: { connection_max_ttl: "55s" },
      shutdown: { drain_timeout: "12s" },
    });
    const status = JSON.parse((await agent.get("/api/status")).body);
    assert.equal(status.control_plane_poll_timeout, "3s");
    assert.equal(status.control_plane_poll_deadline_guardrail, "4s");
    assert.ok(
      reloading.differences().includes("mcp.connection_max_ttl: 10m0s → 55s (now)"),
      reloading.differences().join("\n"),
    );
    await load.more(20);
  });

  await t.step("headers", async () => {
    await reloading.change({
      mcp: { extra_headers: { "X-Tenant": "tenant-secret-one" } },
      control_plane: { extra_headers: { "X-Gate": "gate-secret-one" } },
    });
    await load.more(20);
    await reloading.change({ mcp: { extra_headers: { "X-Tenant": "tenant-secret-two" } } });
    await eventually(
      "new header",
      () => first.arrivals.at(-1)?.headers.get("x-tenant") === "tenant-secret-two",
    );
    assert.ok(first.arrivals.some(({ headers }) => headers.get("x-tenant") === "tenant-secret-one"));
    assert.ok(reloading.differences().includes("mcp.extra_headers.X-Tenant: secret part changed (now)"));
  });

  await t.step("a binding that is added, which takes an agent with more rights", async () => {
    await reloading.change({ mcp: { server_urls: bindTo(["main", first], ["extra", second]) } });
    const answer = await call(`${relay.mcpUrl}/extra`, 1, "tools/list");
    assert.equal(answer.status, 200);
    assert.equal(second.arrivals.length, 1);
    await agent.untilEvent("agent of the configuration before has ended");
    await load.more(20);
  });

  await t.step("a binding that is changed", async () => {
    await reloading.change({ mcp: { server_urls: bindTo(["main", second], ["extra", first]) } });
    const before = second.arrivals.length;
    await load.more(40);
    assert.ok(second.arrivals.length > before + 20);
  });

  await t.step("a binding that is removed, whose calls get the answer of an unknown channel", async () => {
    await reloading.change({ mcp: { server_urls: bindTo(["main", second]) } });
    const answer = await call(`${relay.mcpUrl}/extra`, 2, "tools/list");
    assert.match(answer.error?.message ?? "", /unsupported channel "extra"/);
    await load.more(20);
  });

  await t.step("a command", async () => {
    await reloading.change({ mcp: { commands: [{ channel: "tool", command: STDIO }] } });
    await handshake(`${relay.mcpUrl}/tool`);
    const answer = await call(`${relay.mcpUrl}/tool`, 3, "result", { text: '{"ok":true}' });
    assert.deepEqual(answer.result, { ok: true });
    await load.more(20);
  });

  await t.step("the same file again", async () => {
    assert.equal((await reloading.change({})).result, "unchanged");
  });

  await load.end();
  assert.equal(await agent.metric("config_last_reload_success"), 1);
  assert.equal(await agent.metric("agent_restarts_total"), 0);
  await eventually("the end of every call", async () => await agent.metric("commands_in_flight") === 0);
  const received = await agent.metric("commands_received_total");
  // Besides: two calls to the channel that comes and goes, a handshake of two messages and a call to the command.
  assert.equal(received, load.answered + 5);
  assert.equal(await agent.metric("commands_outcome_total"), received);
  await reloading.stopWithoutLoss();
  const { stdout, stderr } = agent.program;
  assert.doesNotMatch(stdout + stderr, new RegExp(`${API_KEY}|tenant-secret|gate-secret`));
});

Deno.test("a call that runs ends on the binding that it was started on", { ignore }, async (t) => {
  await using slow = new SlowTarget();
  await using other = new Target((arrival) => result(arrival, { by: arrival.path }));
  await using relay = await TestRelay.start();
  await using reloading = await ReloadingAgent.serving(relay, {
    mcp: { server_urls: bindTo(["main", slow]) },
  });

  const held = call(relay.mcpUrl, "held-1", "tools/call");
  await eventually("held call", () => slow.gate.waiting === 1);

  await t.step("inside the same agent", async () => {
    const moved = [{ channel: "main", url: `${slow.url}/elsewhere` }];
    await reloading.change({ mcp: { server_urls: moved } });
    assert.deepEqual(
      reloading.agent.events("a new agent has taken over; the one before finishes what it has"),
      [],
    );
  });
  const alsoHeld = call(relay.mcpUrl, "held-2", "tools/call");
  await eventually("second held call", () => slow.gate.waiting === 2);
  assert.deepEqual(slow.arrivals.map(({ path }) => path), ["/mcp", "/mcp/elsewhere"]);

  await t.step("and when another agent takes over", async () => {
    await reloading.change({ mcp: { server_urls: [{ channel: "main", url: other.url }] } });
    // Until then it may still be given a command, and executes it as it always has.
    await reloading.agent.untilEvent("poller stopped");
    const answer = await call(relay.mcpUrl, "new", "tools/call");
    assert.deepEqual(answer.result, { by: "/mcp" }, JSON.stringify(answer));
    // The agent hears a moment after the connector that an answer has arrived.
    await eventually(
      "both held calls counted",
      async () => await reloading.agent.metric("commands_in_flight") === 2,
    );
  });

  slow.gate.open();
  assert.deepEqual((await held).result, { worked: "held-1" });
  assert.deepEqual((await alsoHeld).result, { worked: "held-2" });
  await reloading.agent.untilEvent("agent of the configuration before has ended");
  await reloading.stopWithoutLoss();
});

Deno.test("a stdio server that is bound as before goes on with its state", { ignore }, async () => {
  await using relay = await TestRelay.start();
  await using reloading = await ReloadingAgent.serving(relay, {
    mcp: { commands: [{ channel: "main", command: STDIO }] },
  });
  await handshake(relay.mcpUrl);
  await call(relay.mcpUrl, 1, "result", { text: "1" });
  await reloading.change({
    log: { level: "debug" },
    mcp: { commands: [{ channel: "main", command: STDIO }, { channel: "more", command: STDIO }] },
  });
  await handshake(`${relay.mcpUrl}/more`);
  await call(`${relay.mcpUrl}/more`, 2, "result", { text: "2" });
  const lines = (await call(relay.mcpUrl, 3, "seen")).result as string[];
  assert.equal(lines.filter((line) => line.includes('"result"')).length, 1);
  await reloading.stopWithoutLoss();
});

Deno.test(
  "connectors of a stdio server need no new handshake when another agent takes over",
  { ignore },
  async (t) => {
    await using target = new Target();
    await using relay = await TestRelay.start();
    const commands = [{ channel: "main", command: STDIO }];
    await using reloading = await ReloadingAgent.serving(relay, { mcp: { commands } });
    await handshake(relay.mcpUrl);
    const seen = async () => {
      const answer = await call(relay.mcpUrl, 2, "seen");
      assert.ok(answer.result, JSON.stringify(answer));
      return answer.result as string[];
    };
    const handshakes = async () => (await seen()).filter((line) => line.includes('"initialize"')).length;

    await t.step("by an agent with more rights", async () => {
      await reloading.change({ mcp: { server_urls: bindTo(["extra", target]) } });
      assert.equal(await handshakes(), 1);
      assert.equal((await call(`${relay.mcpUrl}/extra`, 3, "tools/list")).status, 200);
    });

    await t.step("by another child in the same agent", async () => {
      assert.equal((await reloading.change({ mcp: { stdio_concurrency: 2 } })).result, "applied");
      assert.equal(await handshakes(), 1);
      assert.equal((await seen()).filter((line) => line.includes('"seen"')).length, 1, "a new child");
    });
    await reloading.stopWithoutLoss();
  },
);

Deno.test("a file that cannot be used changes nothing, and is told everywhere", { ignore }, async (t) => {
  await using target = new Target();
  await using relay = await TestRelay.start();
  const profile = { mcp: { server_urls: bindTo(["main", target]) } };
  await using reloading = await ReloadingAgent.serving(relay, profile);
  const { agent } = reloading;
  await using load = new Load(relay.mcpUrl, 3);

  const bad: readonly [what: string, changes: string | Record<string, unknown>, problem: RegExp][] = [
    ["no YAML", "mcp: [", /profile\.yaml/],
    ["an unknown key", { logs: { level: "debug" } }, /logs/],
    ["a value that is not valid", { logs: undefined, mcp: { max_concurrent_requests: 0 } }, /max.concurrent/],
    [
      "a command that does not exist",
      {
        log: { level: "debug" },
        mcp: { max_concurrent_requests: 5, commands: [{ channel: "x", command: "no-such-program-here" }] },
      },
      /no-such-program-here/,
    ],
  ];
  for (const [index, [what, changes, problem]] of bad.entries()) {
    await t.step(what, async () => {
      const { problems, level } = await reloading.change(changes);
      assert.equal(level, "ERROR");
      assert.match(String(problems), problem);
      const ready = await agent.get("/readyz?format=json");
      assert.equal(ready.status, 200);
      const check = JSON.parse(ready.body).checks.find(({ name }: { name: string }) =>
        name === "configuration"
      );
      assert.equal(check.status, "warning");
      assert.match(check.reason, problem);
      const status = JSON.parse((await agent.get("/api/status")).body);
      assert.equal(status.config_reload.success, false);
      assert.match(status.config_reload.error, problem);
      assert.match(
        (await agent.get("/metrics")).body,
        new RegExp(`config_reloads_total\\{result="failed"\\} ${index + 1}\\n`),
      );
      assert.equal(await agent.metric("config_last_reload_success"), 0);
      assert.equal((await agent.get("/readyz")).body, "ready");
      await load.more(5);
      assert.deepEqual(agent.log().filter(({ level }) => level === "DEBUG"), []);
    });
  }

  await t.step("a good one puts it right", async () => {
    const { result } = await reloading.change({
      log: { level: "info" },
      mcp: { commands: [], max_concurrent_requests: 7 },
    });
    assert.equal(result, "applied");
    assert.equal(await agent.metric("config_last_reload_success"), 1);
    assert.equal(await agent.metric("dispatcher_worker_pool_capacity"), 7);
  });
  await load.end();
  await reloading.stopWithoutLoss();
});

Deno.test("what only a restart can change is listed, and the rest is put in force", { ignore }, async () => {
  await using target = new Target();
  await using relay = await TestRelay.start();
  await using reloading = await ReloadingAgent.serving(relay, {
    mcp: { server_urls: bindTo(["main", target]) },
  });
  const { agent } = reloading;
  const { result } = await reloading.change({
    control_plane: { tunnel_id: `tunnel_${"f".repeat(32)}`, max_inflight_requests: 44 },
    health: { listen_addr: "127.0.0.1:1" },
    log: { file: reloading.folder.file("agent.log") },
    process: { pid_file: reloading.folder.file("other.pid") },
    sandbox: { mode: "off" },
  });
  assert.equal(result, "applied");
  const [warning] = agent.events("some changes need a restart");
  // Format, URL file and PID file come from flags, which win over the file.
  assert.deepEqual([...warning?.settings as string[]].sort(), [
    "control_plane.tunnel_id",
    "health.listen_addr",
    "log.file",
    "sandbox.mode",
  ]);
  assert.equal(await agent.metric("config_settings_awaiting_restart"), 4);
  assert.equal(await agent.metric("commands_queue_capacity"), 44);
  const { checks } = JSON.parse((await agent.get("/readyz?format=json")).body);
  const check = checks.find(({ name }: { name: string }) => name === "configuration");
  assert.match(check.reason, /^restart needed for control_plane\.tunnel_id, /);
  assert.equal((await call(relay.mcpUrl, 1, "tools/list")).status, 200);
  assert.equal((await reloading.change({})).result, "needs_restart");
  await reloading.stopWithoutLoss();
});

Deno.test("reload.watch sees a file that is written or replaced, and can be switched on by a reload", {
  ignore,
}, async () => {
  await using target = new Target();
  await using relay = await TestRelay.start();
  await using reloading = await ReloadingAgent.serving(relay, {
    mcp: { server_urls: bindTo(["main", target]) },
  });
  const { agent, folder } = reloading;
  await reloading.change({ reload: { watch: true } });
  await using load = new Load(relay.mcpUrl, 3);

  reloading.write({ mcp: { max_concurrent_requests: 6 } });
  assert.equal((await reloading.reload(1)).result, "applied");
  assert.equal(await agent.metric("dispatcher_worker_pool_capacity"), 6);
  assert.equal(agent.events("reading the configuration again").at(-1)?.reason, "file");

  const text = Deno.readTextFileSync(folder.file("profile.yaml"));
  Deno.writeTextFileSync(
    folder.file("profile.yaml"),
    text.replace('"max_concurrent_requests":6', '"max_concurrent_requests":9'),
  );
  assert.equal((await reloading.reload(2)).result, "applied");
  assert.equal(await agent.metric("dispatcher_worker_pool_capacity"), 9);

  Deno.writeTextFileSync(folder.file("profile.yaml"), "mcp: [");
  assert.equal((await reloading.reload(3)).level, "ERROR");
  await load.end();
  await reloading.stopWithoutLoss();
});

Deno.test("an API key that is refused is read again from its file", { ignore }, async () => {
  await using target = new Target();
  await using relay = await TestRelay.start({}, "the-next-api-key");
  await using reloading = await ReloadingAgent.listening(relay, {
    mcp: { server_urls: bindTo(["main", target]) },
  }, "the-former-api-key");
  const { agent, folder } = reloading;
  await agent.untilReadyz(503, /401/);
  Deno.writeTextFileSync(folder.file("key"), "the-next-api-key\n");
  await agent.untilEvent("API key was refused and has changed; going on with the new one");
  await agent.untilReadyz(200, /^ready/);
  assert.equal((await call(relay.mcpUrl, 1, "tools/list")).status, 200);
  await reloading.stopWithoutLoss();
  const { stdout, stderr } = agent.program;
  assert.doesNotMatch(stdout + stderr, /the-former-api-key|the-next-api-key/);
});
