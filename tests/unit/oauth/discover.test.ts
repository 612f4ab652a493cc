import assert from "node:assert/strict";
import { createHttpChannel } from "../../../src/channels/mod.ts";
import { createTargetClient, type HttpClient } from "../../../src/net/mod.ts";
import { discoverProtectedResource, type DiscoveryResult, type JudgeOrigin } from "../../../src/oauth/mod.ts";
import { CLIENT_NAME, VERSION } from "../../../src/version.ts";
import { type RecordingLog, recordingLog } from "../../support/channels_log.ts";
import {
  startTarget,
  type TargetHandler,
  type TargetRequest,
  unusedPort,
} from "../../support/channels_target.ts";
import { type TestClock, testClock, textOf, until } from "../../support/channels_run.ts";

const PATH = "/.well-known/oauth-protected-resource/mcp";
const ROOT = "/.well-known/oauth-protected-resource";
const METADATA =
  `{ "resource":"https://h/mcp",\n"authorization_servers":["https://as.example"], "x":12345678901234567890 }`;

interface Bench {
  readonly requests: readonly TargetRequest[];
  /** How many response heads have arrived. */
  readonly heads: () => number;
  readonly origin: string;
  readonly log: RecordingLog;
  readonly clock: TestClock;
  run(signal?: AbortSignal, hasDeadline?: boolean): Promise<DiscoveryResult>;
}

async function withDiscovery(
  handler: TargetHandler,
  test: (bench: Bench) => Promise<void>,
  { clock = testClock(), mcpPath = "/mcp?k=secret", judgeOrigin = trustAll }: {
    clock?: TestClock;
    mcpPath?: string;
    judgeOrigin?: JudgeOrigin;
  } = {},
): Promise<void> {
  await using target = startTarget(handler);
  const log = recordingLog();
  const options = {
    name: "main",
    url: target.origin + mcpPath,
    extraHeaders: [["X-Run", "r"], ["X-Both", "run"]] as const,
    discoveryExtraHeaders: [["X-Disc", "d"], ["X-Both", "disc"]] as const,
  };
  const client = createTargetClient();
  let heads = 0;
  const counting: HttpClient = {
    close: () => client.close(),
    request: async (request) => {
      const response = await client.request(request);
      heads++;
      return response;
    },
  };
  const channel = createHttpChannel(options, counting, log);
  try {
    await test({
      requests: target.requests,
      heads: () => heads,
      origin: target.origin,
      log,
      clock,
      run: (signal = new AbortController().signal, hasDeadline = true) =>
        discoverProtectedResource({ target: channel.target, hasDeadline, judgeOrigin }, log, signal, clock),
    });
  } finally {
    await channel.stop(0);
  }
}

const trustAll: JudgeOrigin = () => Promise.resolve(undefined);

/** Answers by path; the MCP URL itself refuses with a bare 401, everything else with an empty 404. */
function serving(routes: Record<string, TargetHandler>, onMcp?: TargetHandler): TargetHandler {
  return (request, reply) => {
    const path = request.path.split("?")[0] ?? "";
    if (path === "/mcp") return onMcp === undefined ? reply.respond(401, []) : onMcp(request, reply);
    const route = routes[path];
    return route === undefined ? reply.respond(404, []) : route(request, reply);
  };
}

const metadata: TargetHandler = (_, reply) => reply.json(200, METADATA);

function paths(requests: readonly TargetRequest[]): string[] {
  return requests.map(({ method, path }) => `${method} ${path}`);
}

function foundIn(result: DiscoveryResult) {
  if (result.type !== "found") throw new assert.AssertionError({ message: result.text });
  return result;
}

function failureIn(result: DiscoveryResult): string {
  assert.equal(result.type, "failure");
  return result.type === "failure" ? result.text : "";
}

Deno.test("discoverProtectedResource() probes with POST then GET, and gives the document as it was answered [OD-10, OD-30, HD-8]", async () => {
  const handler = serving({
    [PATH]: (_, reply) =>
      reply.json(200, METADATA, [["Cache-Control", "no-store"], ["X-A", "1"], ["X-A", "2"]]),
  });
  await withDiscovery(handler, async ({ run, requests }) => {
    const result = foundIn(await run());
    assert.equal(result.status, 200);
    assert.equal(textOf(result.text), METADATA);
    assert.deepEqual(result.headers.filter(([name]) => name === "X-A").map(([, value]) => value), ["1", "2"]);
    assert.ok(result.headers.some(([name]) => name === "Cache-Control"));
    assert.deepEqual(paths(requests), ["POST /mcp?k=secret", "GET /mcp?k=secret", `GET ${PATH}`]);
    assert.equal(requests[0]!.body, "");
    for (const request of requests) {
      assert.deepEqual(request.values("accept"), ["application/json"]);
      assert.deepEqual(request.values("user-agent"), [`${CLIENT_NAME}/${VERSION}`]);
      assert.deepEqual(request.values("x-run"), ["r"]);
      assert.deepEqual(request.values("x-disc"), ["d"]);
      assert.deepEqual(request.values("x-both"), ["disc"]);
      assert.deepEqual(request.values("authorization"), []);
    }
  });
});

