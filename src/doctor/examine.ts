/** Runs every check: those that do not need each other at once, each under a limit of its own. */
import {
  ConfigError,
  loadConfiguration,
  type LoadedConfig,
  MAIN_CHANNEL,
  selectFile,
} from "../config/mod.ts";
import { routesOf } from "../sandbox/mod.ts";
import { loadCertificates } from "./certificates.ts";
import { codexPlugin } from "./codex_plugin.ts";
import { type Commands, commandsFor } from "./commands.ts";
import {
  configSource,
  configWarnings,
  mcpTarget,
  pageChecks,
  problemChecks,
  profileLoad,
} from "./config_checks.ts";
import type { Context, DoctorRequest } from "./context.ts";
import { checkControlPlane, controlPlaneTimedOut } from "./control_plane.ts";
import { CheckTimeoutError, withinLimit } from "./deadline.ts";
import { summaryLineOf } from "./summary_line.ts";
import { checkExecutable } from "./executable.ts";
import { checkFiles } from "./files.ts";
import { apiKeySource } from "./key_source.ts";
import { checkListener } from "./listener.ts";
import { checkMain, checkOthers } from "./mcp.ts";
import { checkOauth } from "./oauth.ts";
import { checkPermissions } from "./permissions.ts";
import { checkProxies } from "./proxies.ts";
import { checkReachable } from "./reachable.ts";
import { type Check, CHECK_IDS, type CheckId, type DoctorReport, fail, pass, skip } from "./report.ts";
import { secretsOf } from "./secrets.ts";

/** Of everything that stays on this machine. */
const LOCAL_LIMIT_MS = 5_000;
const CONTROL_PLANE_LIMIT_MS = 10_000;
/** Both phases of a check, and two proxies behind each other. */
const PROXY_LIMIT_MS = 12_000;
/** Handshakes have limits of their own, and some time to end their children. */
const MCP_LIMIT_MS = 40_000;
const NO_MATERIAL = "not asked: the certificates cannot be used";

/** One piece of work, the checks that it answers, and how long it may take. */
interface Examination {
  readonly ids: readonly CheckId[];
  readonly limitMs: number;
  readonly work: (signal: AbortSignal) => Promise<readonly Check[]>;
}

/**
 * Looks at everything that a run of the same command line would need.
 * @throws the request's signal's `reason` when it was aborted
 */
export async function examine(request: DoctorRequest): Promise<DoctorReport> {
  const commands = commandsFor(request.flags, request.env);
  const loaded = await load(request, commands);
  if ("checks" in loaded) {
    return {
      checks: loaded.checks,
      runCommand: commands.run,
      doctorCommand: commands.doctor,
      summaryLine: summaryLineOf(loaded.checks, undefined),
    };
  }
  const { config } = loaded;
  const { check: certificates, texts } = await loadCertificates(config, request.env, commands);
  const secrets = secretsOf(loaded);
  const context: Context = {
    loaded,
    config,
    env: request.env,
    secretNames: loaded.secretNames,
    request,
    commands,
    routes: texts === undefined ? undefined : routesOf(config, texts),
    caPem: texts?.caPem,
    redact: secrets.everything,
  };
  const known = [
    configSource(config),
    profileLoad(config),
    pass("tunnel_id", config.controlPlane.tunnelId),
    apiKeySource(context),
    ...pageChecks(request),
    ...[mcpTarget(context)].filter((check) => check !== undefined),
    configWarnings(context),
    certificates,
  ];
  const found = await runAll(examinationsOf(context), request);
  const checks = inOrder([...known, ...found]).map((check) => concealed(check, secrets.known));
  return {
    checks,
    runCommand: commands.run,
    doctorCommand: commands.doctor,
    summaryLine: summaryLineOf(checks, config),
  };
}

