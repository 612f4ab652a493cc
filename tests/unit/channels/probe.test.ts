import assert from "node:assert/strict";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import {
  type Clock,
  createHttpChannel,
  runStartupProbe,
  type StartupProbe,
  systemClock,
} from "../../../src/channels/mod.ts";
import { createTargetClient } from "../../../src/net/mod.ts";
import { CLIENT_NAME, VERSION } from "../../../src/version.ts";
import { type RecordingLog, recordingLog } from "../../support/channels_log.ts";
import {
  startTarget,
  type TargetHandler,
  type TargetReply,
  unusedPort,
} from "../../support/channels_target.ts";
import { testClock, until } from "../../support/channels_run.ts";

interface ProbeBench {
  readonly probe: StartupProbe;
  readonly log: RecordingLog;
  readonly stop: (reason?: unknown) => void;
}

interface ProbeSettings {
  readonly waitMs?: number;
  readonly clock?: Clock;
}

/** Probes a URL; afterwards nothing of the probe may be left. */
async function withProbe(
  url: string,
  test: (bench: ProbeBench) => Promise<void>,
  { waitMs = 0, clock = testClock() }: ProbeSettings = {},
): Promise<void> {
  const log = recordingLog();
  const extraHeaders = [["X-Static", "s"]] as const;
  const discoveryExtraHeaders = [["X-Discovery", "d"]] as const;
  const options = { name: "main", url, extraHeaders, discoveryExtraHeaders };
  const channel = createHttpChannel(options, createTargetClient(), log);
  const controller = new AbortController();
  const probe = runStartupProbe(
    { target: channel.target, startupWaitTimeoutMs: waitMs },
    log,
    controller.signal,
    clock,
  );
  try {
    await test({ probe, log, stop: (reason) => controller.abort(reason) });
  } finally {
    controller.abort();
    await probe.ended;
    await channel.stop(0);
  }
}

function initializeResult(protocolVersion = "2025-06-18"): string {
  const result = { protocolVersion, capabilities: {}, serverInfo: { name: "srv", version: "9" } };
  return JSON.stringify({ jsonrpc: "2.0", id: 1, result });
}

/** A 2025-era server; the first argument decides about `initialize`. */
function legacyServer(onInitialize: (reply: TargetReply) => Promise<void>): TargetHandler {
  return (request, reply) => {
    if (request.method === "DELETE") return reply.respond(405, []);
    return request.json().method === "initialize" ? onInitialize(reply) : reply.respond(202, []);
  };
}

Deno.test("runStartupProbe() initializes, completes the handshake and ends its session [PB-2, PB-5, HD-12]", async () => {
  const handler = legacyServer((reply) =>
    reply.json(200, initializeResult(), [["Mcp-Session-Id", "probe-1"]])
  );
  await using target = startTarget(handler);
  await withProbe(`${target.url}?k=secret`, async ({ probe, log }) => {
    assert.deepEqual(probe.result(), { state: "pending", error: "" });
    await probe.settled;
    assert.deepEqual(probe.result(), { state: "ok", error: "" });
    await probe.ended;
    assert.deepEqual(target.requests.map(({ method, path }) => `${method} ${path}`), [
      "POST /mcp?k=secret",
      "POST /mcp?k=secret",
      "DELETE /mcp?k=secret",
    ]);
    const [initialize, initialized, ending] = target.requests;
    assert.deepEqual(initialize!.json(), {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: {
        protocolVersion: "2025-06-18",
        clientInfo: { name: CLIENT_NAME, version: VERSION },
        capabilities: {},
      },
    });
    assert.deepEqual(initialized!.json(), { jsonrpc: "2.0", method: "notifications/initialized" });
    for (const request of target.requests) {
      assert.deepEqual(request.values("x-static"), ["s"]);
      assert.deepEqual(request.values("x-discovery"), ["d"]);
    }
    for (const request of [initialized!, ending!]) {
      assert.deepEqual(request.values("mcp-session-id"), ["probe-1"]);
      assert.deepEqual(request.values("mcp-protocol-version"), ["2025-06-18"]);
    }
    const [initializedEvent] = log.records.filter(({ event }) => event === "mcp session initialized");
    assert.equal(initializedEvent!.fields.server_name, "srv");
    assert.equal(initializedEvent!.fields.server_version, "9");
    assert.ok(!JSON.stringify(log.records).includes("secret"));
  });
});

