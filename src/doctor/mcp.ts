/** Does each MCP server answer as one? A real handshake with every binding that would be served. */
import { type Binding, MAIN_CHANNEL } from "../config/mod.ts";
import { activeBindings } from "../sandbox/mod.ts";
import { again, type Context } from "./context.ts";
import type { FailureCause } from "./handshake.ts";
import { meet, type Outcome } from "./meet.ts";
import { type Check, fail, type Hop, pass, skip, warn } from "./report.ts";
import { shownTarget } from "./shown_target.ts";

/** A child may have to install itself first. */
const STDIO_LIMIT_MS = 30_000;
const HTTP_LIMIT_MS = 10_000;
const WHY = "Every command ends at this server; one that does not complete the handshake answers no call.";

/** The handshake with `main`, and its tools. */
export async function checkMain(context: Context, binding: Binding, signal: AbortSignal): Promise<Check[]> {
  return mainChecks(await meetWithin(context, binding, signal), context, binding);
}

/** The same with all others, in one check. */
export async function checkOthers(context: Context, signal: AbortSignal): Promise<Check> {
  const bindings = activeBindings(context.config).filter(({ channel }) => channel !== MAIN_CHANNEL);
  if (bindings.length === 0) return skip("mcp_channels", "no channel besides main is served");
  const met = await Promise.all(bindings.map((binding) => describe(context, binding, signal)));
  const evidence = met.map(({ text }) => text);
  const hops = met.flatMap(({ hops }) => hops);
  const bad = met.filter(({ isWell }) => !isWell);
  if (bad.length === 0) {
    return pass("mcp_channels", `${met.length} of ${met.length} answer`, { evidence, hops });
  }
  return fail("mcp_channels", bad[0]?.text ?? "", {
    why: WHY,
    evidence,
    next: [
      "look at one alone: bind it to main with --mcp.server-url or --mcp.command, and ask the doctor again",
      again(context),
    ],
    hops,
  });
}

async function describe(
  context: Context,
  binding: Binding,
  signal: AbortSignal,
): Promise<{ readonly isWell: boolean; readonly text: string; readonly hops: readonly Hop[] }> {
  const outcome = await meetWithin(context, binding, signal);
  const hops = outcome.hops.map(({ name, ms }) => ({ name: `${binding.channel}: ${name}`, ms }));
  const said = (text: string) => `channel ${binding.channel} (${shownTarget(binding)}): ${text}`;
  if (outcome.type === "locked") return { isWell: true, text: said("asks for authorization"), hops };
  if (outcome.type === "failed") {
    const words = outcome.lastWords === undefined ? "" : `; ${outcome.lastWords}`;
    return { isWell: false, text: said(`${outcome.detail}${words}`), hops };
  }
  const tools = typeof outcome.tools === "number" ? `${outcome.tools} tools` : `no tools: ${outcome.tools}`;
  return { isWell: typeof outcome.tools === "number", text: said(`${serverName(outcome)}, ${tools}`), hops };
}

function meetWithin(context: Context, binding: Binding, signal: AbortSignal): Promise<Outcome> {
  return meet(context, binding, signal, binding.transport === "stdio" ? STDIO_LIMIT_MS : HTTP_LIMIT_MS);
}

function mainChecks(outcome: Outcome, context: Context, binding: Binding): Check[] {
  const { hops } = outcome;
  if (outcome.type === "locked") {
    return [
      pass("mcp_handshake", "asks for authorization (401): callers bring their own token", { hops }),
      skip("mcp_tools", "not known: the server tells its tools only to authorized callers"),
    ];
  }
  if (outcome.type === "failed") {
    const evidence = [
      `target: ${shownTarget(binding)}`,
      outcome.detail,
      ...outcome.lastWords === undefined ? [] : [outcome.lastWords],
    ];
    return [
      fail("mcp_handshake", outcome.detail, {
        why: WHY,
        evidence,
        next: [...causesOf(outcome, binding), again(context)],
        hops,
      }),
      skip("mcp_tools", "not asked: the handshake failed"),
    ];
  }
  return [
    pass("mcp_handshake", serverName(outcome), { hops: hops.filter(({ name }) => !isListing(name)) }),
    toolsCheck(outcome.tools, context, hops.filter(({ name }) => isListing(name))),
  ];
}

function isListing(hopName: string): boolean {
  return hopName.startsWith("tools/list");
}

function toolsCheck(tools: number | string, context: Context, hops: readonly Hop[]): Check {
  const why = "A connector shows the tools of this list, and no others.";
  if (typeof tools === "string") {
    const next = ["look at the server's own log for tools/list", again(context)];
    return fail("mcp_tools", `tools/list: ${tools}`, { why, evidence: [tools], next, hops });
  }
  if (tools > 0) return pass("mcp_tools", tools === 1 ? "1 tool" : `${tools} tools`, { hops });
  return warn("mcp_tools", "the server has no tools", {
    why,
    next: [
      "check the server's own configuration: it may want a setting before it offers any",
      again(context),
    ],
    hops,
  });
}

function causesOf({ cause }: Extract<Outcome, { type: "failed" }>, binding: Binding): readonly string[] {
  return binding.transport === "stdio" ? STDIO_STEPS : HTTP_STEPS[cause];
}

const STDIO_STEPS: readonly string[] = [
  "run the command by hand: it must stay, read requests from stdin and write nothing but MCP to stdout",
  "give it what it needs: its variables belong under env of its entry in the profile, as env:NAME",
];
const HTTP_STEPS: Readonly<Record<FailureCause, readonly string[]>> = {
  stranger: [
    "correct the path of mcp.server-url: something answers there that is no MCP server (often it is /mcp)",
    "headers that a gateway wants: --mcp.extra-headers 'Name: env:VARIABLE'",
  ],
  tls: [
    "a private authority signs its certificate: --ca-bundle /path/to/authority.pem",
    "it wants to know who calls: --mcp.client-cert and --mcp.client-key",
  ],
  way: [
    "start the MCP server, and check host and port of mcp.server-url",
    "it is reached through a proxy only: --mcp.http-proxy env:HTTPS_PROXY",
  ],
};

/** Name and version as the server gave them, and the protocol that was agreed on. */
function serverName({ server }: Extract<Outcome, { type: "done" }>): string {
  const name = [server.name, server.version].filter((part) => part !== undefined && part !== "").join(" ");
  return `${name === "" ? "a server without a name" : name} speaks MCP ${server.protocolVersion}`;
}
