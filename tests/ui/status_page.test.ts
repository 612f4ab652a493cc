import assert from "node:assert/strict";
import { STATUS_PAGE, STATUS_SCRIPT, STATUS_STYLES } from "../../ui/mod.ts";
import { loadPage, SKIP_BROWSER_TESTS } from "../support/ops_browser.ts";
import { startTestListener } from "../support/ops_listener.ts";
import { agentStatus, FACTS, stdioChannel } from "../support/ops_status.ts";

/** Long enough for the first request and the one after 2 s, short of the third. */
const TWO_REFRESHES_MS = 3500;

function browserTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: SKIP_BROWSER_TESTS, fn });
}

/** Text of the element with an id, without its markup. */
function textOf(dom: string, id: string): string {
  const start = dom.search(new RegExp(`<(\\w+)[^>]* id="${id}"`));
  assert.ok(start >= 0, `no #${id}`);
  const tag = /^<(\w+)/.exec(dom.slice(start))![1];
  const html = dom.slice(start, dom.indexOf(`</${tag}>`, start));
  return html.replace(/<[^>]+>/g, " ").replace(/\s+/g, " ").trim();
}

browserTest(
  "the page shows version, tunnel, readiness, poll, channels, outcomes, timeline and permissions",
  async () => {
    const status = agentStatus({
      channels: [...agentStatus().channels, stdioChannel("degraded", "restarting after exit code 1")],
      poll: { lastSuccessAgoMs: 65_000 / 2 },
    });
    await using server = await startTestListener({}, { agentStatus: () => status });
    const { own, timeline } = server.providers;
    own.count("sandbox_refusals_total", { kind: "net" }, 3);
    own.count("commands_received_total", undefined, 1234);
    own.count("commands_outcome_total", { outcome: "answered" }, 1200);
    own.count("commands_outcome_total", { outcome: "failed_answered" }, 33);
    for (let n = 0; n < 60; n++) {
      timeline.add({
        timeMs: Date.UTC(2026, 0, 1, 12, 0, n),
        requestId: `req-${n}`,
        channel: "main",
        kind: "call",
        method: "tools/call",
        outcome: "failed_answered",
        statusCode: 502,
        queuedMs: 2,
        totalMs: 40,
        reason: `connect/connection_refused`,
      });
    }
    const { dom, console } = await loadPage(`${server.listener.url}/ui`, 1000);
    assert.deepEqual(console, []);
    assert.equal(textOf(dom, "version"), FACTS.version);
    assert.equal(textOf(dom, "tunnel"), FACTS.controlPlane.tunnelId);
    assert.equal(textOf(dom, "ready-badge"), "ready");
    assert.match(textOf(dom, "ready-reason"), /channel files degraded: restarting after exit code 1/);
    assert.match(textOf(dom, "checks"), /mcp probe ok.*channel files warning.*control plane ok/);
    assert.match(
      textOf(dom, "poll"),
      /State polling Last success 32s ago.*https:\/\/api\.example\.test.*Poll wait 30s/,
    );
    assert.match(textOf(dom, "commands"), /Received 1234 In flight 1 Answered 1200 .*Undeliverable 0/);
    assert.match(textOf(dom, "channels"), /main http-streamable http:\/\/127\.0\.0\.1:9000 ready/);
    assert.match(
      textOf(dom, "channels"),
      /files stdio node server\.js degraded restarting after exit code 1/,
    );
    assert.match(
      textOf(dom, "permissions"),
      /net api\.example\.test:443 run \/usr\/bin\/node refused net: 3/,
    );
    assert.match(textOf(dom, "updated"), /^Updated \d{4}-/);
    const rows = textOf(dom, "timeline");
    assert.match(
      rows,
      /^12:00:59\.000 main tools\/call failed, answered 502 2 ms 40 ms req-59 connect\/connection_refused/,
    );
    assert.equal(rows.match(/req-/g)?.length, 50);
    assert.match(dom, /<p id="sandbox-off"[^>]* hidden=""/);
    assert.match(dom, /<p id="stale"[^>]* hidden=""/);
  },
);

browserTest("the page refreshes itself every 2 s", async () => {
  let calls = 0;
  const failed = agentStatus({ channels: [stdioChannel("failed", "gave up")] });
  await using server = await startTestListener({}, {
    agentStatus: () => ++calls === 1 ? agentStatus() : failed,
  });
  const { dom, console } = await loadPage(`${server.listener.url}/ui`, TWO_REFRESHES_MS);
  assert.deepEqual(console, []);
  assert.equal(calls, 2);
  assert.equal(textOf(dom, "ready-badge"), "not ready");
  assert.equal(textOf(dom, "ready-reason"), "channel files failed: gave up");
  assert.match(dom, /<title>✗ tunnel-client<\/title>/);
});

browserTest("the page says so when the program stops answering, and keeps what it knew", async () => {
  let calls = 0;
  await using server = await startTestListener({}, {
    agentStatus() {
      if (++calls > 1) throw new Error("broken");
      return agentStatus();
    },
  });
  const { dom } = await loadPage(`${server.listener.url}/ui`, TWO_REFRESHES_MS);
  assert.match(
    textOf(dom, "stale"),
    /^The program does not answer \(HTTP 500\); this is the state of \d{4}-/,
  );
  assert.doesNotMatch(dom, /<p id="stale"[^>]* hidden/);
  assert.equal(textOf(dom, "ready-badge"), "ready");
});

