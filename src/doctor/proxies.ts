/** Do the proxies work that the agent would use? (PX-15) */
import type { HttpBinding, ProxyChoice } from "../config/mod.ts";
import { checkProxy, describeRoute, resolveProxy, type Route } from "../net/mod.ts";
import { activeBindings, type Routes } from "../sandbox/mod.ts";
import { again, type Context } from "./context.ts";
import { type Check, fail, type Hop, pass, skip, warn } from "./report.ts";

const WHY = "Whatever goes through a proxy fails when the proxy does; the agent uses no other way.";

/** One way that leads through a proxy. */
interface Way {
  readonly name: string;
  readonly url: string;
  readonly route: Route;
  readonly source: string;
}

interface Found {
  readonly grade: "good" | "doubtful" | "bad";
  readonly text: string;
  readonly hops: readonly Hop[];
}

/** Asks every proxy in use to connect to where it leads. */
export async function checkProxies(context: Context, routes: Routes, signal: AbortSignal): Promise<Check> {
  const ways = waysOf(context, routes).filter(({ route, url }) => resolveProxy(route, url).kind !== "direct");
  const proxied = ways.filter(({ route, url }) => resolveProxy(route, url).kind !== "unix");
  if (proxied.length === 0) return skip("proxies", "none in use: every request goes straight to its peer");
  const found = await Promise.all(proxied.map((way) => askProxy(way, context, signal)));
  const evidence = found.map(({ text }) => text);
  const hops = found.flatMap(({ hops }) => hops);
  const worst = found.find(({ grade }) => grade === "bad") ?? found.find(({ grade }) => grade === "doubtful");
  if (worst === undefined) {
    return pass("proxies", `${proxied.length} of ${proxied.length} ways work`, { evidence, hops });
  }
  const next = [
    "check address, user and password of the proxy; they belong in http-proxy or HTTPS_PROXY, best as env:NAME",
    "a host that needs no proxy: list it in NO_PROXY (it counts for proxies of the environment only)",
    again(context),
  ];
  const details = { why: WHY, evidence, next, hops };
  return worst.grade === "bad" ? fail("proxies", worst.text, details) : warn("proxies", worst.text, details);
}

function waysOf({ config }: Context, { controlPlane, channels }: Routes): Way[] {
  const bindings = activeBindings(config).filter((binding): binding is HttpBinding =>
    binding.transport === "http-streamable"
  );
  const { baseUrl, proxy } = config.controlPlane;
  return [
    { name: "control plane", url: baseUrl, route: controlPlane, source: sourceOf(proxy) },
    ...bindings.flatMap(({ channel, url, proxy }) => {
      const route = channels[channel];
      return route === undefined ? [] : [{ name: `channel ${channel}`, url, route, source: sourceOf(proxy) }];
    }),
  ];
}

function sourceOf(proxy: ProxyChoice): string {
  return proxy.kind === "explicit" ? proxy.source : "environment";
}

async function askProxy(
  { name, url, route, source }: Way,
  { caPem }: Context,
  signal: AbortSignal,
): Promise<Found> {
  const decision = resolveProxy(route, url);
  if (decision.kind === "refused") return { grade: "bad", text: `${name}: ${decision.reason}`, hops: [] };
  if (decision.kind !== "proxy") return { grade: "good", text: `${name}: no proxy`, hops: [] };
  const { proxyUrl = "", proxySource } = describeRoute(route, url, source);
  const way = `${name} through ${proxyUrl} (${proxySource})`;
  const { tcpMs, connectMs, failure } = await checkProxy(decision.proxy, url, { caPem }, signal);
  const hops = [
    ...tcpMs === undefined ? [] : [{ name: `proxy for ${name}: tcp`, ms: Math.round(tcpMs * 10) / 10 }],
    ...connectMs === undefined
      ? []
      : [{ name: `proxy for ${name}: connect`, ms: Math.round(connectMs * 10) / 10 }],
  ];
  if (failure === undefined) return { grade: "good", text: `${way}: works`, hops };
  // Many proxies open tunnels to port 443 only, and pass plain http on all the same.
  const isOnlyTunnel = failure.reason === "bad_status" && new URL(url).protocol === "http:" &&
    !failure.explanation.includes("407");
  const text = `${way}: ${failure.explanation}`;
  return { grade: isOnlyTunnel ? "doubtful" : "bad", text, hops };
}
