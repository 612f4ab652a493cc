import assert from "node:assert/strict";
import { JSON_TYPE } from "../support/fault_control_plane.ts";
import { type FaultRun, faultRun } from "../support/fault_run.ts";
import type { Exchange } from "../support/fault_server.ts";

type Parts = Pick<FaultRun, "controlPlane" | "target">;
type Fault = (exchange: Exchange) => Promise<unknown>;

const METADATA_FAULTS: Readonly<Record<string, Fault>> = {
  "is never answered": (exchange) => exchange.gone,
  "is reset": (exchange) => Promise.resolve(exchange.reset()),
  "meets a page": (exchange) => exchange.reply(200, "<html>Welcome</html>", { "Content-Type": "text/html" }),
  "is cut in the middle": async (exchange) => {
    await exchange.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id":');
    exchange.end();
  },
  "meets 403": (exchange) => exchange.reply(403, '{"error":{"code":"tunnel_use_forbidden"}}', JSON_TYPE),
};

for (const [name, fault] of Object.entries(METADATA_FAULTS)) {
  Deno.test(`a metadata call that ${name} holds up nothing and is not repeated [P-140]`, async () => {
    const prepare = ({ controlPlane }: Parts) => {
      controlPlane.onMetadata = async (exchange: Exchange) => void await fault(exchange);
    };
    await faultRun({ prepare }, async ({ controlPlane, agent }) => {
      assert.equal((await controlPlane.answerTo(controlPlane.add())).respCode, 200);
      await agent.untilReadyz(200, /^ready/);
      await agent.untilEvent("tunnel metadata fetch failed");
      assert.equal(controlPlane.metadataCalls, 1);
    });
  });
}

const PROBE_FAULTS: Readonly<Record<string, Fault>> = {
  "is reset": (exchange) => Promise.resolve(exchange.reset()),
  "meets 500": (exchange) => exchange.reply(500, "no"),
  "meets a page": (exchange) => exchange.reply(200, "<html>Welcome</html>", { "Content-Type": "text/html" }),
  "meets half an event": async (exchange) => {
    await exchange.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"jsonrpc"');
    exchange.end();
  },
};

for (const [name, fault] of Object.entries(PROBE_FAULTS)) {
  Deno.test(`a startup probe that ${name} keeps no command waiting, and readiness comes with the server`, async () => {
    let healthy = false;
    const prepare = ({ target }: Parts) => {
      target.onProbe = async (exchange: Exchange) => {
        if (!healthy) return void await fault(exchange);
        const { id } = JSON.parse(exchange.request.bodyText);
        const result = {
          protocolVersion: "2025-06-18",
          capabilities: {},
          serverInfo: { name: "t", version: "1" },
        };
        await exchange.reply(200, JSON.stringify({ jsonrpc: "2.0", id, result }), JSON_TYPE);
      };
    };
    await faultRun({ prepare }, async ({ controlPlane, agent }) => {
      assert.equal((await controlPlane.answerTo(controlPlane.add())).respCode, 200);
      assert.equal((await agent.get("/readyz")).status, 503);
      healthy = true;
      await agent.untilReadyz(200, /^ready/, 30_000);
    });
  });
}

Deno.test("an agent that starts before its control plane serves it as soon as it is there", async () => {
  const prepare = ({ controlPlane }: Parts) =>
    controlPlane.server.refuse().then(() => {
      setTimeout(() => controlPlane.server.accept(), 1_500);
    });
  await faultRun({ prepare }, async ({ controlPlane, agent }) => {
    assert.ok(agent.events("poll failed; backing off").length > 0);
    assert.equal((await controlPlane.answerTo(controlPlane.add())).respCode, 200);
    await agent.untilReadyz(200, /^ready/);
  });
});

Deno.test("an agent that starts before its target answers with errors until it is there", async () => {
  const prepare = ({ target }: Parts) => target.server.refuse();
  await faultRun({ prepare }, async ({ controlPlane, target, agent }) => {
    const early = await controlPlane.answerTo(controlPlane.add());
    assert.equal(early.json.error.data.tunnel_failure.transport_error_kind, "connection_refused");
    await target.server.accept();
    assert.equal((await controlPlane.answerTo(controlPlane.add())).respCode, 200);
    await agent.untilReadyz(200, /^ready/, 30_000);
  });
});
