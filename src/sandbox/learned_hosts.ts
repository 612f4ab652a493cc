/**
 * Which hosts that are first named at run time the agent may reach (`sandbox.learn`). Today only one thing names such
 * hosts: the place of OAuth metadata that an MCP server announces on another origin (A-170 … A-172).
 */
import type { RunConfig } from "../config/mod.ts";

/** What becomes of an origin that was announced. */
export type LearnDecision =
  | { readonly allowed: true }
  /** `advice` says which setting would allow it, without naming the origin. */
  | { readonly allowed: false; readonly advice: string };

/** Names under which anybody can register: two hosts below one of them have nothing to do with each other. */
const SHARED_SECOND_LEVEL = /^(?:ac|co|com|edu|gob|gov|go|mil|ne|net|nom|or|org|sch)\.[a-z]{2}$/;
const SHARED_HOSTING = new Set([
  "amazonaws.com",
  "appspot.com",
  "azurewebsites.net",
  "cloudapp.net",
  "cloudfront.net",
  "deno.dev",
  "deno.net",
  "fly.dev",
  "github.io",
  "gitlab.io",
  "herokuapp.com",
  "netlify.app",
  "ngrok.app",
  "ngrok.io",
  "onrender.com",
  "pages.dev",
  "railway.app",
  "run.app",
  "trycloudflare.com",
  "vercel.app",
  "web.app",
  "windows.net",
  "workers.dev",
]);

/**
 * Decides about one origin.
 * @param origin that was announced, e.g. `https://login.example`
 */
export function decideLearning(config: RunConfig, origin: string): LearnDecision {
  const { sandboxLearn: policy, mcp } = config;
  if (mcp.oauthTrustedOrigins.includes(origin)) return { allowed: true };
  const target = mainUrl(config);
  if (policy === "any") return { allowed: true };
  const sameSite = target !== undefined && isSameSite(target, origin);
  if (policy === "same-site" && sameSite) return { allowed: true };
  const exact = "list it under mcp.oauth_trusted_origins (--mcp.oauth-trusted-origin)";
  return {
    allowed: false,
    advice: sameSite && policy === "ask-config" ? `${exact}, or set sandbox.learn to same-site` : exact,
  };
}

/**
 * Whether two URLs belong to one site: same scheme, and the same host, or host names below one domain that is not one
 * where anybody can register. Addresses, and names of one label, are only their own site.
 */
export function isSameSite(a: string, b: string): boolean {
  const [left, right] = [URL.parse(a), URL.parse(b)];
  if (left === null || right === null || left.protocol !== right.protocol) return false;
  if (left.hostname === right.hostname) return true;
  const site = siteOf(left.hostname);
  return site !== undefined && site === siteOf(right.hostname);
}

/** The domain that names the site of a host; undefined where only the host itself does. */
function siteOf(hostname: string): string | undefined {
  // An address, or a name with a dot at its end, which A-171 keeps apart.
  if (hostname.startsWith("[") || /^[\d.]+$/.test(hostname) || hostname.endsWith(".")) return undefined;
  const labels = hostname.split(".");
  const domain = labels.slice(-2).join(".");
  // What stands below such a domain belongs to one customer each.
  if (SHARED_HOSTING.has(domain)) return undefined;
  const length = SHARED_SECOND_LEVEL.test(domain) ? 3 : 2;
  return labels.length < length ? undefined : labels.slice(-length).join(".");
}

/** What the process must be able to grant later, beyond what the agent starts with; `*` stands for every host. */
export function learnableHosts(config: RunConfig): readonly string[] {
  const target = mainUrl(config);
  if (target === undefined || config.sandboxLearn === "ask-config") return [];
  if (config.sandboxLearn === "any") return ["*"];
  const { hostname } = new URL(target);
  const site = siteOf(hostname);
  return site === undefined ? [hostname] : [site, `*.${site}`];
}

/** URL of the only target whose metadata is searched for. */
export function mainUrl(config: RunConfig): string | undefined {
  const { pollChannels } = config.controlPlane;
  if (pollChannels !== undefined && !pollChannels.includes("main")) return undefined;
  const main = config.mcp.bindings.find(({ channel }) => channel === "main");
  return main?.transport === "http-streamable" ? main.url : undefined;
}