Deno.test("discoverProtectedResource() goes first where a challenge points, without a second probe [OD-11, OD-20]", async () => {
  const challenge: TargetHandler = (request, reply) =>
    reply.respond(401, [
      ["WWW-Authenticate", "Basic"],
      ["WWW-Authenticate", `Bearer resource_metadata="http://${request.values("host")[0]}/elsewhere?x=1"`],
    ]);
  await withDiscovery(serving({ "/elsewhere": metadata }, challenge), async ({ run, requests }) => {
    foundIn(await run());
    assert.deepEqual(paths(requests), ["POST /mcp?k=secret", "GET /elsewhere?x=1"]);
  });
});

Deno.test("discoverProtectedResource() asks with GET when the answer to POST is no usable 401 [OD-11]", async () => {
  const answers: TargetHandler = (request, reply) => {
    const challenge = [[
      "WWW-Authenticate",
      `Bearer resource_metadata="http://${request.values("host")[0]}/pr"`,
    ]] as const;
    return request.method === "POST" ? reply.respond(403, challenge) : reply.respond(401, challenge);
  };
  await withDiscovery(serving({ "/pr": metadata }, answers), async ({ run, requests }) => {
    foundIn(await run());
    assert.deepEqual(paths(requests), ["POST /mcp?k=secret", "GET /mcp?k=secret", "GET /pr"]);
  });
});

Deno.test("discoverProtectedResource() follows the probe's redirects within the origin only [OD-12]", async () => {
  await using foreign = startTarget((_, reply) =>
    reply.respond(401, [["WWW-Authenticate", `Bearer resource_metadata="https://attacker.invalid/"`]])
  );
  const answers: TargetHandler = (request, reply) =>
    request.method === "POST"
      ? reply.respond(307, [["Location", `${foreign.origin}/mcp`]])
      : reply.respond(302, [["Location", "/moved"]]);
  const moved: TargetHandler = (request, reply) =>
    reply.respond(401, [[
      "WWW-Authenticate",
      `Bearer resource_metadata="http://${request.values("host")[0]}/pr"`,
    ]]);
  await withDiscovery(serving({ "/moved": moved, "/pr": metadata }, answers), async ({ run, requests }) => {
    foundIn(await run());
    assert.deepEqual(paths(requests).slice(1), ["GET /mcp?k=secret", "GET /moved", "GET /pr"]);
  });
  assert.equal(foreign.connections, 0);
});

Deno.test("discoverProtectedResource() fetches metadata from a foreign origin without static headers [OD-15, OD-7]", async () => {
  await using foreign = startTarget(metadata);
  const challenge: TargetHandler = (_, reply) =>
    reply.respond(401, [["WWW-Authenticate", `Bearer resource_metadata="${foreign.origin}/pr"`]]);
  await withDiscovery(serving({}, challenge), async ({ run }) => {
    foundIn(await run());
    assert.deepEqual(foreign.requests[0]!.values("x-run"), []);
    assert.deepEqual(foreign.requests[0]!.values("x-disc"), []);
  });
});

Deno.test("discoverProtectedResource() sends nothing to an origin that is not trusted, and goes on [A-171, A-172]", async () => {
  await using foreign = startTarget(metadata);
  const challenge: TargetHandler = (_, reply) =>
    reply.respond(401, [["WWW-Authenticate", `Bearer resource_metadata="${foreign.origin}/pr"`]]);
  const asked: string[] = [];
  const judgeOrigin: JudgeOrigin = (origin) => {
    asked.push(origin);
    return Promise.resolve("say so");
  };
  await withDiscovery(serving({ [PATH]: metadata }, challenge), async ({ run }) => {
    foundIn(await run());
  }, { judgeOrigin });
  await withDiscovery(serving({}, challenge), async ({ run }) => {
    const result = await run();
    assert.equal(result.type, "failure");
    if (result.type !== "failure") return;
    assert.match(result.text, /www_authenticate: origin is not trusted: say so/);
    assert.ok(!result.text.includes(foreign.origin));
  }, { judgeOrigin });
  assert.deepEqual(asked, [foreign.origin, foreign.origin]);
  assert.equal(foreign.connections, 0);
});

