/** `tunnel-client relay`: a control plane of one's own, until SIGINT or SIGTERM. */
import {
  createLogSink,
  createMetricStore,
  createRedactor,
  type LogSink,
  writeFileAtomically,
} from "../ops/mod.ts";
import { whyRefused } from "../config/mod.ts";
import {
  createRelay,
  type ListenTarget,
  type ManagementOptions,
  type Relay,
  type RelayOptions,
  type ResolvedSetup,
  resolveSetup,
  TunnelsFileStore,
} from "../relay/mod.ts";
import type { LeafCommand } from "./command.ts";
import { CliError, EXIT_OK } from "./exit.ts";
import type { CliIo } from "./io.ts";
import { RELAY_FLAGS, type RelayFlags, relayFlags } from "./relay_flags.ts";
import { listenForStop } from "./stop_signals.ts";

/** What `--print-json` and `--url-file` hold. */
interface RelayDocument {
  readonly control_plane_base_url: string;
  readonly tunnels: readonly { readonly tunnel_id: string; readonly mcp_url: string }[];
}

export const command: LeafCommand = {
  kind: "leaf",
  about:
    "Serves the tunnel's control plane on this machine: agents poll it, and any MCP client reaches them at the MCP " +
    "URL. On loopback that URL is open by default; elsewhere the relay wants a connector key.",
  flags: () => RELAY_FLAGS,
  run: ({ flags }, io) => serve(relayFlags(flags), io),
};

/** Serves until SIGINT or SIGTERM. */
async function serve(flags: RelayFlags, io: CliIo): Promise<number> {
  const setup = await resolveSetup({
    tunnelIds: flags.tunnelIds,
    tunnelsFile: flags.tunnelsFile,
    apiKey: flags.apiKey,
    apiKeyFile: flags.apiKeyFile,
    connectorKey: flags.connectorKey,
    adminKeys: flags.adminKeys,
  }, {
    env: (name) => io.env[name],
    readTextFile: (path) => Deno.readTextFileSync(path),
  });
  const sink = openLog(flags, setup);
  const relay = createRelay(relayOptions(flags, setup), sink.log);
  const signals = listenForStop();
  let written: { readonly path: string; readonly text: string } | undefined;
  try {
    const where = await listening(relay, flags);
    const baseUrl = where.transport === "tcp" ? where.url : "";
    const document = describe(baseUrl, flags, setup);
    const json = `${JSON.stringify(document, null, 2)}\n`;
    if (flags.urlFile !== "") {
      await writeFileAtomically(flags.urlFile, json, 0o600);
      written = { path: flags.urlFile, text: json };
    }
    if (flags.printJson) {
      io.stdout(json);
      if (setup.newKey !== undefined) io.stderr(`api key  ${setup.newKey}\n`);
    } else io.stdout(greeting(document, setup.newKey, flags));
    await signals.next();
    return EXIT_OK;
  } finally {
    await relay.stop();
    if (written !== undefined) await removeIfOurs(written.path, written.text);
    signals.close();
    sink.close();
  }
}

async function listening(relay: Relay, flags: RelayFlags): Promise<Awaited<ReturnType<Relay["listen"]>>> {
  try {
    return await relay.listen(listenTarget(flags));
  } catch (error) {
    const { hostname, port } = flags.listen;
    const address = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
    if (error instanceof Deno.errors.AddrInUse) {
      throw new CliError(`listen on ${address}: address already in use; choose another port, or 0 for any`);
    }
    if (error instanceof Deno.errors.AddrNotAvailable || error instanceof Deno.errors.PermissionDenied) {
      throw new CliError(`listen on ${address}: ${whyRefused(error)}; choose another address with --listen`);
    }
    throw error;
  }
}

