import assert from "node:assert/strict";
import { startProxy } from "../../support/net_proxies.ts";
import { unusedPort } from "../../support/net_servers.ts";
import { ask, assertExplained, checkOf, KEY, smallServer, told, TUNNEL } from "../../support/doctor_ask.ts";
import { metadata, MetadataPlane, refusal } from "../../support/doctor_control_plane.ts";

async function asked(answer: () => Response) {
  await using plane = new MetadataPlane(answer);
  const report = await ask([`--control-plane.base-url=${plane.url}`, `--mcp.command=${smallServer()}`]);
  assertExplained(report);
  assert.ok(!JSON.stringify(report).includes(KEY), "no key");
  const ids = ["control_plane_reachable", "control_plane_key", "control_plane_tunnel"] as const;
  return { report, plane, statuses: ids.map((id) => checkOf(report, id).status).join(" ") };
}

Deno.test("the doctor asks for the tunnel's metadata as the agent does, and for nothing else", async () => {
  const { report, plane, statuses } = await asked(metadata);
  assert.equal(statuses, "PASS PASS PASS");
  assert.equal(told(report, "control_plane_tunnel"), "PASS exists: Wiki");
  assert.deepEqual(plane.arrivals.map(({ method, path }) => [method, path]), [
    ["GET", `/v1/tunnels/${TUNNEL}`],
    ["GET", `/v1/tunnels/${TUNNEL}`],
  ]);
  const [first] = plane.arrivals;
  assert.equal(first?.headers.get("authorization"), `Bearer ${KEY}`);
  assert.match(first?.headers.get("x-tunnel-mcp-server-info") ?? "", /"proc_affinity":true/);
  const hops = checkOf(report, "control_plane_reachable").hops?.map(({ name }) => name);
  assert.deepEqual(hops, ["tcp", "first answer", "next answer"]);
});

Deno.test("a refusal is told of what it is about: the key, the tunnel, or the control plane itself", async () => {
  for (const status of [401, 403]) {
    const { report, statuses } = await asked(() => refusal(status, "nope", `no ${KEY}`));
    assert.equal(statuses, "PASS FAIL SKIP");
    assert.match(told(report, "control_plane_key"), new RegExp(`^FAIL refused \\(${status}\\)`));
  }
  const missing = await asked(() => refusal(404, "tunnel_not_found", "no such tunnel"));
  assert.equal(missing.statuses, "PASS PASS FAIL");
  const { next = [] } = checkOf(missing.report, "control_plane_tunnel");
  // `admin` reads no profile: without the base URL it would ask somebody else.
  assert.match(
    next[0] ?? "",
    new RegExp(`tunnel-client admin tunnels get ${TUNNEL} --control-plane\\.base-url http://\\S+:\\d+$`),
  );
  assert.equal((await asked(() => refusal(503, "", "later"))).statuses, "FAIL SKIP SKIP");
  assert.equal((await asked(() => refusal(429, "rate_limit_exceeded", "slow"))).statuses, "WARN SKIP SKIP");
  const login = await asked(() =>
    new Response("<html>log in</html>", { headers: { "content-type": "text/html" } })
  );
  assert.equal(login.statuses, "PASS SKIP FAIL");
});

Deno.test("a clock that is off is told by the date of any answer, a refusal's too", async () => {
  const dateAt = (offMs: number) => new Date(Date.now() + offMs).toUTCString();
  const behind = await asked(() => metadata({ date: dateAt(3_600_000) }));
  assert.match(told(behind.report, "clock"), /^FAIL 3(?:59|60)\d s behind the control plane$/);
  const ahead = await asked(() => new Response(null, { status: 401, headers: { date: dateAt(-60_000) } }));
  assert.match(told(ahead.report, "clock"), /^WARN (?:59|6\d) s ahead of the control plane$/);
});

Deno.test("a control plane that is not there is one failure, and what depends on it is not asked", async () => {
  const url = `http://127.0.0.1:${unusedPort()}`;
  const report = await ask([`--control-plane.base-url=${url}`, `--mcp.command=${smallServer()}`]);
  assertExplained(report);
  assert.match(told(report, "control_plane_reachable"), /^FAIL .*refused/);
  for (const id of ["control_plane_key", "control_plane_tunnel", "clock"] as const) {
    assert.equal(checkOf(report, id).status, "SKIP", id);
  }
  assert.equal(checkOf(report, "mcp_tools").status, "PASS", "what does not depend on it is asked");
});

Deno.test("a proxy that refuses its user fails, one that works is asked for every way, and no password is told [PX-15]", async () => {
  await using plane = new MetadataPlane();
  await using proxy = startProxy({
    credentials: { username: "ann", password: "magpie-gate-63" },
    leadsTo: plane.port,
  });
  const through = (userInfo: string) =>
    ask([
      "--control-plane.base-url=http://plane.invalid",
      `--control-plane.http-proxy=${proxy.url.replace("://", `://${userInfo}@`)}`,
      `--mcp.command=${smallServer()}`,
    ]);
  const good = await through("ann:magpie-gate-63");
  assert.equal(told(good, "proxies"), "PASS 1 of 1 ways work");
  assert.equal(told(good, "control_plane_tunnel"), "PASS exists: Wiki");
  assert.deepEqual(checkOf(good, "proxies").hops?.map(({ name }) => name), [
    "proxy for control plane: tcp",
    "proxy for control plane: connect",
  ]);
  const bad = await through("ann:wrong-gate-64");
  assertExplained(bad);
  assert.match(told(bad, "proxies"), /^FAIL control plane through http:\/\/127\.0\.0\.1:\d+ .*407/);
  assert.match(told(bad, "control_plane_reachable"), /^FAIL .*407/);
  for (const secret of ["magpie-gate-63", "wrong-gate-64"]) {
    assert.ok(!JSON.stringify([good, bad]).includes(secret), secret);
  }
});

Deno.test("a proxy that opens no tunnels but passes plain requests on is doubtful, not broken", async () => {
  await using proxy = startProxy({ deny: 403 });
  const report = await ask([
    `--control-plane.base-url=http://plane.invalid`,
    `--control-plane.http-proxy=${proxy.url}`,
    `--mcp.command=${smallServer()}`,
  ]);
  assert.equal(checkOf(report, "proxies").status, "WARN");
});