browserTest("the page warns when the sandbox is off", async () => {
  const facts = { ...FACTS, sandbox: { mode: "off" as const, permissions: [] } };
  await using server = await startTestListener({}, { facts: () => facts, agentStatus: () => undefined });
  const { dom, console } = await loadPage(`${server.listener.url}/ui`, 1000);
  assert.deepEqual(console, []);
  assert.match(textOf(dom, "sandbox-off"), /^The sandbox is off/);
  assert.doesNotMatch(dom, /<p id="sandbox-off"[^>]* hidden/);
  assert.equal(textOf(dom, "ready-badge"), "starting");
  assert.match(textOf(dom, "channels"), /No channel is up yet/);
});

browserTest("text from the network stays text on the page", async () => {
  const hostile = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
  const status = agentStatus({ channels: [stdioChannel("failed", hostile)] });
  await using server = await startTestListener({}, { agentStatus: () => status });
  server.providers.timeline.add({
    timeMs: 0,
    requestId: hostile,
    channel: hostile,
    kind: "call",
    method: hostile,
    outcome: "answered",
    statusCode: 200,
    queuedMs: 0,
    totalMs: 0,
    reason: hostile,
  });
  const { dom, console } = await loadPage(`${server.listener.url}/ui`, 1000);
  assert.deepEqual(console, []);
  assert.match(dom, /<title>✗ tunnel-client<\/title>/);
  assert.doesNotMatch(dom, /<img/);
  assert.ok(dom.includes("&lt;img src=x onerror="));
});

browserTest("the page fits narrow screens without sideways scrolling of the whole page", async () => {
  await using server = await startTestListener();
  // The dump cannot measure; the page's own width can, through the title that this script sets after loading.
  const probe =
    "document.title = document.documentElement.scrollWidth + '/' + document.documentElement.clientWidth";
  const page = STATUS_PAGE.replace(
    "</body>",
    `<script>addEventListener("load", () => setTimeout(() => { ${probe} }, 800))</script></body>`,
  );
  const proxy = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/ui") {
      return new Response(page, { headers: { "Content-Type": "text/html; charset=utf-8" } });
    }
    const answer = await fetch(`${server.listener.url}${pathname}`);
    return new Response(await answer.text(), {
      headers: { "Content-Type": answer.headers.get("Content-Type") ?? "" },
    });
  });
  const { dom } = await loadPage(`http://127.0.0.1:${proxy.addr.port}/ui`, 1000, ["--window-size=500,900"]);
  await proxy.shutdown();
  const [scrollWidth, clientWidth] = /<title>(\d+)\/(\d+)<\/title>/.exec(dom)?.slice(1).map(Number) ?? [];
  assert.ok(clientWidth !== undefined && clientWidth <= 500, dom.slice(0, 300));
  assert.equal(scrollWidth, clientWidth);
});

Deno.test("the page's script is valid and never writes HTML", () => {
  assert.doesNotThrow(() => new Function(STATUS_SCRIPT));
  assert.doesNotMatch(STATUS_SCRIPT, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
});

Deno.test("the page has one heading of level 1, a language, a skip link, scoped headers and names for its regions", () => {
  assert.equal(STATUS_PAGE.match(/<h1>/g)?.length, 1);
  assert.match(STATUS_PAGE, /<html lang="en">/);
  assert.match(STATUS_PAGE, /<a class="skip" href="#main">/);
  assert.doesNotMatch(STATUS_PAGE, /<th(?![^>]* scope=)[ >]/);
  const ids = [...STATUS_PAGE.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const [, id] of STATUS_PAGE.matchAll(/aria-labelledby="([^"]+)"/g)) assert.ok(ids.includes(id), id);
  for (const section of STATUS_PAGE.match(/<section[^>]*>/g) ?? []) assert.match(section, /aria-labelledby=/);
  for (const [, id] of STATUS_SCRIPT.matchAll(/(?:byId|update)\("([^"]+)"/g)) {
    assert.ok(ids.includes(id), `#${id} in the script`);
  }
});

Deno.test("the page's colours have AA contrast in both schemes [U-30, WCAG 1.4.3]", () => {
  const [light, dark] = [...STATUS_STYLES.matchAll(/:root \{([^}]*)\}/g)].map(([, body]) =>
    new Map([...body!.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, colour]) => [name!, colour!]))
  );
  assert.ok(light && dark && light.size === 14);
  const pairs = [["text", "card"], ["text", "page"], ["soft", "card"], ["soft", "page"], ["link", "card"], [
    "link",
    "page",
  ]];
  for (const kind of ["ok", "warn", "bad", "idle"]) pairs.push([kind, `${kind}-back`]);
  for (const [name, scheme] of [["light", light], ["dark", dark]] as const) {
    for (const [front, back] of pairs) {
      const ratio = contrast(scheme.get(front!)!, scheme.get(back!)!);
      assert.ok(ratio >= 4.5, `${front} on ${back}, ${name}: ${ratio.toFixed(2)}`);
    }
  }
});

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light! + 0.05) / (dark! + 0.05);
}

/** Relative luminance as WCAG 2 defines it. */
function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const channel = parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
