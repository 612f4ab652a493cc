import { request as httpRequest } from "node:http";
import {
  createExposition,
  createMetricStore,
  createRedactor,
  createTimelineRing,
  type OperatorListener,
  type OperatorListenerOptions,
  type OperatorProviders,
  startOperatorListener,
  type TimelineRing,
} from "../../src/ops/mod.ts";
import { type RecordedLog, recordLog } from "./ops_log.ts";
import { agentStatus, FACTS, TRUST } from "./ops_status.ts";

/** A running listener with everything behind it that a test may want to reach. */
export interface TestListener extends AsyncDisposable {
  readonly listener: OperatorListener;
  readonly providers: TestProviders;
  readonly recorded: RecordedLog;
  get(path: string, headers?: Record<string, string>, method?: string): Promise<Answer>;
}

export type TestProviders = ReturnType<typeof testProviders>;

/** Providers of a healthy agent, all parts real; `overrides` replaces members. */
export function testProviders(
  overrides: Partial<OperatorProviders & { timeline: TimelineRing }> = {},
  recorded = recordLog(),
) {
  const own = createMetricStore();
  const redactor = createRedactor();
  const timeline = createTimelineRing(200);
  const metrics = createExposition({
    info: { version: FACTS.version, tunnel_id: FACTS.controlPlane.tunnelId },
    own,
    isReady: () => true,
    refresh: () => Promise.resolve(),
    redactor,
    log: recorded.log,
  });
  return {
    facts: () => FACTS,
    agentStatus: () => agentStatus(),
    trust: () => TRUST,
    metrics,
    timeline,
    redactor,
    own,
    ...overrides,
  };
}

const TCP: OperatorListenerOptions = { listenAddr: "127.0.0.1:0", unixSocket: "", urlFile: "", pidFile: "" };

/** Starts a listener on a port of the system's choice. */
export async function startTestListener(
  options: Partial<OperatorListenerOptions> = {},
  overrides: Partial<OperatorProviders & { timeline: TimelineRing }> = {},
): Promise<TestListener> {
  const recorded = recordLog();
  const providers = testProviders(overrides, recorded);
  const listener = await startOperatorListener({ ...TCP, ...options }, providers, recorded.log);
  const where = options.unixSocket ? { socketPath: options.unixSocket } : tcpPlace(listener.url);
  return {
    listener,
    providers,
    recorded,
    get: (path, headers = {}, method = "GET") => ask(where, path, headers, method),
    async [Symbol.asyncDispose]() {
      await listener.stop();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Uint8Array;
  readonly text: string;
}

type Where = { readonly socketPath: string } | { readonly host: string; readonly port: number };

function tcpPlace(url: string): Where {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** One exchange on a connection of its own; unlike `fetch` it sends the Host header it is given. */
export function ask(
  where: Where,
  path: string,
  headers: Record<string, string>,
  method: string,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = httpRequest({ ...where, path, method, headers, agent: false }, (response) => {
    const chunks: Uint8Array[] = [];
    response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    response.on("error", reject);
    response.on("end", () => {
      const bytes = new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
      const text = new TextDecoder().decode(bytes);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, text });
    });
  });
  request.on("error", reject);
  request.end();
  return promise;
}