Deno.test("runStartupProbe() sends no DELETE without a session, and no GET [PB-6]", async () => {
  await using target = startTarget(legacyServer((reply) => reply.json(200, initializeResult())));
  await withProbe(target.url, async ({ probe }) => {
    await probe.ended;
    assert.equal(probe.result().state, "ok");
    assert.deepEqual(target.requests.map(({ method }) => method), ["POST", "POST"]);
  });
});

Deno.test("runStartupProbe() takes every known protocol version, over SSE too, and no other [PB-3]", async () => {
  for (const version of ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]) {
    await using target = startTarget(legacyServer(async (reply) => {
      await reply.sse();
      await reply.event(initializeResult(version));
      await reply.end();
    }));
    await withProbe(target.url, async ({ probe }) => {
      await probe.settled;
      assert.equal(probe.result().state, "ok", version);
    });
  }
  await using target = startTarget(legacyServer((reply) => reply.json(200, initializeResult("1999-01-01"))));
  await withProbe(target.url, async ({ probe }) => {
    await probe.settled;
    assert.equal(probe.result().state, "failed");
    assert.match(probe.result().error, /unsupported protocol version/);
  });
});

Deno.test("runStartupProbe() is ok at once when main is not HTTP, without any request [PB-1]", async () => {
  const { signal } = new AbortController();
  const probe = runStartupProbe({ target: undefined, startupWaitTimeoutMs: 10_000 }, recordingLog(), signal);
  assert.deepEqual(probe.result(), { state: "ok", error: "" });
  await probe.settled;
  await probe.ended;
});

Deno.test("runStartupProbe() says auth-required by status 401 alone, whatever a DELETE would give [PB-5, PB-6, R-6]", async () => {
  await using target = startTarget((request, reply) =>
    request.method === "POST"
      ? reply.json(401, { error: "no" }, [["WWW-Authenticate", "Bearer"]])
      : reply.respond(405, [])
  );
  await withProbe(`${target.url}?token=secret`, async ({ probe }) => {
    await probe.ended;
    const { state, error } = probe.result();
    assert.equal(state, "auth-required");
    assert.equal(error, `${target.origin} answered initialize with status 401`);
    assert.equal(target.requests.length, 1, "auth-required is final, and nothing is cleaned up");
  });
});

Deno.test("runStartupProbe() does not take 403, or words of a 401, for auth-required [R-6]", async () => {
  await using target = startTarget((_, reply) => reply.respond(403, [], "401 Unauthorized"));
  await withProbe(target.url, async ({ probe }) => {
    await probe.settled;
    assert.equal(probe.result().state, "failed");
    assert.ok(!probe.result().error.includes("Unauthorized"));
  });
});

Deno.test("runStartupProbe() names an unreachable target by its origin, and polling need not wait [PB-7, R-8]", async () => {
  const port = unusedPort();
  await withProbe(`http://user:pw@127.0.0.1:${port}/secret?k=secret`, async ({ probe, log }) => {
    await probe.settled;
    const { state, error } = probe.result();
    assert.equal(state, "failed");
    assert.match(error, new RegExp(`^http://127\\.0\\.0\\.1:${port}: .*refused`));
    assert.ok(!/secret|user|pw/.test(error + JSON.stringify(log.records)));
  }, { clock: testClock({ holdsPauses: true }) });
});

Deno.test("runStartupProbe() reports a timeout after two seconds with its text [PB-4, PB-5, R-8]", async () => {
  const clock = testClock({ expiringLimits: 1 });
  await using target = startTarget((_, reply) => reply.closed);
  await withProbe(target.url, async ({ probe }) => {
    await probe.settled;
    const { state, error } = probe.result();
    assert.equal(state, "timeout");
    assert.match(error, /^mcp probe timed out after 2s: /);
    assert.equal(clock.limits[0], 2_000);
  }, { clock });
});

Deno.test("runStartupProbe() counts an answer that comes after the timeout, and ends its session [PB-4]", async () => {
  const release = Promise.withResolvers<void>();
  await using target = startTarget(legacyServer(async (reply) => {
    await release.promise;
    await reply.json(200, initializeResult(), [["Mcp-Session-Id", "late"]]);
  }));
  await withProbe(target.url, async ({ probe }) => {
    await probe.settled;
    assert.equal(probe.result().state, "timeout");
    release.resolve();
    await probe.ended;
    assert.equal(probe.result().state, "ok");
    assert.deepEqual(target.requests.at(-1)!.method, "DELETE");
    assert.deepEqual(target.requests.at(-1)!.values("mcp-session-id"), ["late"]);
  }, { clock: testClock({ expiringLimits: 1 }) });
});