Deno.test("discoverProtectedResource() takes an advertised URL that cannot be fetched for one failed candidate [OD-13]", async () => {
  for (const advertised of ["ftp://h/pr", "http://h:99999/pr", `http://127.0.0.1:${unusedPort()}/pr`]) {
    const challenge: TargetHandler = (_, reply) =>
      reply.respond(401, [["WWW-Authenticate", `Bearer resource_metadata="${advertised}"`]]);
    await withDiscovery(serving({ [PATH]: metadata }, challenge), async ({ run }) => {
      foundIn(await run());
    });
  }
});

Deno.test("discoverProtectedResource() survives a probe that breaks, and says which method failed [OD-14]", async () => {
  await withDiscovery(serving({ [PATH]: metadata }, (_, reply) => reply.close()), async ({ run, log }) => {
    foundIn(await run());
    const warnings = log.records.filter(({ event }) =>
      event === "oauth discovery WWW-Authenticate probe failed"
    );
    assert.deepEqual(warnings.map(({ fields }) => fields.method), ["POST", "GET"]);
    assert.ok(!JSON.stringify(log.records).includes("secret"));
  });
});

Deno.test("discoverProtectedResource() gives the probe one second for both methods [OD-10]", async () => {
  const clock = testClock({ expiringLimits: 1 });
  await withDiscovery(
    serving({ [PATH]: metadata }, (_, reply) => reply.closed),
    async ({ run, requests }) => {
      foundIn(await run());
      assert.equal(clock.limits[0], 1_000);
      assert.ok(!paths(requests).includes("GET /mcp?k=secret"), "the time was used up by POST");
    },
    { clock },
  );
});

Deno.test("discoverProtectedResource() goes on after 404 and 5xx, with or without a usable body [OD-31]", async () => {
  const answers: TargetHandler[] = [
    (_, reply) => reply.respond(404, []),
    (_, reply) => reply.json(404, METADATA),
    (_, reply) => reply.respond(503, [], "down"),
    (_, reply) => reply.respond(500, [], "x".repeat(1_048_577)),
    (_, reply) => reply.close(),
  ];
  for (const answer of answers) {
    await withDiscovery(serving({ [PATH]: answer, [ROOT]: metadata }), async ({ run, requests }) => {
      foundIn(await run());
      assert.ok(paths(requests).includes(`GET ${ROOT}`));
    });
  }
});

Deno.test("discoverProtectedResource() falls back to the root when the path is guarded by 401, 403 or 405 [OD-32]", async () => {
  for (const status of [401, 403, 405]) {
    const guarded: TargetHandler = (_, reply) => reply.respond(status, [], "no entry");
    await withDiscovery(serving({ [PATH]: guarded, [ROOT]: metadata }), async ({ run }) => {
      assert.equal(foundIn(await run()).status, 200);
    });
  }
});

Deno.test("discoverProtectedResource() stops at an answer that is wrong, and does not try the root [OD-31, OD-32]", async () => {
  const answers: [TargetHandler, RegExp][] = [
    [(_, reply) => reply.json(200, "{}"), /invalid metadata/],
    [(_, reply) => reply.respond(400, [], "bad"), /status 400, invalid metadata/],
    [(_, reply) => reply.respond(200, []), /empty body/],
    [(_, reply) => reply.respond(200, [], "x".repeat(1_048_577)), /exceeds/],
    [
      (_, reply) => reply.json(200, `{"resource":"r","authorization_servers":[":://invalid"]}`),
      /authorization server\[0\]/,
    ],
  ];
  for (const [answer, text] of answers) {
    await withDiscovery(serving({ [PATH]: answer, [ROOT]: metadata }), async ({ run, requests }) => {
      assert.match(failureIn(await run()), text);
      assert.ok(!paths(requests).includes(`GET ${ROOT}`));
    });
  }
});

Deno.test("discoverProtectedResource() accepts valid metadata whatever the status of the last candidate [OD-31, OD-32]", async () => {
  for (const status of [400, 403, 404, 500]) {
    const answer: TargetHandler = (_, reply) =>
      reply.respond(status, [["Content-Type", "text/plain"]], METADATA);
    await withDiscovery(serving({ [ROOT]: answer }), async ({ run }) => {
      assert.equal(foundIn(await run()).status, status);
    });
  }
});

Deno.test("discoverProtectedResource() blocks a candidate's redirect to another origin before any connection [OD-30, B-25]", async () => {
  await using attacker = startTarget(metadata);
  const away: TargetHandler = (_, reply) => reply.respond(302, [["Location", `${attacker.origin}${ROOT}`]]);
  await withDiscovery(serving({ [PATH]: away, [ROOT]: away }), async ({ run, requests }) => {
    const text = failureIn(await run());
    assert.match(text, /well_known_path: redirect blocked; well_known_root: redirect blocked/);
    assert.ok(!text.includes(attacker.origin));
    assert.equal(requests.length, 4);
  });
  assert.equal(attacker.connections, 0);
});