function openLog(flags: RelayFlags, { tunnels, management }: ResolvedSetup): LogSink {
  const redactor = createRedactor();
  for (const key of management?.adminKeys ?? []) redactor.addSecret(key);
  for (const { apiKeys, connectorKeys } of management === undefined ? tunnels : [...tunnels, management]) {
    for (const key of [...apiKeys, ...connectorKeys ?? []]) redactor.addSecret(key);
  }
  return createLogSink({
    level: flags.logLevel,
    format: flags.logFormat,
    file: "",
    boundFields: {},
    redactor,
    metrics: createMetricStore(),
    // Standard output belongs to the URLs.
  }, { stdout: Deno.stderr, stderr: Deno.stderr });
}

function relayOptions(flags: RelayFlags, { tunnels, management }: ResolvedSetup): RelayOptions {
  return {
    tunnels,
    ...(management === undefined ? {} : { management: { ...management, ...storeOf(flags) } }),
    responseTimeoutMs: flags.responseTimeoutMs,
    answerTimeoutMs: flags.answerTimeoutMs,
    sendResponseTimeout: flags.sendResponseTimeout,
    lastSeenWindowMs: flags.clientLastSeenTimeoutMs,
    maxPollWaitMs: flags.maxPollWaitMs,
    emptyPoll: flags.emptyPoll,
    strictness: flags.isLenient ? "lenient" : "strict",
    maxRequestBytes: flags.maxRequestBytes,
    maxResponseBytes: flags.maxResponseBytes,
    maxQueuedCommands: flags.maxQueued,
    allowedHosts: flags.allowedHosts,
    ...(flags.publicUrl === "" ? {} : { publicBaseUrl: flags.publicUrl }),
  };
}

/** Where tunnels are kept that are created or changed while the relay runs. */
function storeOf({ tunnelsFile }: RelayFlags): Pick<ManagementOptions, "store"> {
  return tunnelsFile === "" ? {} : { store: new TunnelsFileStore(tunnelsFile, writeFileAtomically) };
}

/** An empty host means all interfaces (CFG-97). */
function listenTarget({ listen }: RelayFlags): ListenTarget {
  return listen.hostname === "" ? { hostname: "0.0.0.0", port: listen.port } : listen;
}

function describe(baseUrl: string, { publicUrl }: RelayFlags, { tunnels }: ResolvedSetup): RelayDocument {
  const mcpBase = publicUrl === "" ? baseUrl : publicUrl.replace(/\/+$/, "");
  return {
    control_plane_base_url: baseUrl,
    tunnels: tunnels.map(({ id }) => ({ tunnel_id: id, mcp_url: `${mcpBase}/v1/mcp/${id}` })),
  };
}

function greeting(document: RelayDocument, newKey: string | undefined, flags: RelayFlags): string {
  const lines = [`control  ${document.control_plane_base_url}`];
  for (const tunnel of document.tunnels) {
    lines.push(`tunnel   ${tunnel.tunnel_id}`, `mcp url  ${tunnel.mcp_url}`);
  }
  if (newKey !== undefined) {
    const kept = flags.apiKeyFile === "" ? "not stored" : `stored in ${flags.apiKeyFile}`;
    lines.push(`api key  ${newKey}`, `         (shown once, ${kept})`);
  }
  const [first] = document.tunnels;
  if (first === undefined) {
    lines.push(
      "",
      "Create a tunnel with the admin key in OPENAI_ADMIN_KEY:",
      "  tunnel-client admin tunnels create --name NAME --description TEXT \\",
      `    --organization-id ORG --control-plane.base-url ${document.control_plane_base_url}`,
      "",
    );
    return lines.join("\n");
  }
  lines.push(
    "",
    "Start an agent with the key in CONTROL_PLANE_API_KEY:",
    `  tunnel-client run --control-plane.base-url ${document.control_plane_base_url} \\`,
    `    --control-plane.tunnel-id ${first.tunnel_id} \\`,
    "    --mcp.server-url http://127.0.0.1:3000/mcp",
    "",
  );
  return lines.join("\n");
}

/** Another relay may have taken the file over. */
async function removeIfOurs(path: string, content: string): Promise<void> {
  try {
    if (await Deno.readTextFile(path) === content) await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