Deno.test("runStartupProbe() gives a silent attempt up at last and asks again [PB-4]", async () => {
  const clock = testClock({ expiringLimits: 2 });
  await using target = startTarget(legacyServer((reply) => {
    return clock.limits.length <= 2 ? reply.closed : reply.json(200, initializeResult());
  }));
  await withProbe(target.url, async ({ probe }) => {
    await probe.ended;
    assert.equal(probe.result().state, "ok");
    assert.deepEqual(clock.limits.slice(0, 3), [2_000, 30_000, 2_000]);
    assert.deepEqual(clock.pauses, [1_000]);
  }, { clock });
});

Deno.test("runStartupProbe() asks again in the background until the target has recovered, with growing delays [R-4]", async () => {
  const answers = [500, 502, "closed", 503, 500, 500, 500] as const;
  let count = 0;
  const clock = testClock();
  await using target = startTarget(legacyServer((reply) => {
    const next = answers[count++];
    if (next === undefined) return reply.json(200, initializeResult());
    return next === "closed" ? reply.close() : reply.respond(next, []);
  }));
  await withProbe(target.url, async ({ probe, log }) => {
    await probe.settled;
    assert.equal(probe.result().state, "failed");
    await probe.ended;
    assert.deepEqual(probe.result(), { state: "ok", error: "" });
    assert.deepEqual(clock.pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    const failures = log.records.filter(({ event }) => event === "mcp startup probe failed");
    assert.equal(failures.length, 5, "one for each change");
  }, { clock });
});

Deno.test("runStartupProbe() waits for a target that is bound late, and logs every retry [PB-8, PB-9, T-10]", async () => {
  const port = unusedPort();
  const clock = testClock();
  await withProbe(`http://127.0.0.1:${port}/mcp`, async ({ probe, log }) => {
    const retries = () => log.records.filter(({ event }) => event === "retrying MCP startup probe");
    await until(() => retries().length >= 4, "the probe has retried four times");
    assert.equal(probe.result().state, "pending");
    await using _target = startTarget(legacyServer((reply) => reply.json(200, initializeResult())), port);
    await probe.ended;
    assert.equal(probe.result().state, "ok");
    assert.deepEqual(retries().slice(0, 4).map(({ fields }) => fields.backoff), [
      "50ms",
      "100ms",
      "200ms",
      "400ms",
    ]);
    assert.deepEqual(retries().slice(0, 4).map(({ fields }) => fields.attempt), [1, 2, 3, 4]);
    assert.match(String(retries()[0]!.fields.error), /refused/);
  }, { waitMs: 1e12, clock });
});

Deno.test("runStartupProbe() ends an exhausted wait with its own state and text, and recovers later [PB-8, PB-10, R-8]", async () => {
  const port = unusedPort();
  await withProbe(`http://127.0.0.1:${port}/mcp`, async ({ probe }) => {
    await probe.settled;
    const { state, error } = probe.result();
    assert.equal(state, "startup-wait-timeout");
    assert.match(error, /^mcp startup wait timed out after 10s: http:\/\/127\.0\.0\.1:\d+: .*refused/);
    await using _target = startTarget(legacyServer((reply) => reply.json(200, initializeResult())), port);
    await probe.ended;
    assert.equal(probe.result().state, "ok");
  }, { waitMs: 10_000 });
});

Deno.test("runStartupProbe() settles a wait by the first HTTP answer, good or bad [PB-9]", async () => {
  for (const [status, state] of [[401, "auth-required"], [503, "failed"]] as const) {
    await using target = startTarget((_, reply) => reply.respond(status, []));
    await withProbe(target.url, async ({ probe, log }) => {
      await probe.settled;
      assert.equal(probe.result().state, state);
      assert.equal(target.requests.length, 1);
      assert.ok(!log.records.some(({ event }) => event === "retrying MCP startup probe"));
    }, { waitMs: 10_000, clock: systemClock });
  }
});

Deno.test("runStartupProbe() records nothing when it is stopped during the wait, but lets go of who waits [PB-10]", async () => {
  await withProbe(`http://127.0.0.1:${unusedPort()}/mcp`, async ({ probe, log, stop }) => {
    await until(
      () => log.records.some(({ event }) => event === "retrying MCP startup probe"),
      "it has retried",
    );
    stop();
    await probe.settled;
    await probe.ended;
    assert.deepEqual(probe.result(), { state: "pending", error: "" });
  }, { waitMs: 1e12 });
});

Deno.test("runStartupProbe() stops at once in the middle of an attempt [PB-10]", async () => {
  const closed = Promise.withResolvers<void>();
  await using target = startTarget(async (_, reply) => {
    await reply.closed;
    closed.resolve();
  });
  await withProbe(target.url, async ({ probe, stop }) => {
    await until(() => target.requests.length === 1, "initialize arrived");
    stop(new Error("shutdown"));
    await probe.ended;
    await closed.promise;
    assert.equal(probe.result().state, "pending");
  }, { clock: systemClock });
});

Deno.test("runStartupProbe() takes a real server of the stateless form of 2026-07-28 for ok", async () => {
  const handler = createMcpHandler(() => new McpServer({ name: "modern", version: "3" }), {
    legacy: "reject",
  });
  const listening = Promise.withResolvers<number>();
  const seen: Record<string, string | null>[] = [];
  await using _server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: ({ port }) => listening.resolve(port) },
    (request) => {
      seen.push({
        version: request.headers.get("mcp-protocol-version"),
        method: request.headers.get("mcp-method"),
        discovery: request.headers.get("x-discovery"),
      });
      return handler.fetch(request);
    },
  );
  await withProbe(`http://127.0.0.1:${await listening.promise}/mcp`, async ({ probe, log }) => {
    await probe.ended;
    assert.deepEqual(probe.result(), { state: "ok", error: "" });
    assert.deepEqual(seen, [
      { version: null, method: null, discovery: "d" },
      { version: "2026-07-28", method: "server/discover", discovery: "d" },
    ]);
    const [event] = log.records.filter(({ event }) => event === "mcp session initialized");
    assert.equal(event!.fields.server_name, "modern");
    assert.equal(event!.fields.protocol_version, "2026-07-28");
  });
});