/** The configuration, or the checks that say why there is none (D-8). */
async function load(
  request: DoctorRequest,
  commands: Commands,
): Promise<LoadedConfig | { readonly checks: readonly Check[] }> {
  const { flags, env } = request;
  const pages = pageChecks(request);
  let selected: ReturnType<typeof selectFile>;
  try {
    selected = selectFile(flags, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { checks: [...problemChecks(error, request, commands), ...pages] };
  }
  try {
    return await loadConfiguration({ flags, env, readTextFile: (path) => Deno.readTextFileSync(path) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const source = configSource({ source: selected?.source ?? NO_SOURCE });
    const problems = problemChecks(error, request, commands);
    if (error.problems.some(({ code }) => code === "unreadable_file")) {
      return { checks: [source, ...problems, ...pages] };
    }
    const hasLoaded = problems.every(({ id }) => id !== "profile_load");
    const profile = hasLoaded ? [profileLoad({ source: selected?.source ?? NO_SOURCE })] : [];
    const sorted = problems.toSorted((a, b) =>
      Number(b.id === "profile_load") - Number(a.id === "profile_load")
    );
    return { checks: [source, ...profile, ...sorted, ...pages, await codexPlugin(env)] };
  }
}

const NO_SOURCE = { configFile: "", profile: "", profilePath: "", profileDir: "", isProfileFile: false };

function examinationsOf(context: Context): readonly Examination[] {
  const { routes, request } = context;
  const examinations: Examination[] = [
    { ids: ["health_listener", "ui"], limitMs: LOCAL_LIMIT_MS, work: () => checkListener(context) },
    {
      ids: ["codex_plugin"],
      limitMs: LOCAL_LIMIT_MS,
      work: async () => [await codexPlugin(request.env)],
    },
    { ids: ["files"], limitMs: LOCAL_LIMIT_MS, work: async () => [await checkFiles(context)] },
    { ids: ["permissions"], limitMs: LOCAL_LIMIT_MS, work: async () => [await checkPermissions(context)] },
    {
      ids: ["mcp_channels"],
      limitMs: MCP_LIMIT_MS,
      work: async (signal) => [await checkOthers(context, signal)],
    },
  ];
  const controlPlaneIds: CheckId[] = [
    "control_plane_reachable",
    "control_plane_key",
    "control_plane_tunnel",
    "clock",
  ];
  if (routes === undefined) {
    const ids: CheckId[] = ["proxies", ...controlPlaneIds];
    examinations.push({
      ids,
      limitMs: LOCAL_LIMIT_MS,
      work: () => Promise.resolve(skipped(ids, NO_MATERIAL)),
    });
  } else {
    examinations.push(
      {
        ids: ["proxies"],
        limitMs: PROXY_LIMIT_MS,
        work: async (signal) => [await checkProxies(context, routes, signal)],
      },
      {
        ids: controlPlaneIds,
        limitMs: CONTROL_PLANE_LIMIT_MS,
        work: (signal) => controlPlaneInTime(context, signal),
      },
    );
  }
  return [...examinations, ...mainExaminations(context)];
}

async function controlPlaneInTime(context: Context, signal: AbortSignal): Promise<readonly Check[]> {
  const { routes } = context;
  if (routes === undefined) return [];
  try {
    return await checkControlPlane(context, routes.controlPlane, signal);
  } catch (error) {
    if (!(error instanceof CheckTimeoutError)) throw error;
    return [...controlPlaneTimedOut(error, context), skip("clock", "not known: no answer with a date")];
  }
}

/** Nothing is said of main where it is not bound (D-8). */
function mainExaminations(context: Context): readonly Examination[] {
  const { config, routes } = context;
  const main = config.mcp.bindings.find(({ channel }) => channel === MAIN_CHANNEL);
  if (main === undefined) return [];
  const overHttp: CheckId[] = ["mcp_server_reachable", "oauth_metadata"];
  const spoken: CheckId[] = ["mcp_handshake", "mcp_tools"];
  if (main.transport === "stdio") {
    return [{
      ids: ["mcp_command_executable", ...overHttp, ...spoken],
      limitMs: MCP_LIMIT_MS,
      work: async (signal) => {
        const executable = await checkExecutable(context, main);
        const rest = executable.status === "PASS"
          ? await checkMain(context, main, signal)
          : skipped(spoken, "not asked: the command cannot be started");
        return [executable, ...skipped(overHttp, "main is a command, not a URL"), ...rest];
      },
    }];
  }
  const route = routes?.channels[MAIN_CHANNEL];
  if (route === undefined) {
    const ids = [...overHttp, ...spoken];
    return [{ ids, limitMs: LOCAL_LIMIT_MS, work: () => Promise.resolve(skipped(ids, NO_MATERIAL)) }];
  }
  return [
    {
      ids: ["mcp_server_reachable"],
      limitMs: LOCAL_LIMIT_MS,
      work: async (signal) => [await checkReachable(context, main, route, signal)],
    },
    {
      ids: ["oauth_metadata"],
      limitMs: 2 * LOCAL_LIMIT_MS,
      work: async (signal) => [await checkOauth(context, main, route, signal)],
    },
    { ids: spoken, limitMs: MCP_LIMIT_MS, work: (signal) => checkMain(context, main, signal) },
  ];
}

function skipped(ids: readonly CheckId[], why: string): readonly Check[] {
  return ids.map((id) => skip(id, why));
}

async function runAll(
  examinations: readonly Examination[],
  { signal, onProgress }: DoctorRequest,
): Promise<readonly Check[]> {
  const running = new Set(examinations.flatMap(({ ids }) => ids));
  const tell = () => onProgress?.(CHECK_IDS.filter((id) => running.has(id)));
  tell();
  const settled = await Promise.allSettled(examinations.map(async (examination) => {
    try {
      return await inTime(examination, signal);
    } finally {
      for (const id of examination.ids) running.delete(id);
      tell();
    }
  }));
  // All of them have cleaned up behind themselves before the first mistake is told.
  return settled.flatMap((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

async function inTime({ ids, limitMs, work }: Examination, signal: AbortSignal): Promise<readonly Check[]> {
  try {
    return await withinLimit(limitMs, signal, work);
  } catch (error) {
    if (!(error instanceof CheckTimeoutError)) throw error;
    return ids.map((id) =>
      fail(id, error.message, { why: "Whatever takes so long here holds a run up, too." })
    );
  }
}

function inOrder(checks: readonly Check[]): readonly Check[] {
  return CHECK_IDS.flatMap((id) => checks.filter((check) => check.id === id));
}

/** The last look before anything is told: whatever a peer or a system has put into a text. */
function concealed(check: Check, conceal: (text: string) => string): Check {
  const { summary, why, evidence, next } = check;
  return {
    ...check,
    summary: conceal(summary),
    ...why === undefined ? {} : { why: conceal(why) },
    ...evidence === undefined ? {} : { evidence: evidence.map(conceal) },
    ...next === undefined ? {} : { next: next.map(conceal) },
  };
}
