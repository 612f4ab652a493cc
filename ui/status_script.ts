/**
 * Script of the status page, as the browser gets it. It writes text nodes only, never HTML, and touches a part of the
 * page only when its data changed, so that selections and the reading position survive a refresh.
 */
export const STATUS_SCRIPT = String.raw`"use strict";

const REFRESH_MS = 2000;
const OUTCOMES = [
  ["answered", "Answered"],
  ["acknowledged", "Acknowledged"],
  ["failed_answered", "Failed, answered with an error"],
  ["expired", "Expired"],
  ["undeliverable", "Undeliverable"],
];
const OUTCOME_KIND = { answered: "ok", acknowledged: "ok", failed_answered: "warn", expired: "warn", undeliverable: "bad" };
const STATE_KIND = { ready: "ok", starting: "idle", degraded: "warn", failed: "bad", stopped: "bad" };
const CHECK_KIND = { ok: "ok", warning: "warn", pending: "warn", failed: "bad" };

const shown = new Map();
let lastSuccess;

function byId(id) {
  return document.getElementById(id);
}

function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children.map((child) => child ?? "–"));
  return node;
}

function badge(kind, text) {
  return element("span", "badge " + (kind ?? "idle"), text);
}

/** Replaces the children of an element when the data behind them differs from what is shown. */
function update(id, data, build) {
  const key = JSON.stringify(data ?? null);
  if (shown.get(id) === key) return;
  shown.set(id, key);
  byId(id).replaceChildren(...build(data));
}

function pairs(entries) {
  return entries.filter(([, value]) => value !== undefined && value !== "")
    .flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]);
}

function emptyRow(columns, text) {
  const cell = element("td", "empty", text);
  cell.colSpan = columns;
  return [element("tr", "", cell)];
}

function cell(value, className) {
  return element("td", className, value === undefined || value === "" ? "–" : value);
}

function duration(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "m"]].flatMap(([size, unit]) => {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    return count > 0 ? [count + unit] : [];
  });
  return [...parts, Math.floor(seconds) + "s"].join(" ");
}

function clock(iso) {
  return iso.slice(0, 19).replace("T", " ") + " UTC";
}

function time(iso, text) {
  const node = element("time", "", text ?? clock(iso));
  node.dateTime = iso;
  node.title = clock(iso);
  return node;
}

function showReadiness(readiness) {
  const pending = !readiness.ready && /pending/i.test(readiness.reason);
  const kind = readiness.ready ? "ok" : pending ? "warn" : "bad";
  const word = readiness.ready ? "ready" : pending ? "starting" : "not ready";
  const target = byId("ready-badge");
  if (target.textContent !== word) target.textContent = word;
  target.className = "badge " + kind;
  const reason = readiness.reason === "ready" ? "All checks passed." : readiness.reason;
  if (byId("ready-reason").textContent !== reason) byId("ready-reason").textContent = reason;
  document.title = (readiness.ready ? "✓ " : "✗ ") + "tunnel-client";
  update("checks", readiness.checks, (checks) =>
    checks.map((check) => {
      const item = element("li", "", check.name.replace("_", " ") + " ", badge(CHECK_KIND[check.status], check.status));
      if (check.reason) item.title = check.reason;
      return item;
    }));
}

function pollWord(poll) {
  if (poll === undefined) return badge("idle", "no word from the agent yet");
  if (poll.paused) return badge("warn", "resting: the local queue is full");
  if (poll.consecutive_failures > 0) return badge("bad", poll.consecutive_failures + " failed in a row");
  return poll.last_success === undefined ? badge("warn", "first poll pending") : badge("ok", "polling");
}

function showPoll(status) {
  const poll = status.control_plane_poll;
  const error = poll?.last_error && poll.last_error + (poll.last_status ? " (HTTP " + poll.last_status + ")" : "");
  update("poll", { poll, url: status.control_plane_base_url, wait: status.control_plane_poll_timeout }, () =>
    pairs([
      ["State", pollWord(poll)],
      ["Last success", poll?.last_success && duration(poll.last_success_ago_seconds) + " ago"],
      ["Last error", error],
      ["Base URL", status.control_plane_base_url],
      ["Tunnel", element("code", "", status.control_plane_tunnel_id)],
      ["Poll wait", status.control_plane_poll_timeout],
      ["Local queue", String(status.control_plane_max_inflight) + " places"],
    ]));
}

function showChannels(channels) {
  update("channels", channels, () =>
    channels.length === 0 ? emptyRow(5, "No channel is up yet.") : channels.map((channel) =>
      element(
        "tr",
        "",
        element("td", "", element("code", "", channel.name)),
        cell(channel.transport_kind),
        cell(channel.details?.[0]?.value, "text mono"),
        element("td", "", badge(STATE_KIND[channel.state], channel.state)),
        cell([channel.reason, channel.probe_error].filter(Boolean).join(": "), "text"),
      )
    ));
}

function showTimeline(entries) {
  update("timeline", entries, () =>
    entries.length === 0 ? emptyRow(9, "No command has ended yet.") : entries.map((entry) =>
      element(
        "tr",
        "",
        element("td", "", time(entry.time, entry.time.slice(11, 23))),
        cell(entry.channel, "mono"),
        cell(entry.method ?? entry.kind, "mono"),
        element("td", "", badge(OUTCOME_KIND[entry.outcome], entry.outcome.replace("_", ", "))),
        cell(entry.status_code ? String(entry.status_code) : undefined, "number"),
        cell(entry.queued_ms + " ms", "number"),
        cell(entry.total_ms + " ms", "number"),
        cell(entry.request_id, "mono"),
        cell(entry.reason, "text"),
      )
    ));
}

function showSandbox(status) {
  const off = status.sandbox.mode === "off";
  const banner = byId("sandbox-off");
  banner.hidden = !off;
  const warning = (status.warnings ?? []).join(" ");
  if (banner.textContent !== warning) banner.textContent = warning;
  update("permissions", status.sandbox, ({ permissions, refusals }) => [
    ...(off ? ["everything that this process may"] : permissions).map((line) => element("li", "", line)),
    ...Object.entries(refusals ?? {}).filter(([, count]) => count > 0)
      .map(([kind, count]) => element("li", "bad", "refused " + kind + ": " + count)),
  ]);
}

function show(status) {
  byId("version").textContent = status.version;
  byId("tunnel").textContent = status.control_plane_tunnel_id;
  showReadiness(status.readiness);
  showPoll(status);
  update("commands", status.commands, ({ received, in_flight, outcomes }) =>
    pairs([["Received", String(received)], ["In flight", String(in_flight)], ...OUTCOMES.map(([name, label]) => [label, String(outcomes[name] ?? 0)])]));
  showChannels(status.channels);
  showTimeline(status.timeline);
  showSandbox(status);
  update("program", [status.uptime_seconds, status.agent, status.health_listen_addr], () =>
    pairs([
      ["Up for", duration(status.uptime_seconds)],
      ["Started", time(status.started_at)],
      ["Instance", element("code", "", status.client_instance_id)],
      ["Listens on", status.health_listen_addr],
      ["Agent restarts", String(status.agent.restarts)],
    ]));
}

async function refresh() {
  const stale = byId("stale");
  try {
    const answer = await fetch("/api/status", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error("HTTP " + answer.status);
    show(await answer.json());
    lastSuccess = new Date();
    stale.hidden = true;
    byId("updated").textContent = "Updated " + clock(lastSuccess.toISOString());
  } catch (error) {
    const since = lastSuccess === undefined ? "" : "; this is the state of " + clock(lastSuccess.toISOString());
    const text = "The program does not answer (" + error.message + ")" + since + ".";
    if (stale.textContent !== text) stale.textContent = text;
    stale.hidden = false;
  }
}

/** One request at a time, and none while nobody looks. */
async function loop() {
  for (;;) {
    if (document.hidden) {
      await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
    }
    await refresh();
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  }
}

loop();
`;
