import { describeServiceError, mitigationFor, parseServiceError } from "../agent/service_error.ts";
import { HEADER } from "../agent/wire.ts";
import {
  BodyTooLargeError,
  type HeaderPairs,
  type HttpClient,
  type HttpResponse,
  NetError,
} from "../net/mod.ts";
import { CLIENT_NAME, VERSION } from "../version.ts";
import { AdminError, type AdminErrorDetails } from "./admin_error.ts";
import { redirectTarget } from "./redirect.ts";

export interface ManagementCallsOptions {
  /** Scheme, host and port of the control plane. */
  readonly origin: string;
  /** Put before every route, empty or starting with `/`. */
  readonly prefix: string;
  /** Secret. */
  readonly key: string;
  readonly client: HttpClient;
  /** Longest time that a call may take, redirects and body included. @default 30000 (P-143) */
  readonly limitMs?: number;
}

export interface ManagementReply {
  /** Empty for a reply without body (P-144). */
  readonly body: Readonly<Record<string, unknown>>;
  /** `X-Request-Id`, empty when there was none. */
  readonly requestId: string;
}

const LIMIT_MS = 30_000;
/** Only this much is read of what a refusal says (P-136). */
const MAX_ERROR_BYTES = 4096;
const MAX_REPLY_BYTES = 16 * 1024 * 1024;
const MAX_REDIRECTS = 10;
const REQUEST_ID = HEADER.requestId.toLowerCase();

/** One call as it is told in errors: the route without query. */
interface Call {
  readonly method: string;
  readonly path: string;
}

/** Makes single calls of the management API (P-143): no retries, one time limit, one key. */
export class ManagementCalls {
  readonly #options: ManagementCallsOptions;
  readonly #headers: HeaderPairs;

  constructor(options: ManagementCallsOptions) {
    this.#options = options;
    this.#headers = [
      ["Authorization", `Bearer ${options.key}`],
      ["Accept", "application/json"],
      ["User-Agent", `${CLIENT_NAME}/${VERSION}`],
      [HEADER.clientName, CLIENT_NAME],
      [HEADER.clientVersion, VERSION],
      [HEADER.instanceId, crypto.randomUUID().replaceAll("-", "")],
    ];
  }

  /**
   * Makes one call.
   * @param route behind the prefix, with its query
   * @param body sent as JSON when given
   * @throws {AdminError} when it could not be made, was refused, or was answered with something else than an object
   */
  async call(method: string, route: string, body?: object): Promise<ManagementReply> {
    const { origin, prefix, limitMs = LIMIT_MS } = this.#options;
    const url = origin + prefix + route;
    const call = { method, path: new URL(url).pathname };
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new LimitReached()), limitMs);
    try {
      const response = await this.#send(call, url, body, abort.signal);
      return await this.#read(call, response);
    } catch (error) {
      if (error instanceof LimitReached) {
        throw new AdminError(`request ${method} ${call.path} failed: no answer within ${limitMs / 1000} s`);
      }
      if (!(error instanceof NetError)) throw error;
      const said = this.#safe(error.at(origin).explanation);
      throw new AdminError(`request ${method} ${call.path} failed: ${said}`, {}, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  async #send(call: Call, url: string, body: object | undefined, signal: AbortSignal): Promise<HttpResponse> {
    let target = url;
    for (let redirects = 0;; redirects++) {
      const response = await this.#options.client.request({
        method: call.method,
        url: target,
        signal,
        headers: body === undefined
          ? this.#headers
          : [...this.#headers, ["Content-Type", "application/json"]],
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const next = redirectTarget(call.method, target, response);
      if (next === undefined) return response;
      response.body.cancel();
      if ("refused" in next || redirects === MAX_REDIRECTS) {
        const why = "refused" in next ? next.refused : `more than ${MAX_REDIRECTS} redirects`;
        throw new AdminError(`request ${call.method} ${call.path} failed: ${response.status} ${why}`, {
          ...call,
          statusCode: response.status,
        });
      }
      target = next.url;
    }
  }

  async #read(call: Call, response: HttpResponse): Promise<ManagementReply> {
    const requestId = this.#safe(fieldOf(response.headers, REQUEST_ID));
    const { status } = response;
    if (status < 200 || status > 299) throw await this.#refusal(call, response, requestId);
    const told = { ...call, statusCode: status, ...(requestId === "" ? {} : { requestId }) };
    let text: string;
    try {
      text = await response.body.text(MAX_REPLY_BYTES);
    } catch (error) {
      if (!(error instanceof BodyTooLargeError)) throw error;
      throw new AdminError(
        `request ${call.method} ${call.path} failed: ${status} with too long a body`,
        told,
      );
    }
    const body = objectOf(text);
    if (body !== undefined) return { body, requestId };
    throw new AdminError(
      `request ${call.method} ${call.path} failed: ${status} with a body that is no JSON object; ` +
        `is ${this.#options.origin} a control plane?`,
      told,
    );
  }

  /** */
  async #refusal(call: Call, response: HttpResponse, requestId: string): Promise<AdminError> {
    const { status } = response;
    const text = await beginningOf(response, MAX_ERROR_BYTES);
    // A text of 4096 bytes has no more than as many characters; nothing is cut twice, and no ellipsis is added.
    const detail = parseServiceError(text, 2 * MAX_ERROR_BYTES);
    const code = this.#safe(detail.code);
    const type = this.#safe(detail.type);
    const mitigation = mitigationFor(detail.code);
    const details: AdminErrorDetails = {
      ...call,
      statusCode: status,
      ...(requestId === "" ? {} : { requestId }),
      ...(code === "" ? {} : { code }),
      ...(type === "" ? {} : { type }),
      ...(mitigation === undefined ? {} : { mitigation }),
    };
    const said = this.#safe(describeServiceError(detail));
    const hint = isMissingDelete(call, status, text)
      ? "delete is not exposed on this control-plane base URL yet; the other operations may work: "
      : "";
    const suffix = requestId === "" ? "" : ` (x-request-id: ${requestId})`;
    const message = `request ${call.method} ${call.path} failed: ${status} ${hint}${said}`.trimEnd();
    return new AdminError(message + suffix, details);
  }

  /** What a peer said, for a terminal: on one line, without control sequences, and without the key (C-16). */
  #safe(text: string): string {
    // deno-lint-ignore no-control-regex
    return text.replaceAll(this.#options.key, "[key]").replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
  }
}

class LimitReached extends Error {
  override readonly name = "LimitReached";
}

/** the published service may not serve deletes everywhere. */
function isMissingDelete({ method, path }: Call, status: number, text: string): boolean {
  return method === "DELETE" && status === 404 && path.includes("/v1/tunnels/") &&
    text.includes("Invalid URL");
}

/** The first bytes of a body as text; half a character at the end is left out. */
async function beginningOf({ body }: HttpResponse, limitBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let leftBytes = limitBytes;
  try {
    for await (const chunk of body.chunks()) {
      text += decoder.decode(chunk.subarray(0, leftBytes), { stream: true });
      leftBytes -= chunk.length;
      if (leftBytes <= 0) return text;
    }
  } catch (error) {
    // What a refusal said before its connection broke is still worth telling.
    if (!(error instanceof NetError)) throw error;
  }
  return text;
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

function fieldOf(headers: HeaderPairs, name: string): string {
  return headers.find(([field]) => field.toLowerCase() === name)?.[1] ?? "";
}
