import assert from "node:assert/strict";
import {
  createBatchLog,
  createExposition,
  createLogSink,
  createMetricStore,
  createRedactor,
  createTimelineRing,
  type LogFormat,
} from "../../../src/ops/mod.ts";
import { startTestListener } from "../../support/ops_listener.ts";
import { memoryStream, recordLog } from "../../support/ops_log.ts";
import { agentStatus, FACTS, stdioChannel } from "../../support/ops_status.ts";

/** Values that configuration holds and that no rule could recognise by their looks. */
const API_KEY = "opaqueRuntimeKeyWithoutAnyShape";
const HEADER_VALUE = "Bearer quiet-header-credential";
const URL_PASSWORD = "p@ss word of a URL";
const KNOWN = [API_KEY, "quiet-header-credential", URL_PASSWORD, encodeURIComponent(URL_PASSWORD)];
/** Values that nobody registered and that their surroundings give away. */
const UNKNOWN = ["sk-proj-AbCdEf0123456789", "tok-4711-abcdef", "Zm9vOmJhcg==", "eyJhbGciOi.eyJzdWIiOi.c2ln"];

function knowingRedactor() {
  const redactor = createRedactor();
  redactor.addSecret(API_KEY);
  redactor.addSecret(HEADER_VALUE);
  redactor.addUrlSecrets(`https://alice:${encodeURIComponent(URL_PASSWORD)}@mcp.test/`);
  return redactor;
}

/** One text that holds every secret, as careless code might build it. */
const LEAK =
  `dial https://alice:${encodeURIComponent(URL_PASSWORD)}@mcp.test/?token=${UNKNOWN[1]}: ${URL_PASSWORD} ` +
  `{"authorization":["${HEADER_VALUE}"],"k":"${UNKNOWN[0]}"} ${API_KEY} got ${
    UNKNOWN[3]
  }\nAuthorization: Basic ${UNKNOWN[2]}`;

function assertClean(text: string, where: string): void {
  for (const secret of [...KNOWN, ...UNKNOWN]) {
    assert.ok(!text.includes(secret), `${secret} in ${where}: ${text}`);
  }
}

for (const format of ["plain", "struct-text", "json"] as const satisfies readonly LogFormat[]) {
  Deno.test(`no secret in events, fields, keys, errors or child threads' records reaches ${format} output [L-19, RD-0 … RD-3]`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      for (const file of ["", `${directory}/agent.log`]) {
        const stdout = memoryStream();
        const stderr = memoryStream();
        const sink = createLogSink({
          level: "debug",
          format,
          file,
          boundFields: { client_instance_id: "i", tunnel_id: `tunnel ${API_KEY}` },
          redactor: knowingRedactor(),
          metrics: createMetricStore(),
        }, { stdout, stderr });
        const careless = { error: new Error(LEAK) } as unknown as Record<string, string>;
        const fields = {
          error: LEAK,
          list: [LEAK, [LEAK]],
          nested: { deep: { text: LEAK, Authorization: "whatever it is" } },
          "set-cookie": `sid=${API_KEY}`,
          [LEAK]: LEAK,
        };
        sink.log.with({ origin: LEAK }).error(LEAK, fields);
        sink.log.warn("careless", careless);
        const batch = createBatchLog({
          level: "debug",
          flush: (records) => sink.write(structuredClone(records)),
        });
        batch.log.with({ origin: LEAK }).info(LEAK, fields);
        batch.flush();
        sink.close();
        const text = stdout.text() + stderr.text() + (file === "" ? "" : await Deno.readTextFile(file));
        assert.equal(text.trimEnd().split("\n").length, 3);
        assert.ok(!text.includes("whatever it is"));
        assertClean(text, format);
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

Deno.test("no secret in label values, status, channels, probe or timeline reaches any route", async () => {
  const redactor = knowingRedactor();
  const own = createMetricStore();
  const agent = createMetricStore();
  const metrics = createExposition({
    info: { version: LEAK, tunnel_id: API_KEY },
    own,
    isReady: () => true,
    refresh: () => Promise.resolve(),
    redactor,
    log: recordLog().log,
  });
  agent.count("mcp_stdio_restarts_total", { channel: LEAK });
  agent.observe("http_client_request_duration_seconds", 1, {
    server_address: API_KEY,
    http_route: `/x?token=${API_KEY}`,
  });
  metrics.update(agent.snapshot());
  const timeline = createTimelineRing(10);
  timeline.add({
    timeMs: 1,
    requestId: API_KEY,
    channel: LEAK,
    kind: "call",
    method: LEAK,
    outcome: "undeliverable",
    statusCode: 0,
    queuedMs: 0,
    totalMs: 0,
    reason: LEAK,
  });
  const facts = {
    ...FACTS,
    controlPlane: {
      ...FACTS.controlPlane,
      baseUrl: `https://alice:${encodeURIComponent(URL_PASSWORD)}@cp.test/?token=${API_KEY}`,
    },
    sandbox: { mode: "strict" as const, permissions: [`run ${LEAK}`] },
  };
  for (
    const status of [
      agentStatus({ probe: { state: "failed", error: LEAK } }),
      agentStatus({
        probe: { state: "auth_required", error: LEAK },
        channels: [stdioChannel("degraded", LEAK)],
      }),
      agentStatus({
        channels: [{ ...stdioChannel("failed", LEAK), target: `node --token=${API_KEY} ${LEAK}` }],
      }),
      agentStatus({ poll: { lastSuccessAgoMs: undefined, consecutiveFailures: 1, lastErrorCategory: LEAK } }),
    ]
  ) {
    await using server = await startTestListener({}, {
      redactor,
      metrics,
      facts: () => facts,
      agentStatus: () => status,
      timeline,
    });
    for (const path of ["/healthz", "/readyz", "/readyz?format=json", "/metrics", "/api/status", "/ui"]) {
      const answer = await server.get(path);
      assert.ok(answer.text.length > 0);
      assertClean(answer.text, path);
    }
  }
});