Deno.test("discoverProtectedResource() follows nine redirects within the origin and not a tenth [OD-30]", async () => {
  for (const [hops, type] of [[9, "found"], [10, "failure"]] as const) {
    let left = hops as number;
    const route: TargetHandler = (request, reply) =>
      left-- > 0 ? reply.respond(302, [["Location", request.path]]) : metadata(request, reply);
    await withDiscovery(serving({ [ROOT]: route }), async ({ run }) => {
      const result = await run();
      assert.equal(result.type, type);
      if (type === "failure") assert.match(failureIn(result), /redirect limit exceeded/);
    }, { mcpPath: "/mcp" });
  }
});

Deno.test("discoverProtectedResource() explains in safe words why nothing was found [OC-6, G-2, G-4]", async () => {
  await withDiscovery(serving({}), async ({ run, origin }) => {
    const text = failureIn(await run());
    assert.equal(
      text,
      "no protected resource metadata found (well_known_path: status 404 with empty body; " +
        "well_known_root: status 404 with empty body)",
    );
    assert.ok(!text.includes(origin) && !text.includes("secret"));
  });
});

Deno.test("discoverProtectedResource() looks at slow candidates for two seconds, then with growing patience [OD-34]", async () => {
  // The probe, path and root; then, in the second pass, path twice, before its third send is answered.
  const clock = testClock({ expiringLimits: 5 });
  const slow: TargetHandler = (request, reply) =>
    clock.limits.length <= 5 ? reply.closed : metadata(request, reply);
  await withDiscovery(
    serving({ [PATH]: slow, [ROOT]: slow }, (_, reply) => reply.closed),
    async ({ run, log }) => {
      foundIn(await run());
      assert.deepEqual(clock.limits, [1_000, 2_000, 2_000, 2_000, 4_000, 8_000]);
      const [warning, ...more] = log.records.filter(({ event }) => event.includes("slow candidates"));
      assert.deepEqual(warning!.fields.candidates, ["well_known_path", "well_known_root"]);
      assert.equal(more.length, 0);
    },
    { clock },
  );
});

Deno.test("discoverProtectedResource() gives up on a slow candidate after three more sends [OD-34]", async () => {
  const clock = testClock({ expiringLimits: 5 });
  const slow: TargetHandler = (_, reply) => reply.closed;
  await withDiscovery(serving({ [ROOT]: slow }, slow), async ({ run }) => {
    assert.match(failureIn(await run()), /well_known_root: timed out/);
    assert.deepEqual(clock.limits, [1_000, 2_000, 2_000, 4_000, 8_000]);
  }, { clock, mcpPath: "/" });
});

Deno.test("discoverProtectedResource() keeps its time limit until the body has been read [OD-34]", async () => {
  const clock = testClock();
  const expire: (() => void)[] = [];
  const stalling: TargetHandler = async (_, reply) => {
    await reply.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{");
    await reply.closed;
  };
  const limited = {
    ...clock,
    limit: (_: number, signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        expire.push(resolve);
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
  };
  await withDiscovery(serving({ [PATH]: stalling }), async ({ run, heads }) => {
    const running = run();
    await until(() => heads() === 3, "the head of the document arrived");
    expire.at(-1)!();
    assert.match(failureIn(await running), /\(well_known_path: timed out\)$/);
  }, { clock: limited });
});

Deno.test("discoverProtectedResource() ends after ten seconds when the command has no deadline [OC-4]", async () => {
  const clock = testClock({ expiringLimits: 1 });
  await withDiscovery((_, reply) => reply.closed, async ({ run }) => {
    assert.equal(failureIn(await run(undefined, false)), "no protected resource metadata within 10s");
    assert.equal(clock.limits[0], 10_000);
  }, { clock });
});

Deno.test("discoverProtectedResource() ends with the command's signal, at any moment [OC-4, P-71]", async () => {
  const reason = new Error("deadline");
  for (const path of ["/mcp", PATH]) {
    const silent: TargetHandler = (_, reply) => reply.closed;
    const handler = path === "/mcp" ? silent : serving({ [PATH]: silent });
    await withDiscovery(handler, async ({ run, requests }) => {
      const controller = new AbortController();
      const running = run(controller.signal);
      await until(() => requests.some((request) => request.path.startsWith(path)), "it is under way");
      controller.abort(reason);
      await assert.rejects(running, (error) => error === reason);
    });
  }
});
