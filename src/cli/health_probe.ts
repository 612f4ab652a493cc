import * as http from "node:http";
import * as https from "node:https";
import type { HealthAddress } from "./health_address.ts";

const MAX_REDIRECTS = 10;

/** What one route has answered. */
export interface ProbeAnswer {
  readonly status: number;
  readonly body: string;
}

/** Limits of one probe. */
export interface ProbeLimits {
  readonly timeoutMs: number;
  /** Longest body that is kept. */
  readonly bodyBytes: number;
}

/**
 * Asks one route and follows its redirects. Made with `node:http`, which dials sockets as well and knows no proxy.
 * @throws {Error} saying in a few words why there is no answer
 */
export async function probe(address: HealthAddress, path: string, limits: ProbeLimits): Promise<ProbeAnswer> {
  const signal = AbortSignal.timeout(limits.timeoutMs);
  let url = new URL(address.requestBase + path);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const { location, ...answer } = await ask(url, address.socketPath, limits, signal);
    if (location === undefined || answer.status < 300 || answer.status > 399) return answer;
    url = new URL(location, url);
  }
  throw new Error(`more than ${MAX_REDIRECTS} redirects`);
}

interface Reply extends ProbeAnswer {
  readonly location: string | undefined;
}

function ask(url: URL, socketPath: string, limits: ProbeLimits, signal: AbortSignal): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const options = { agent: false as const, ...(socketPath === "" ? {} : { socketPath }) };
  const fail = (error: unknown) => reject(new Error(reason(error, signal, limits.timeoutMs)));
  const library = url.protocol === "https:" ? https : http;
  const request = library.get(url, options, (response) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const finish = () => {
      resolve({
        status: response.statusCode ?? 0,
        body: new TextDecoder().decode(joined(chunks, limits.bodyBytes)).trim(),
        location: response.headers.location,
      });
      request.destroy();
    };
    response.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= limits.bodyBytes) finish();
    });
    response.on("end", finish);
    response.on("error", fail);
  });
  request.on("error", fail);
  const abort = () => {
    fail(signal.reason);
    request.destroy();
  };
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", abort));
}

function joined(chunks: readonly Uint8Array[], limit: number): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all.subarray(0, limit);
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused: nothing listens there",
  ECONNRESET: "connection closed before an answer",
  ENOENT: "socket does not exist",
  EACCES: "permission denied",
  ENOTFOUND: "host not found",
};

function reason(error: unknown, signal: AbortSignal, timeoutMs: number): string {
  if (signal.aborted) return `no answer within ${timeoutMs} ms`;
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return REASONS[code] ?? error.message;
}