const refusals: Record<string, (reply: TargetReply) => Promise<void>> = {
  "method not found in a 200 answer": (reply) =>
    reply.json(200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"secret words"}}`),
  "unsupported version in a 400 answer": (reply) =>
    reply.json(400, `{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"secret words"}}`),
  "an error without id in a 400 answer": (reply) =>
    reply.json(400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32020,"message":"secret words"}}`),
};
for (const [what, refuse] of Object.entries(refusals)) {
  Deno.test(`runStartupProbe() asks server/discover after ${what}`, async () => {
    const discovered = {
      supportedVersions: ["2026-07-28"],
      capabilities: {},
      _meta: { "io.modelcontextprotocol/serverInfo": { name: "n", version: "v" } },
    };
    const discoverAnswers: (string | number)[] = [
      JSON.stringify({ jsonrpc: "2.0", id: 2, result: discovered }),
      `{"jsonrpc":"2.0","id":2,"result":{"supportedVersions":[]}}`,
      `{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"secret words"}}`,
      404,
      401,
    ];
    const states: string[] = [];
    for (const discoverAnswer of discoverAnswers) {
      await using target = startTarget((request, reply) => {
        if (request.json().method === "initialize") return refuse(reply);
        return typeof discoverAnswer === "number"
          ? reply.respond(discoverAnswer, [])
          : reply.json(200, discoverAnswer);
      });
      await withProbe(target.url, async ({ probe, log }) => {
        await probe.settled;
        states.push(probe.result().state);
        assert.ok(!`${probe.result().error}${JSON.stringify(log.records)}`.includes("secret"));
        const { method, params } = target.requests[1]!.json();
        assert.equal(method, "server/discover");
        assert.deepEqual(params._meta, {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": { name: CLIENT_NAME, version: VERSION },
          "io.modelcontextprotocol/clientCapabilities": {},
        });
      }, { clock: testClock({ holdsPauses: true }) });
    }
    assert.deepEqual(states, ["ok", "failed", "failed", "failed", "auth-required"]);
  });
}

Deno.test("runStartupProbe() logs no more of a server's name than is fit for a log", async () => {
  const result = {
    protocolVersion: "2025-06-18",
    capabilities: {},
    serverInfo: { name: `evil\n\u001b[31m${"x".repeat(500)}`, version: 7 },
  };
  await using target = startTarget(
    legacyServer((reply) => reply.json(200, { jsonrpc: "2.0", id: 1, result })),
  );
  await withProbe(target.url, async ({ probe, log }) => {
    await probe.ended;
    const [event] = log.records.filter(({ event }) => event === "mcp session initialized");
    assert.match(String(event!.fields.server_name), /^[\x20-\x7e]{1,128}$/);
    assert.equal(event!.fields.server_version, undefined);
  });
});
