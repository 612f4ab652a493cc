import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { result, Target } from "../support/e2e_target.ts";
import { startProxy } from "../support/net_proxies.ts";
import { BEHIND, startPipe } from "../support/network_peers.ts";

Deno.test("a proxy that cuts long polls is noticed, told once and shown, and polls stay below its limit [P-29, P-51]", async () => {
  await using relay = await TestRelay.start({ allowedHosts: [BEHIND] });
  await using target = new Target((arrival) => result(arrival, { worked: true }));
  await using proxy = startProxy();
  await using impatient = startPipe(proxy.port, { cutAfterMs: 1_500 });
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: `http://${BEHIND}:${new URL(relay.url).port}`,
    args: [
      `--control-plane.http-proxy=http://127.0.0.1:${impatient.port}`,
      `--mcp.server-url=${target.url}`,
      "--control-plane.poll-timeout=6s",
      "--control-plane.poll-deadline-guardrail=1s",
    ],
  });
  const noticed = await agent.untilEvent("something on the way cuts long polls; asking for shorter ones");
  assert.equal(noticed.poll_timeout_ms, 6_000);
  const [cutAfterMs, shortenedToMs] = [Number(noticed.cut_after_ms), Number(noticed.shortened_to_ms)];
  assert.ok(cutAfterMs >= 1_400 && cutAfterMs < 3_000, `${cutAfterMs}`);
  assert.ok(shortenedToMs < cutAfterMs && shortenedToMs >= 1_000, `${shortenedToMs}`);
  const failures = () => agent.log().filter(({ msg }) => /^poll (failed|timed out)/.test(msg)).length;
  const failuresBefore = await agent.program.until("both cut polls", () => failures() >= 2 && failures());
  const polls = () => proxy.forwarded.filter((line) => line.includes(`timeout_ms=${shortenedToMs}`)).length;
  await agent.program.until("polls that come back", () => polls() > 3);
  assert.equal(failures(), failuresBefore, "none was cut any more");
  assert.equal(agent.events(noticed.msg).length, 1);
  const { control_plane_poll } = JSON.parse((await agent.get("/api/status")).body);
  assert.equal(control_plane_poll.consecutive_failures, 0);
  assert.match(control_plane_poll.wait, /^1\.\d+s$/);
  assert.match(control_plane_poll.cut_after, /^[12]\.\d+s$/);
  assert.deepEqual((await call(relay.mcpUrl, 1, "tools/list")).result, { worked: true });
  assert.equal((await agent.stopped()).code, 0);
});
